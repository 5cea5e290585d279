package push

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// These tests are over TCP, for what a recorder cannot show. They wait for what is to happen, never for a time to pass.

// host is a rig that listens.
type host struct {
	*rig
	address string
	serving atomic.Int64 // how many requests are being served
}

func newHost(t *testing.T, edits ...func(*Config)) *host {
	t.Helper()
	h := &host{rig: newRig(t, edits...)}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.address = listener.Addr().String()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.serving.Add(1)
		defer h.serving.Add(-1)
		h.ServeHTTP(w, r)
	})
	server := lane.NewServer(handler, lane.Bounds{Header: 10 * time.Second, Write: 10 * time.Second}, slog.New(slog.DiscardHandler))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(smallBuffers{listener})
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
		h.eventually("the requests end", func() bool { return h.serving.Load() == 0 })
	})
	return h
}

// smallBuffers has the kernel keep little of what a client does not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		_ = conn.(*net.TCPConn).SetWriteBuffer(4096)
	}
	return conn, err
}

// eventually waits for something that happens by itself.
func (h *host) eventually(what string, is func() bool) {
	h.Helper()
	for limit := time.Now().Add(10 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			h.Errorf("waited in vain: %s", what)
			return
		}
	}
}

// wire is one connection of a client.
type wire struct {
	*net.TCPConn
	host   *host
	reader *bufio.Reader
}

func (h *host) dial() *wire {
	h.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &wire{conn.(*net.TCPConn), h, bufio.NewReader(conn)}
}

// send begins a request. fields end with a line end each.
func (w *wire) send(method, target, fields, body string) {
	w.host.Helper()
	if _, err := fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: test\r\n%s\r\n%s", method, target, fields, body); err != nil {
		w.host.Fatal(err)
	}
}

// receive reads an answer.
func (w *wire) receive() *answer {
	w.host.Helper()
	response, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		w.host.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.host.Fatal(err)
	}
	if response.Close {
		response.Header.Set("Connection", "close") // which ReadResponse takes away
	}
	return readAnswer(w.host, response.StatusCode, response.Header, body)
}

func (w *wire) get(target string) *answer {
	w.host.Helper()
	w.send("GET", target, "", "")
	return w.receive()
}

func (h *host) parked(n int64) {
	h.Helper()
	h.eventually(fmt.Sprint(n, " parked"), func() bool { return h.stats.Parked.Load() == n })
}

// A client that stops reading in the middle of an answer holds up its own request and nothing else.
func TestStoppedReader(t *testing.T) {
	h := newHost(t, func(c *Config) { c.Queue.Bytes, c.Bundle, c.WriteTime = 64<<20, 0, time.Minute })
	stopped, other := h.dial(), h.dial()
	_ = stopped.SetReadBuffer(4096)
	a, b := stopped.get("/"), other.get("/")
	h.connect(a.id(), "big", "all")
	h.connect(b.id(), "all")
	a, b = stopped.get("/"+a.ReconnectWith), other.get("/"+b.ReconnectWith)
	for range 16 {
		h.update("big", `"`+strings.Repeat("x", 64<<10)+`"`)
	}
	answers := h.stats.Answers.Load()
	stopped.send("GET", "/"+a.ReconnectWith, "", "")
	h.eventually("the large answer begins", func() bool { return h.stats.Answers.Load() == answers+1 })

	for i := range 100 {
		other.send("GET", "/"+b.ReconnectWith, "", "")
		h.parked(1)
		h.update("all", fmt.Sprint(i))
		b = other.receive()
		h.wantAnswer(b, fmt.Sprintf("all=%d", i))
	}
	h.eventually("the stopped request alone is being served", func() bool { return h.serving.Load() == 1 })
	stopped.Close()
	h.eventually("the stopped request ends", func() bool { return h.serving.Load() == 0 })
	if again := h.dial().get("/" + a.ReconnectWith); len(again.Updates) != 116 {
		t.Errorf("the retry has %d updates, want all 116", len(again.Updates))
	}
}

// A client that takes too long over its answer is let go, and loses nothing.
func TestWriteTime(t *testing.T) {
	h := newHost(t, func(c *Config) { c.Queue.Bytes, c.Bundle, c.WriteTime = 64<<20, 0, 20*time.Millisecond })
	stopped := h.dial()
	_ = stopped.SetReadBuffer(4096)
	a := stopped.get("/")
	h.connect(a.id(), "big")
	for range 16 {
		h.update("big", `"`+strings.Repeat("x", 64<<10)+`"`)
	}
	stopped.send("GET", "/"+a.ReconnectWith, "", "")
	h.eventually("the answer is given up", func() bool { return h.stats.Answers.Load() == 2 && h.serving.Load() == 0 })
	if n := h.stats.Delivered.Load(); n != 0 {
		t.Errorf("%d delivered, want none", n)
	}
	config := h.made
	config.WriteTime = time.Minute
	h.SetConfig(config)
	if got := h.dial().get("/" + a.ReconnectWith); len(got.Updates) != 17 {
		t.Errorf("the retry has %d updates, want all 17", len(got.Updates))
	}
}

func TestVanishedClient(t *testing.T) {
	h := newHost(t)
	w := h.dial()
	a := w.get("/")
	h.connect(a.id(), "a")
	a = w.get("/" + a.ReconnectWith)
	w.send("GET", "/"+a.ReconnectWith, "", "")
	h.parked(1)
	w.Close()
	h.parked(0)
	h.update("a", "1")
	h.update("a", "2")
	h.wantAnswer(h.dial().get("/"+a.ReconnectWith), "a=1 a=2")
}

