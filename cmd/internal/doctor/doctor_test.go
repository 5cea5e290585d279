package doctor

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/line"
)

// A daemon without any proxy has nothing wrong with it, and no session is left behind.
func TestHealthy(t *testing.T) {
	t.Parallel()
	daemon := startDaemon(t)
	config := configFor(t, daemon.Push)
	var told []string
	config.Told = func(c Check) { told = append(told, c.Name) }
	waited := false
	config.Waiting = func(time.Duration, time.Duration) { waited = true }
	report := examine(t, config)
	wants(t, report, nil)
	wantNoSecret(t, report)
	if len(told) != len(checks) || !waited {
		t.Errorf("%d of %d checks were told; the wait was told: %v", len(told), len(checks), waited)
	}
	answer, err := http.Get(daemon.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), "\nrootsd_sessions 0\n") {
		t.Errorf("sessions are left: %v", err)
	}
}

func TestQuick(t *testing.T) {
	t.Parallel()
	config := configFor(t, startDaemon(t, "--push-hold=5m").Push)
	config.Quick = true
	report := examine(t, config)
	wants(t, report, nil)
	if c := seen(t, report, "idle_timeout"); c.State != Skipped || !strings.Contains(c.Seen, "--quick") {
		t.Errorf("idle_timeout is %v", c)
	}
}

// A daemon that holds for longer than was waited for is no failure.
func TestHoldsForLong(t *testing.T) {
	t.Parallel()
	config := configFor(t, startDaemon(t, "--push-hold=5m").Push)
	config.Hold = time.Second
	report := examine(t, config)
	wants(t, report, one("idle_timeout", Warning))
	wantText(t, report, "idle_timeout", "push.hold is longer")
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	config := configFor(t, startDaemon(t, "--push-hold=5m").Push)
	ctx, cancel := context.WithCancel(t.Context())
	config.Waiting = func(time.Duration, time.Duration) { cancel() }
	report := Run(ctx, config)
	wants(t, report, nil)
	if c := seen(t, report, "idle_timeout"); c.State != Skipped || c.Seen != "interrupted" {
		t.Errorf("idle_timeout is %v", c)
	}
}

// Of an address without a slash at its end the browsers' client makes one with it.
// What was under way when it was interrupted is said to have failed by nobody's fault.
func TestInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	silent := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	report := Run(ctx, configFor(t, silent.URL))
	wants(t, report, nil)
	for _, c := range report.Checks {
		if c.State != Skipped || c.Cause != interrupted.Cause {
			t.Errorf("%s is %v", c.Name, c)
		}
	}
}

// Waits end in less than their bound or at it, and it is that which is said.
func TestPatience(t *testing.T) {
	e := newExam(Config{URL: parse(t, "http://127.0.0.1/"), Timeout: time.Minute})
	e.waits = &waits{stream: &wait{err: context.DeadlineExceeded}}
	if c := e.buffering(t.Context()); !strings.Contains(c.Seen, "within 5.0 s") {
		t.Errorf("buffering is %v", c)
	}
}

// What answers browsers by HTTP/1.0 is not mended by what it asks rootsd by.
func TestOldAnswer(t *testing.T) {
	e := newExam(Config{URL: parse(t, "http://127.0.0.1/")})
	e.waits = &waits{socket: new(wait)}
	e.home = &answer{Response: &http.Response{Proto: "HTTP/1.0", ProtoMajor: 1}}
	if c := e.httpVersion(t.Context()); c.State != Failed || !strings.Contains(c.Fix, "another proxy") {
		t.Errorf("http_version is %v", c)
	}
}

// A poll that a proxy cuts is asked for once, so that the time is that of the cut.
func TestPollIsNotRepeated(t *testing.T) {
	t.Parallel()
	proxy := reverse(t, startDaemon(t).Push)
	var polls atomic.Int32
	cuts := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "application/json" {
			polls.Add(1)
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	}))
	config := configFor(t, cuts.URL+"/comet/")
	config.Quick = true
	examine(t, config)
	if n := polls.Load(); n != 1 {
		t.Errorf("there were %d polls", n)
	}
}

func TestNoSlash(t *testing.T) {
	t.Parallel()
	config := configFor(t, serve(t, reverse(t, startDaemon(t).Push)).URL+"/comet")
	config.Quick = true
	report := examine(t, config)
	wants(t, report, nil)
	if report.URL != config.URL.String() {
		t.Errorf("the report is of %s", report.URL)
	}
}

func TestPrefixOfTheDaemon(t *testing.T) {
	t.Parallel()
	config := configFor(t, startDaemon(t, "--push-prefix=/comet/").Push+"/comet/")
	config.Quick = true
	wants(t, examine(t, config), nil)
}

