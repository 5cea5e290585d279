package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// The secrets of a daemon whose outputs are searched for them. Each of them is in no other text.
const (
	ingestSecret = "ingest-Zq7secretT0kenAAAA"
	lineSecret   = "line-Zq7secretT0kenBBBB"
	adminSecret  = "admin-Zq7secretT0kenCCCC"
	wrongSecret  = "wrong-Zq7secretT0kenDDDD" // which somebody tries: it may be right elsewhere
	querySecret  = "query-Zq7secretT0kenEEEE"
	nextSecret   = "next-Zq7secretT0kenFFFF" // after a reload
)

// outputs is all that a daemon has said, by where it said it.
type outputs struct {
	testing.TB
	mu      sync.Mutex // guards what follows
	log     bytes.Buffer
	said    map[string]string
	secrets []string // of sessions
}

// Write implements io.Writer, for the log.
func (o *outputs) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Write(b)
}

// hear notes what was answered.
func (o *outputs) hear(where, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said[where] += text + "\n"
}

// session opens a session, and returns its token, of which the secret is one more.
func (o *outputs) session(d *daemon) string {
	o.Helper()
	answer, err := fetch(context.Background(), request{method: http.MethodGet, url: pushURL(d) + "/"})
	if err != nil {
		o.Fatal(err)
	}
	text := regexp.MustCompile(`"reconnectWith":"([^"]+)"`).FindStringSubmatch(answer.body)
	if text == nil {
		o.Fatalf("no token in %s", answer.body)
	}
	o.secrets = append(o.secrets, text[1][strings.LastIndexByte(text[1], '/')+1:])
	return text[1]
}

func pushURL(d *daemon) string {
	for _, p := range d.ports {
		if p.key == "push.listen" {
			return p.url()
		}
	}
	return ""
}

// send does a request, whatever comes of it. What is answered to who has brought a secret may name it: own is what it may.
func (o *outputs) send(r request, own ...string) {
	answer, err := fetch(context.Background(), r)
	if err != nil {
		return // a panic closes the connection
	}
	text := answer.status + "\n" + answer.header + answer.body
	for _, secret := range own {
		text = strings.ReplaceAll(text, secret, "")
	}
	o.hear(r.method+" "+regexp.MustCompile(`^https?://[^/]+`).ReplaceAllString(r.url, ""), text)
}

// wantNoSecret searches all that was said.
func (o *outputs) wantNoSecret() {
	o.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said["the log"] = o.log.String()
	if !strings.Contains(o.said["the log"], "refused") {
		o.Error("the log says of nobody that he was refused")
	}
	secrets := append([]string{ingestSecret, lineSecret, adminSecret, wrongSecret, querySecret, nextSecret}, o.secrets...)
	for _, secret := range secrets {
		for _, spelled := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), fmt.Sprintf("%x", secret)} {
			for where, text := range o.said {
				if i := strings.Index(text, spelled); i >= 0 {
					o.Errorf("%s has a secret: …%s", where, text[max(i-100, 0):min(i+len(spelled)+20, len(text))])
				}
			}
		}
	}
}

// TestNoSecretIsSaid drives a daemon with secrets through what goes well and what goes wrong, and finds none of them in what
// it says: its log, the log of updates, metrics, profiles, answers, and what the dashboard is told.
func TestNoSecretIsSaid(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		for _, lane := range []string{"loops", "http"} {
			t.Run(format+", "+lane, func(t *testing.T) {
				o := &outputs{TB: t, said: make(map[string]string)}
				d := o.daemon(t, format, lane)
				o.drive(t, d)
				if err := d.stop(make(chan os.Signal)); err != nil {
					t.Error(err)
				}
				updates, err := os.ReadFile(d.config.Log.Output)
				if err != nil || len(updates) == 0 {
					t.Errorf("the log of updates: %q, %v", updates, err)
				}
				o.hear("log.output", string(updates))
				o.wantNoSecret()
			})
		}
	}
}

