package load

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// exchange is what a client is given, and what it makes of that.
type exchange struct {
	in      Input
	send    string // contained in what it sends next; "" for nothing
	control string // contained in its set-up request; "" for none
	ready   bool
	failure string
	texts   int
}

func checkExchanges(t *testing.T, d *Rootsd, steps []exchange) {
	t.Helper()
	var c Client
	c.Path = "bench/x/1"
	for i, step := range steps {
		var r Reply
		d.Hear(&c, &step.in, &r)
		if r.ready != step.ready || r.failure != step.failure || len(r.texts) != step.texts ||
			!fits(r.Send, step.send) || !fits(r.Control, step.control) {
			t.Errorf("step %d: send %q, control %q, ready %v, failure %q, %d texts; want %+v",
				i, r.Send, r.Control, r.ready, r.failure, len(r.texts), step)
		}
	}
}

func fits(got []byte, want string) bool {
	return strings.Contains(string(got), want) && (want != "" || len(got) == 0)
}

func answer(updates, token string) Input {
	return Input{Status: 200, Data: []byte(`{"updates":[` + updates + `],"reconnectWith":"` + token + `"}`)}
}

const (
	confirmed = `{"path":"bench/x/1","message":""}`
	lostSome  = `{"path":"bench/x/1","message":"","gap":"overflow"}`
	connected = "POST /connect HTTP/1.1\r\nHost: in\r\nAuthorization: Bearer secret\r\nContent-Length: 34\r\n\r\n" +
		`{"id":"r-1","paths":["bench/x/1"]}`
)

func messageAt(seq int) string {
	return `{"path":"bench/x/1","message":"` + string(appendText(nil, "ABCDEFGH", stamp{1, seq, 3}, 80)) + `"}`
}

func TestRootsdLongPoll(t *testing.T) {
	d := &Rootsd{Transport: LongPoll, Push: "push", Ingest: "in", Token: "secret", Fields: BrowserFields}
	checkExchanges(t, d, []exchange{
		{in: answer("", "r-1/0/s"), send: "GET /r-1/0/s HTTP/1.1\r\nHost: push\r\nUser-Agent: ", control: connected},
		{in: answer("", "r-1/0/s"), send: "GET /r-1/0/s"},
		{in: answer(confirmed, "r-1/1/s"), send: "GET /r-1/1/s", ready: true},
		{in: answer(messageAt(0)+","+messageAt(1), "r-1/3/s"), send: "GET /r-1/3/s", texts: 2},
		{in: answer(lostSome+","+messageAt(9), "r-1/9/s"), send: "GET /r-1/9/s", failure: "gap", texts: 1},
		{in: answer("", "r-2/0/s"), send: "GET /r-2/0/s", failure: "session lost", control: `"id":"r-2"`},
		{in: Input{Status: 409, Data: []byte("{}")}, failure: "status 409"},
		{in: Input{Status: 200, Data: []byte("hello")}, failure: "no token"},
	})
}

func TestRootsdEventStream(t *testing.T) {
	d := &Rootsd{Transport: SSE, Push: "push", Ingest: "in", Target: "/comet/"}
	if got := string(d.Open(nil, &Client{})); got != "GET /comet/ HTTP/1.1\r\nHost: push\r\nAccept: text/event-stream\r\n\r\n" {
		t.Errorf("opens with %q", got)
	}
	checkExchanges(t, d, []exchange{
		{in: Input{Status: 200}},
		{in: Input{Event: []byte("session"), ID: []byte("r-1/0/s"), Data: []byte(`{"id":"r-1"}`)}, control: `{"id":"r-1",`},
		{in: Input{ID: []byte("r-1/1/s"), Data: []byte(confirmed)}, ready: true},
		{in: Input{ID: []byte("r-1/2/s"), Data: []byte(messageAt(0))}, texts: 1},
	})
}

// A WebSocket client says now and then how far it has come.
func TestRootsdWebSocket(t *testing.T) {
	d := &Rootsd{Transport: WebSocket, Push: "push", Ingest: "in"}
	frame := func(updates, token string) Input {
		in := answer(updates, token)
		in.Status = 0
		return in
	}
	steps := []exchange{
		{in: Input{Status: http.StatusSwitchingProtocols}},
		{in: frame("", "r-1/0/s"), control: `{"id":"r-1",`},
		{in: frame(confirmed, "r-1/1/s"), ready: true},
	}
	for range confirmEvery - 2 {
		steps = append(steps, exchange{in: frame(messageAt(0), "r-1/5/s"), texts: 1})
	}
	steps = append(steps, exchange{in: frame(messageAt(0), "r-1/77/s"), texts: 1, send: "77"})
	checkExchanges(t, d, steps)
}

// ear is a client of which only the dialect is there.
type ear struct {
	d Dialect
	c Client
	r Reply
}

func (e *ear) Hear(in *Input, _ bool) error {
	e.r.reset()
	e.d.Hear(&e.c, in, &e.r)
	return nil
}

func (e *ear) Ping([]byte) error { return nil }

// A message leaves no garbage.
func TestNoGarbage(t *testing.T) {
	body := answer(messageAt(7), "r-1/7/s").Data
	event := fmt.Appendf(nil, "id: r-1/7/s\ndata: %s\n\n", messageAt(7))
	for _, test := range []struct {
		transport Transport
		bytes     []byte
	}{
		{LongPoll, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)},
		{SSE, event},
		{WebSocket, append([]byte{0x80 | OpText, 126, 0, byte(len(body))}, body...)},
	} {
		e := &ear{d: &Rootsd{Transport: test.transport}, c: Client{State: []byte("r-1"), Step: hearing}}
		r := reader{transport: test.transport, begun: true, body: body1MiB()}
		feed := func() {
			for _, part := range [][]byte{test.bytes, test.bytes[:40], test.bytes[40:]} {
				if err := r.feed(part, e); err != nil {
					t.Fatal(err)
				}
			}
			if len(e.r.texts) != 1 {
				t.Fatalf("%s: %d messages, want 1", test.transport, len(e.r.texts))
			}
		}
		if n := testing.AllocsPerRun(100, feed); n > 0 {
			t.Errorf("%s: %v allocations", test.transport, n)
		}
	}
}

// body1MiB is a body that is long enough for a stream.
func body1MiB() body { return body{kind: sized, left: 1 << 20} }