func TestTLS(t *testing.T) {
	t.Parallel()
	daemon := startDaemon(t)
	both := map[string]State{"address": Warning, "http_version": Warning}
	for _, test := range []struct {
		name     string
		http2    bool
		insecure bool
		want     map[string]State
		check    string
		text     string
	}{
		{"not trusted", false, false, one("address", Failed), "address", "nobody whom this machine trusts"},
		{"HTTP/1.1", false, true, both, "http_version", "six connections"},
		{"HTTP/2", true, true, one("address", Warning), "http_version", "HTTP/2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(reverse(t, daemon.Push))
			s.Config.ErrorLog, s.EnableHTTP2 = quiet, test.http2
			s.StartTLS()
			t.Cleanup(s.Close)
			config := configFor(t, s.URL+"/comet/")
			config.Quick, config.Insecure = true, test.insecure
			report := examine(t, config)
			wants(t, report, test.want)
			wantText(t, report, test.check, test.text)
		})
	}
}

// What does not even answer HTTP.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	closes := listen(t, func(net.Conn) {})
	silent := listen(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }) // until the doctor goes
	plain := serve(t, page(200)(t, "")).Listener.Addr().String()
	other := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // the request, or a part of it
		_, _ = io.WriteString(conn, "SSH-2.0-x\r\n")
	})
	away := serve(t, http.RedirectHandler("http://127.0.0.1:1/moved", http.StatusFound))
	for _, test := range []struct{ url, text string }{
		{"http://127.0.0.1:1/", "nothing listens"},
		{"http://name.invalid/", "has no address"},
		{"http://" + closes, "the connection was closed"},
		{"http://" + silent, "no answer in time"},
		{"https://" + plain, "plain HTTP answers"},
		{"http://" + other, "is not HTTP"},
		{away.URL + "/comet/", "redirected to http://127.0.0.1:1/moved: nothing listens"},
	} {
		t.Run(test.url, func(t *testing.T) {
			config := configFor(t, test.url)
			config.Timeout = time.Second
			report := examine(t, config)
			wants(t, report, one("address", Failed))
			wantText(t, report, "address", test.text)
		})
	}
}

// listen serves connections until the test ends.
func listen(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	listed := startDaemon(t, "--push-origins=https://app.example")
	open := startDaemon(t)
	for _, test := range []struct {
		name   string
		proxy  http.Handler
		origin string
		want   map[string]State
		text   string
	}{
		{"listed", reverse(t, listed.Push), "https://app.example", nil, "may use it"},
		{"not listed", reverse(t, listed.Push), "https://other.example", one("cors", Failed), "push.origins = " +
			"[\"https://other.example\", …]"},
		{"own", reverse(t, listed.Push), "", nil, "may use it"},
		{"another Host", otherHost(t, listed.Push), "", one("cors", Failed), "Host that the browser sent"},
		{"any", reverse(t, open.Push), "https://other.example", nil, "may use it"},
		{"twice", changes(addOrigin)(t, open.Push), "https://other.example", one("cors", Failed), "2 times"},
		{"taken off", changes(dropOrigin)(t, open.Push), "https://other.example", one("cors", Failed), "no Access-Control"},
		{"OPTIONS refused", noOptions(t, open.Push), "https://other.example", one("cors", Failed), "405"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := configFor(t, serve(t, test.proxy).URL+"/comet/")
			config.Quick, config.Origin = true, test.origin
			report := examine(t, config)
			wants(t, report, test.want)
			wantText(t, report, "cors", test.text)
		})
	}
}

func otherHost(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	rewrite := proxy.Rewrite
	proxy.Rewrite = func(r *httputil.ProxyRequest) {
		rewrite(r)
		r.Out.Host = "backend"
	}
	return proxy
}

func noOptions(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

func TestPorts(t *testing.T) {
	t.Parallel()
	open := startDaemon(t, "--line-listen=127.0.0.1:0")
	kept := startDaemon(t, "--ingest-tokens=one", "--admin-token=two")
	for _, test := range []struct {
		name  string
		ports map[string]int
		want  map[string]State
		text  string
	}{
		{"usual, of this machine", nil, nil, "run this from outside"},
		{"open", portsOf(t, open.Ingest, open.Admin), one("ports", Failed), "ingest ("},
		{"with tokens", portsOf(t, kept.Ingest, kept.Admin), one("ports", Warning), "admin ("},
		{"closed", map[string]int{"ingest": 1, "line": 1, "admin": 1}, nil, "cannot be reached"},
		{"of something else", portsOf(t, open.Push, open.Push), nil, "something else answers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := configFor(t, open.Push)
			config.Quick, config.Ports = true, test.ports
			report := examine(t, config)
			wants(t, report, test.want)
			wantText(t, report, "ports", test.text)
		})
	}
}