func (o *outputs) daemon(t *testing.T, format, lane string) *daemon {
	config := DefaultConfig()
	config.Push.Listen, config.Ingest.Listen, config.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	config.Line.Listen, config.Line.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	config.Ingest.Tokens, config.Line.Tokens, config.Admin.Token = []Secret{ingestSecret}, []Secret{lineSecret}, adminSecret
	config.Push.Open, config.Push.Origins = []string{"open/**"}, []string{"https://listed.example"}
	config.Log = LogConfig{Output: filepath.Join(t.TempDir(), "updates.log"), Format: format, Level: "debug"}
	config.Limits.Lane, config.State.File = lane, "off"
	level := new(slog.LevelVar)
	d := newDaemon(config, newLogger(o, format, level), level)
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// drive does all that can be done, well and badly.
func (o *outputs) drive(t *testing.T, d *daemon) {
	push, ingest, admin, lines := d.at(t, "push.listen"), d.at(t, "ingest.listen"), d.at(t, "admin.listen"), d.at(t, "line.http")
	bearer := func(secret string) http.Header { return http.Header{"Authorization": {"Bearer " + secret}} }
	for range 3 {
		o.drivePush(push, o.session(d))
	}
	session := o.session(d)
	for _, secret := range []string{ingestSecret, wrongSecret} {
		for _, target := range []string{"/update", "/connect", "/permit", "/kick", "/", "/nowhere", "/clients/" + idOf(session), "/paths/a", "/update?token=" + querySecret} {
			for _, body := range []string{"", "{", `{"path":"a","message":1}`, `{"id":"` + idOf(session) + `","paths":["open/a"]}`, `{"id":"` + session + `","paths":["a"]}`} {
				o.send(request{method: http.MethodPost, url: ingest + target, body: body, header: bearer(secret)}, session)
			}
			o.send(request{method: http.MethodGet, url: ingest + target, header: bearer(secret)}, session)
		}
		o.misplace(ingest, ingestSecret, bearer(secret))
	}
	o.send(request{method: http.MethodPost, url: ingest + "/update", body: "{}", header: http.Header{"Authorization": {"Basic " + wrongSecret}, "Cookie": {"token=" + ingestSecret}}})
	for _, secret := range []string{lineSecret, wrongSecret} {
		o.send(request{method: http.MethodGet, url: lines + "/a;%20b", header: bearer(secret)})
		o.send(request{method: http.MethodGet, url: lines + "/%3a%3atoken;%20" + querySecret, header: bearer(secret)})
		o.send(request{method: http.MethodGet, url: lines + "/::token%20" + querySecret, header: bearer(secret)})
		o.line(t, d, "::token; "+secret+"\na; b\n::kick; nobody\n\x00\n::exit\n")
		o.line(t, d, "::token; "+secret+"\n::token "+secret+"\n::token:"+secret+"\n::TOKEN;"+secret+"\n::Token=short-"+secret+"; x\n")
	}
	o.line(t, d, "GET /?"+querySecret+" HTTP/1.1\nAuthorization: Bearer "+lineSecret+"\n\n")
	o.line(t, d, strings.Repeat(wrongSecret, 20000)+"\n")
	next := d.config.Clone()
	next.Ingest.Tokens, next.Admin.Token, next.Name = []Secret{nextSecret}, adminSecret, "other"
	d.reload(func() (*Config, error) { return next, nil })
	broken := next.Clone()
	broken.Ingest.Tokens, broken.Drain = []Secret{"\x00" + wrongSecret}, -1
	d.reload(func() (*Config, error) { return broken, broken.Validate() })
	for _, secret := range []string{wrongSecret, adminSecret} {
		for _, target := range []string{"/", "/metrics", "/healthz", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1",
			"/debug/pprof/allocs?debug=1", "/debug/pprof/cmdline", "/control/clients/" + idOf(session), "/control/paths/a", "/live/", "/nowhere?" + querySecret, "/metrics?token=" + querySecret} {
			o.send(request{method: http.MethodGet, url: admin + target, header: bearer(secret)})
		}
		o.misplace(admin, adminSecret, bearer(secret))
	}
}

// misplace puts the token of a control port into addresses.
func (o *outputs) misplace(port, token string, header http.Header) {
	for _, target := range []string{"/" + token, "/" + token + "/", "/x/" + token, "/paths/" + token, "/paths/a//" + token, "/clients/" + token,
		"/control/paths/a//" + token, "/control/clients/" + token, "/update/" + token, "/update;" + token, "/x?token=" + token,
		"/paths/a?limit=" + token, "/tail?pattern=**/" + token, "/dashboard/paths?limit=" + token} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			o.send(request{method: method, url: port + target, header: header}, token)
		}
	}
}

