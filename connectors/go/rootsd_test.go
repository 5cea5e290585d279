package rootsd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	os.Unsetenv("ROOTS_URL")
	os.Unsetenv("ROOTS_TOKEN")
	goleak.VerifyTestMain(m)
}

// asked is a request as a server of these tests has got it.
type asked struct {
	method, target, body string
	header               http.Header
	proto                string
}

// server writes down what it is asked, and answers what the test says.
type server struct {
	*httptest.Server
	mu    sync.Mutex // guards asked
	asked []asked
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.asked = append(s.asked, asked{r.Method, r.RequestURI, strings.TrimSpace(string(body)), r.Header, r.Proto})
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) seen() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.asked...)
}

// connect returns a Connector to a URL that is closed with the test.
func connect(t *testing.T, config Config) *Connector {
	c := New(config)
	t.Cleanup(c.Close)
	return c
}

// says answers every request with a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// wantError returns err as an Error, which must be of this reason, and uncertain or not.
func wantError(t *testing.T, err error, reason string, uncertain bool) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("the error is %v, want one of the reason %s", err, reason)
	}
	if e.Reason != reason || e.Uncertain != uncertain {
		t.Errorf("the error is %+v, want the reason %s, uncertain: %v", *e, reason, uncertain)
	}
	return e
}

func TestRequest(t *testing.T) {
	s := serve(t, says(200, `{"accepted":1}`))
	t.Setenv("ROOTS_URL", s.URL+"/roots/")
	t.Setenv("ROOTS_TOKEN", "secret")
	c := connect(t, Config{})
	if _, err := c.Update(t.Context(), Update{Path: "a", Message: "<b> & </b>"}); err != nil {
		t.Fatal(err)
	}
	if err := c.Request(t.Context(), "paths/a?limit=1", nil, nil); err != nil {
		t.Fatal(err)
	}
	update, look := s.seen()[0], s.seen()[1]
	if update.method != "POST" || update.target != "/roots/update" || update.proto != "HTTP/1.1" {
		t.Errorf("an update is %+v", update)
	}
	if want := `{"path":"a","message":"<b> & </b>"}`; update.body != want { // as it was written, without escapes
		t.Errorf("the body is %s, want %s", update.body, want)
	}
	want := map[string]string{"Authorization": "Bearer secret", "Content-Type": "application/json",
		"User-Agent": "rootsd-go/0.1.0"}
	for name, value := range want {
		if got := update.header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if look.method != "GET" || look.target != "/roots/paths/a?limit=1" ||
		look.body != "" || look.header["Content-Type"] != nil {
		t.Errorf("a request without a body is %+v", look)
	}
}

// What marks a request as one that may be repeated is for net/http, and is not sent.
func TestMarkIsNotSent(t *testing.T) {
	s := serve(t, says(200, `{"id":"x","paths":["a"]}`))
	if err := connect(t, Config{URL: s.URL}).Kick(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	if header := s.seen()[0].header; header["X-Idempotency-Key"] != nil || header["Authorization"] != nil {
		t.Errorf("the header is %v", header)
	}
}

func TestReceipts(t *testing.T) {
	answer := `{"matched":3,"delivered":2,"confirmed":1,"gapped":1}`
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/many/") {
			answer = "[" + answer + ",null]"
		}
		io.WriteString(w, answer)
	})
	want := Receipt{Matched: 3, Delivered: 2, Confirmed: 1, Gapped: 1}
	one, err := connect(t, Config{URL: s.URL}).Update(t.Context(), Update{Path: "a", Wait: 100 * time.Microsecond})
	if err != nil || one != want {
		t.Errorf("a receipt is %+v, %v", one, err)
	}
	if body, want := s.seen()[0].body, `{"path":"a","message":null,"wait":"1ms"}`; body != want {
		t.Errorf("sends %s, want %s", body, want)
	}
	updates := []Update{{Path: "a", Wait: time.Second}, {Path: "b"}}
	all, err := connect(t, Config{URL: s.URL + "/many"}).Updates(t.Context(), updates)
	if err != nil || !reflect.DeepEqual(all, []Receipt{want, {}}) {
		t.Errorf("receipts are %+v, %v", all, err)
	}
}

func TestPathsAreNotTheCallers(t *testing.T) {
	s := serve(t, says(200, `{"id":"x","paths":["a"]}`))
	mine := []string{"/a/"}
	got, err := connect(t, Config{URL: s.URL}).Connect(t.Context(), "x", 0, mine...)
	if err != nil || !reflect.DeepEqual(got, []string{"a"}) || mine[0] != "/a/" {
		t.Errorf("returns %q, %v, and what was given is %q now", got, err, mine)
	}
}