// The line port never answers, and closes where it wants a token.
func TestLinePort(t *testing.T) {
	t.Parallel()
	config := configFor(t, startDaemon(t).Push)
	config.Quick = true
	for _, test := range []struct {
		name   string
		tokens []string
		want   map[string]State
	}{
		{"open", nil, one("ports", Failed)},
		{"with tokens", []string{"one"}, one("ports", Warning)},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := config
			port := serveLines(t, line.Config{Tokens: test.tokens, Log: slog.New(slog.DiscardHandler)})
			config.Ports = map[string]int{"line": port}
			report := examine(t, config)
			wants(t, report, test.want)
			wantText(t, report, "ports", "line (")
		})
	}
}

// serveLines serves the line protocol until the test ends.
func serveLines(t *testing.T, config line.Config) (port int) {
	t.Helper()
	controller := dispatch.NewController("test")
	dispatcher := dispatch.NewDispatcher(controller)
	receiver := line.NewReceiver(config, controller, dispatcher)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = receiver.Serve(l) // until it is closed
	}()
	t.Cleanup(func() { receiver.Close(); <-done; dispatcher.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// portsOf returns the ports of two base URLs, as those of ingest and admin.
func portsOf(t *testing.T, ingest, admin string) map[string]int {
	t.Helper()
	ports := make(map[string]int)
	for name, base := range map[string]string{"ingest": ingest, "admin": admin} {
		number, err := strconv.Atoi(parse(t, base).Port())
		if err != nil {
			t.Fatal(err)
		}
		ports[name] = number
	}
	return ports
}

func TestApartFrom(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }
	for _, test := range []struct{ date, sent, got, want int }{
		{1000, 1000, 1100, 0},
		{1000, 1999, 2500, 0}, // a second that has almost gone by
		{1000, 500, 9000, 0},  // a slow answer says nothing
		{61000, 900, 1000, 60000},
		{1000, 62000, 62100, -60000},
	} {
		got := apartFrom(at(test.date), at(test.sent), at(test.got))
		if want := time.Duration(test.want) * time.Millisecond; got != want {
			t.Errorf("apartFrom(%d, %d, %d) = %v, want %v", test.date, test.sent, test.got, got, want)
		}
	}
}

func TestLapse(t *testing.T) {
	for d, want := range map[time.Duration]string{
		7 * time.Second: "7.0 s", 90 * time.Second: "90 s", 2 * time.Minute: "2 minutes", 119 * time.Minute: "119 minutes",
		47 * time.Hour: "47 hours", 49 * time.Hour: "2 days",
	} {
		if got := lapse(d); got != want {
			t.Errorf("lapse(%v) = %s, want %s", d, got, want)
		}
	}
}

func TestProxyOf(t *testing.T) {
	for _, test := range []struct{ server, body, want string }{
		{"nginx/1.22.1", "", "nginx"},
		{"Caddy", "", "Caddy"},
		{"Apache/2.4.71 (Debian)", "", "Apache"},
		{"", "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n",
			"HAProxy"},
		{"", "{}", ""},
	} {
		a := &answer{Response: &http.Response{Header: http.Header{"Server": {test.server}}}, body: []byte(test.body)}
		if got := proxyOf(a); got != test.want {
			t.Errorf("proxyOf(%q, %q) = %q, want %q", test.server, test.body, got, test.want)
		}
	}
}

func TestSeenBy(t *testing.T) {
	for _, test := range []struct{ detail, want string }{
		{`there is nothing at "/comet/a/0/b"; that is not a token`, "/comet/a/0/b"},
		{`there is nothing at "/a\"b"; and "more"`, `/a"b`},
		{"another text", ""},
		{`half "of one`, ""},
	} {
		if got := seenBy(test.detail); got != test.want {
			t.Errorf("seenBy(%s) = %q, want %q", test.detail, got, test.want)
		}
	}
}

// A proxy that has named itself is the only one that advice is about.
func TestAdvice(t *testing.T) {
	for proxy, want := range map[string][]string{
		"":      {"nginx", "Caddy", "HAProxy", "Apache"},
		"nginx": {"nginx"},
	} {
		var got []string
		for line := range strings.Lines((&exam{proxy: proxy}).advice(fixIdle(time.Second))) {
			if name, _, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && strings.HasPrefix(line, "  ") {
				got = append(got, name)
			}
		}
		got = slices.DeleteFunc(got, func(name string) bool { return strings.HasPrefix(name, "(") })
		if !slices.Equal(got, want) {
			t.Errorf("advice for %q is for %q, not %q", proxy, got, want)
		}
	}
}

// The page for operators has a row for each check.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if !strings.Contains(string(text), "\n| `"+c.name+"` |") {
			t.Errorf("docs/operations.md has no row for %s", c.name)
		}
	}
}