// drivePush does what a client does, and more.
func (o *outputs) drivePush(push, token string) {
	socket := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"12"}, "Sec-Websocket-Key": {"x"}}
	secret := token[strings.LastIndexByte(token, '/')+1:]
	for _, target := range []string{"/" + token + "/connect", "/" + token + "/nothing", "/" + token + "/a/b/c", "/" + token, "/" + token + "x", "/x/" + token, "/" + token + "?path=closed",
		"/%2f" + token, "/?token=" + querySecret, "/?path=" + querySecret, "/?path=%zz" + querySecret} {
		for _, body := range []string{"", "{", `["open/a"]`, `["closed"]`, `{"path":"closed","message":1}`, `"` + token + `"`} {
			o.send(request{method: http.MethodPost, url: push + target, body: body}, secret, querySecret)
		}
		for _, method := range []string{http.MethodOptions, http.MethodPut, "HEAD", "BREW"} {
			o.send(request{method: method, url: push + target}, secret, querySecret)
		}
		o.send(request{method: http.MethodGet, url: push + target, header: socket}, secret, querySecret)
		o.send(request{method: http.MethodPost, url: push + target, body: "x", header: http.Header{"Origin": {"https://evil.example"}, "Content-Encoding": {"gzip"}}}, secret, querySecret)
	}
	id := idOf(token)
	for _, target := range []string{id + "%252F0%252F" + secret, id + "%2F0%2F" + secret, id + "/0//" + secret, "a/b/c/" + secret, id + "//" + secret,
		id + "/undefined/" + secret, id + ";0;" + secret, id + "/-1/" + secret, id + "/0/-" + secret, id + secret, secret, "/" + secret,
		"x/" + secret + "." + secret, "?id=" + id + "&t=" + secret, strings.Repeat("x/", 35) + secret} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, "DELETE"} {
			o.send(request{method: method, url: push + "/" + target, body: "x"}, secret)
		}
	}
	o.send(request{method: http.MethodDelete, url: push + "/" + token}, secret)
	o.send(request{method: http.MethodDelete, url: push + "/" + token}, secret)
	o.send(request{method: http.MethodPost, url: push + "/" + token, body: "{}"}, secret)
}

// line says text to the line port, and waits until it is closed or takes nothing more.
func (o *outputs) line(t *testing.T, d *daemon, text string) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.at(t, "line.listen"), "tcp://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, text) // it is closed where the text is refused
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	o.hear("the line port", string(answer))
}

// secretName is a variable that holds what somebody might guess.
var secretName = regexp.MustCompile(`(?i)(secret|tokens?|password|authorization)$`)

// notSecret are names that look like such a variable.
var notSecret = map[string]bool{"pathToken": true, "token.Token": true}

// Secrets are compared in a time that does not tell how much of them is right: by lane.HasToken and Session.holds alone. So
// no file of those that see them compares one by an operator, or by a function that ends at the first difference.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	for _, dir := range []string{"../../transport", "../../dispatch", "."} {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				findComparisons(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// leaky are functions whose time tells where two texts differ.
var leaky = regexp.MustCompile(`^(strings|bytes|slices|maps)\.(Equal|EqualFold|Compare|Contains|Index|HasPrefix|HasSuffix)$`)