// A connection that was answered 409 is good for the next poll.
func TestKeepAliveAfterConflict(t *testing.T) {
	h := newHost(t, func(c *Config) { c.Bundle = 0 })
	one, two := h.dial(), h.dial()
	a := one.get("/")
	h.connect(a.id(), "a")
	a = one.get("/" + a.ReconnectWith)
	one.send("GET", "/"+a.ReconnectWith, "", "")
	h.parked(1)
	two.send("GET", "/"+a.ReconnectWith, "", "")
	h.wantRefusal(one.receive(), http.StatusConflict, "superseded")
	h.update("a", "1")
	b := two.receive()
	h.wantAnswer(b, "a=1")
	two.send("GET", "/"+b.ReconnectWith, "", "")
	h.parked(1)
	h.wantRefusal(one.get("/"+a.ReconnectWith), http.StatusConflict, "stale")
	h.update("a", "2")
	b = two.receive()
	h.wantAnswer(b, "a=2")
	h.wantAnswer(b, "a=2")
	one.send("GET", "/"+b.ReconnectWith, "", "")
	h.parked(1)
	h.update("a", "3")
	h.wantAnswer(one.receive(), "a=3")
}

// The times for a body and for an answer do not count for what comes later on the same connection.
func TestTimesEndWithTheirRequests(t *testing.T) {
	h := newHost(t, func(c *Config) {
		c.BodyTime, c.WriteTime, c.Hold = 20*time.Millisecond, 20*time.Millisecond, 100*time.Millisecond
		c.Open = []dispatch.Pattern{"a"}
	})
	w, clock := h.dial(), h.dial()
	a, b := w.get("/"), clock.get("/")
	for range 2 {
		w.send("POST", "/"+a.ReconnectWith+"/disconnect", "Content-Length: 5\r\n", `["a"]`)
		if got := w.receive(); got.code != http.StatusOK {
			t.Fatalf("answered %d %s", got.code, got.Detail)
		}
		h.wantAnswer(w.get("/"+a.ReconnectWith), "")
		h.wantAnswer(clock.get("/"+b.ReconnectWith), "") // held for longer than any of these times
	}
}

// An event stream goes over HTTP/2, where it outlives the time for a write, and over HTTP/1.0, which knows no chunks.
func TestEventsOverOtherVersions(t *testing.T) {
	r := newRig(t, func(c *Config) { c.WriteTime, c.Hold = 20*time.Millisecond, 60*time.Millisecond })
	server := httptest.NewUnstartedServer(r)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	request, _ := http.NewRequest("GET", server.URL, nil)
	request.Header.Set("Accept", "text/event-stream")
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	until := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("the stream ended before %s: %v", text, lines.Err())
	}
	until(`data: {"id":`)
	id := r.wheel.all()[0].id()
	r.connect(id, "a")
	until(`"message":""`)
	for lines.Scan() && lines.Text() != ":" { // the next ping, for which it waits longer than that
	}
	r.update("a", "1")
	until(`"message":1`)
	if response.ProtoMajor != 2 {
		t.Errorf("it went over %s", response.Proto)
	}

	h := newHost(t)
	w := h.dial()
	fmt.Fprint(w, "GET / HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n")
	h.parked(1)
	h.Drain()
	text, err := io.ReadAll(w)
	if _, body, _ := strings.Cut(string(text), "\r\n\r\n"); err != nil || !strings.HasPrefix(body, "retry: ") {
		t.Errorf("%v %s", err, text)
	}
	ws := h.dial()
	fmt.Fprintf(ws, "GET / HTTP/1.0\r\n%s\r\n\r\n", strings.Join(formFields(Frames), "\r\n"))
	h.wantRefusal(ws.receive(), http.StatusBadRequest, "websocket")
}

func TestBadBodies(t *testing.T) {
	h := newHost(t, func(c *Config) { c.BodyTime = 50 * time.Millisecond })
	a := h.dial().get("/")
	for _, test := range []struct {
		name, fields, body string
		closed             bool // after the body
		status             int
		reason             string
	}{
		{"slow", "Content-Length: 10\r\n", "[", false, http.StatusRequestTimeout, "slow_body"},
		{"cut", "Content-Length: 10\r\n", "[", true, http.StatusBadRequest, "cut_body"},
		{"chunked and cut", "Transfer-Encoding: chunked\r\n", "1\r\n[\r\n", true, http.StatusBadRequest, "cut_body"},
		{"announced too large", "Content-Length: 10000\r\n", "", false, http.StatusRequestEntityTooLarge, "body_size"},
		{"too large", "Transfer-Encoding: chunked\r\n", "2000\r\n" + strings.Repeat(" ", 0x2000) + "\r\n0\r\n\r\n", false,
			http.StatusRequestEntityTooLarge, "body_size"},
		{"encoded", "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "[]", false, http.StatusUnsupportedMediaType, "coding"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := h.dial()
			w.send("POST", "/"+a.ReconnectWith, test.fields, test.body)
			if test.closed {
				_ = w.CloseWrite()
			}
			h.wantRefusal(w.receive(), test.status, test.reason)
		})
	}
}