func TestClients(t *testing.T) {
	s := serve(t, says(200, `{"id":"x",
		"connected":[{"path":"a","since":"2026-11-21T12:00:06Z","by":"ingest","lapses_in":"59m50s"}],
		"permits":[{"path":"p"}],"session":{"transport":"sse","queued":3}}`))
	got, err := connect(t, Config{URL: s.URL}).Clients(t.Context(), "x")
	since := time.Date(2026, 11, 21, 12, 0, 6, 0, time.UTC)
	want := &Client{ID: "x", Permits: []Link{{Path: "p"}}, Session: map[string]any{"transport": "sse", "queued": 3.0},
		Connected: []Link{{Path: "a", Since: since, By: "ingest", LapsesIn: "59m50s"}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("returns %+v, %v, want %+v", got, err, want)
	}
}

// Each of many goroutines gets the answer to its own request, and each update is asked for once.
func TestConcurrency(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"matched":%s}`, r.Header.Get("Content-Length"))
	})
	c := connect(t, Config{URL: s.URL})
	empty := len(`{"path":"a","message":"","wait":"1000ms"}` + "\n")
	var group sync.WaitGroup
	for n := range 50 {
		group.Go(func() {
			for i := range 10 {
				size := n*10 + i
				u := Update{Path: "a", Message: strings.Repeat("x", size), Wait: time.Second}
				receipt, err := c.Update(t.Context(), u)
				if err != nil || receipt.Matched != empty+size {
					t.Errorf("the answer to an update of %d bytes is %+v, %v", empty+size, receipt, err)
				}
			}
		})
	}
	group.Wait()
	bodies := make(map[string]bool)
	for _, a := range s.seen() {
		bodies[a.body] = true
	}
	if len(bodies) != 500 || len(s.seen()) != 500 {
		t.Errorf("500 updates came as %d requests with %d bodies", len(s.seen()), len(bodies))
	}
}

func TestProblem(t *testing.T) {
	s := serve(t, says(400, `{"title":"Bad Request","status":400,"reason":"path","detail":"path has an empty segment",`+
		`"entry":1,"field":"path","offset":44}`))
	_, err := connect(t, Config{URL: s.URL}).Update(t.Context(), Update{Path: "a//b"})
	e := wantError(t, err, "path", false)
	if e.Status != 400 || *e.Entry != 1 || *e.Offset != 44 || e.Field != "path" || e.Verb != "update" {
		t.Errorf("the error is %+v", *e)
	}
	if want := "rootsd: update: path has an empty segment (400 path, entry 1)"; err.Error() != want {
		t.Errorf("its text is %q, want %q", err, want)
	}
}

func TestAnswersOfOthers(t *testing.T) {
	tests := []struct {
		name      string
		status    int
		body      string
		uncertain bool
	}{
		{"a page", 200, "<!doctype html>", true},
		{"nothing", 204, "", true},
		{"the wrong kind of JSON", 200, `{"id": 1, "paths": true}`, true},
		{"a page of errors", 404, "<!doctype html>", false},
		{"somebody's JSON", 403, `{"reason": "because", "status": 401, "detail": "no"}`, false},
		{"a proxy", 502, "<h1>Bad Gateway</h1>", true},
		{"more than can be kept", 200, `{"id": "` + strings.Repeat("x", 16<<20) + `"}`, true},
	}
	for _, test := range tests {
		s := serve(t, says(test.status, test.body))
		_, err := connect(t, Config{URL: s.URL}).Connect(t.Context(), "x", 0, "a")
		if e := wantError(t, err, "answer", test.uncertain); e.Status != test.status {
			t.Errorf("%s: the error is %+v", test.name, *e)
		}
	}
}

func TestDaemonsOwnFaultIsCertain(t *testing.T) {
	s := serve(t, says(503, `{"status":503,"reason":"draining","detail":"rootsd is stopping","uncertain":true}`))
	_, err := connect(t, Config{URL: s.URL}).Update(t.Context(), Update{Path: "a"})
	wantError(t, err, "draining", false)
}

func TestRedirectIsNotFollowed(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := connect(t, Config{URL: s.URL}).Update(t.Context(), Update{Path: "a"})
	if e := wantError(t, err, "answer", false); e.Status != http.StatusTemporaryRedirect || len(s.seen()) != 1 {
		t.Errorf("the error is %+v after %d requests", *e, len(s.seen()))
	}
}

func TestMessageIsNotJSON(t *testing.T) {
	s := serve(t, says(200, `{"accepted":1}`))
	for _, url := range []string{s.URL, "null:"} {
		_, err := connect(t, Config{URL: url}).Update(t.Context(), Update{Path: "a", Message: math.NaN()})
		if e := wantError(t, err, "message", false); !strings.Contains(e.Detail, "NaN") {
			t.Errorf("the error is %+v", *e)
		}
	}
	if len(s.seen()) != 0 {
		t.Errorf("%d requests were made", len(s.seen()))
	}
}

// free returns an address at which nobody listens.
func free(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestUnreachable(t *testing.T) {
	address := free(t)
	c := connect(t, Config{URL: "http://" + address, Token: "swordfish"})
	_, err := c.Update(t.Context(), Update{Path: "a"})
	wantError(t, err, "unreachable", false)
	text := err.Error()
	if !strings.Contains(text, address) || strings.Contains(text, "swordfish") {
		t.Errorf("its text is %q", text)
	}
}

func TestCertificateOfOthers(t *testing.T) {
	s := httptest.NewUnstartedServer(says(200, `{"accepted":1}`))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of the certificate that is refused
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	c := connect(t, Config{URL: s.URL})
	_, err := c.Update(t.Context(), Update{Path: "a"})
	if e := wantError(t, err, "unreachable", false); !strings.Contains(e.Detail, "certificate") {
		t.Errorf("the error is %+v", *e)
	}
	c.transport.TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	if _, err := c.Update(t.Context(), Update{Path: "a"}); err != nil {
		t.Error(err)
	}
}

func TestURL(t *testing.T) {
	urls := []string{"127.0.0.1:8004", "ftp://127.0.0.1", "http://", "/roots", "http://a b", "http://me:hunter2@a b",
		"http://me:hunter2@127.0.0.1", "http://127.0.0.1/?a=hunter2", "http://127.0.0.1/#hunter2"}
	for _, url := range urls {
		err := connect(t, Config{URL: url}).Kick(t.Context(), "x")
		wantError(t, err, "url", false)
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: its text is %q", url, err)
		}
	}
}

func TestNothingIsSent(t *testing.T) {
	c := New(Config{URL: "null:"})
	ctx := t.Context()
	receipt, err := c.Update(ctx, Update{Path: "a", Message: 1, Wait: time.Second})
	if err != nil || receipt != (Receipt{}) {
		t.Errorf("an update returns %+v, %v", receipt, err)
	}
	receipts, err := c.Updates(ctx, []Update{{Path: "a"}, {Path: "b", Wait: time.Second}})
	if err != nil || !reflect.DeepEqual(receipts, make([]Receipt, 2)) {
		t.Errorf("updates return %+v, %v", receipts, err)
	}
	if paths, err := c.Connect(ctx, "x", time.Minute, "a"); err != nil || !reflect.DeepEqual(paths, []string{"a"}) {
		t.Errorf("connect returns %q, %v", paths, err)
	}
	client, err := c.Clients(ctx, "x")
	if err != nil || client.ID != "x" || client.Connected == nil || client.Permits == nil {
		t.Errorf("clients returns %+v, %v", client, err)
	}
	want := []Sent{
		{"update", map[string]any{"path": "a", "message": 1.0, "wait": "1000ms"}},
		{"update", []any{map[string]any{"path": "a", "message": nil},
			map[string]any{"path": "b", "message": nil, "wait": "1000ms"}}},
		{"connect", map[string]any{"id": "x", "paths": []any{"a"}, "for": "60000ms"}},
		{"clients/x", nil},
	}
	if got := c.Sent(); !reflect.DeepEqual(got, want) {
		t.Errorf("was sent: %v, want %v", got, want)
	}
}

func TestSentIsBounded(t *testing.T) {
	c := New(Config{URL: "null:"})
	for i := range kept + 10 {
		if err := c.Kick(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	got := c.Sent()
	if first := got[0].Body.(map[string]any)["id"]; len(got) != kept || first != "10" {
		t.Errorf("%d are kept, the first is %v", len(got), first)
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	_, err := connect(t, Config{URL: s.URL, Timeout: 200 * time.Millisecond}).Connect(t.Context(), "x", 0, "a")
	wantError(t, err, "timeout", true)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "0.2 s") {
		t.Errorf("the error is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = connect(t, Config{URL: s.URL}).Update(ctx, Update{Path: "a", Wait: time.Minute})
	wantError(t, err, "timeout", true)
	if len(s.seen()) != 2 {
		t.Errorf("asked %d times, want 2", len(s.seen()))
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	s := serve(t, func(http.ResponseWriter, *http.Request) { cancel(); <-done })
	c := connect(t, Config{URL: s.URL})
	_, err := c.Update(ctx, Update{Path: "a"})
	close(done)
	wantError(t, err, "canceled", true)
	_, err = c.Update(ctx, Update{Path: "a"})
	wantError(t, err, "canceled", false)
	if !errors.Is(err, context.Canceled) || len(s.seen()) != 1 {
		t.Errorf("the error is %v, after %d requests", err, len(s.seen()))
	}
}