func findComparisons(t *testing.T, path string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && (secretly(n.X) || secretly(n.Y)) && !plainly(n.X) && !plainly(n.Y) {
				t.Errorf("%s compares a secret by %s", files.Position(n.Pos()), n.Op)
			}
		case *ast.CallExpr:
			if name := named(n.Fun); leaky.MatchString(name) && len(n.Args) > 1 && (secretly(n.Args[0]) || secretly(n.Args[1])) && !plainly(n.Args[1]) {
				t.Errorf("%s compares a secret by %s", files.Position(n.Pos()), name)
			}
		}
		return true
	})
}

// named is the name of an expression, "" for one that has none.
func named(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return named(e.X) + "." + e.Sel.Name
	case *ast.SliceExpr:
		return named(e.X)
	case *ast.IndexExpr:
		return named(e.X)
	case *ast.CallExpr:
		if len(e.Args) == 1 { // string(secret), []byte(secret)
			return named(e.Args[0])
		}
	}
	return ""
}

func secretly(e ast.Expr) bool {
	name := named(e)
	return secretName.MatchString(name) && !notSecret[name]
}

// plainly tells whether an expression is no text that is to be kept: a constant, or a length.
func plainly(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || notSecret[e.Name]
	case *ast.CallExpr:
		name := named(e.Fun)
		return name == "len"
	}
	return false
}

// TestSlowClients has many at a time send to every port as slowly as they can, on both lanes, and over TLS: each is cut when
// the limits say so, and whoever else asks is served meanwhile.
func TestSlowClients(t *testing.T) {
	for _, lane := range []string{"loops", "http"} {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, TLS %v", lane, secure), func(t *testing.T) {
				t.Parallel()
				d := quietDaemon(t, func(c *Config) {
					c.Limits.Header, c.Limits.Body, c.Limits.Idle, c.Limits.Lane = 3*time.Second, 3*time.Second, 3*time.Second, lane
					c.Line.Tokens, c.State.File = []Secret{lineSecret}, "off"
					if secure {
						dir := t.TempDir()
						c.Push.TLS.Cert, c.Push.TLS.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
						writePair(t, c.Push.TLS, "localhost")
					}
				})
				if err := d.start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = d.stop(make(chan os.Signal)) })
				var slow sync.WaitGroup
				for _, p := range d.ports {
					for _, beginning := range slowBeginnings {
						for range 10 {
							slow.Go(func() { dribble(t, p.key, p.listener.Addr().String(), beginning, secure && p.key == "push.listen") })
						}
					}
				}
				for range 20 {
					ask(t, http.MethodPost, d.at(t, "ingest.listen")+"/update", `{"path":"a","message":1}`)
					ask(t, http.MethodGet, d.at(t, "admin.listen")+"/healthz", "")
				}
				slow.Wait()
			})
		}
	}
}

// slowBeginnings are what slow clients send at once. Then they send a byte every few milliseconds.
var slowBeginnings = []string{
	"", "GET /", "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "POST /update HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n",
	"POST /update HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", "\x16\x03\x01\x10",
}

// dribble wants the connection to be closed in time.
func dribble(t *testing.T, key, address, beginning string, secure bool) {
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(patience))
	conn := raw
	if secure && strings.HasSuffix(beginning, "\n") { // the others are no TLS at all, or half of it
		conn = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		ended <- err
	}()
	_, err = io.WriteString(conn, beginning)
	for err == nil {
		select {
		case err = <-ended:
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: the connection is open after %v of %q", key, patience, beginning)
			}
			return
		case <-time.After(20 * time.Millisecond):
			_, err = io.WriteString(conn, "1")
		}
	}
	if err := <-ended; errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: the connection is open after %v of %q", key, patience, beginning)
	}
}
