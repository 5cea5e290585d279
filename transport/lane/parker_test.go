package lane_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/rootsd/rootsd/transport/lane"
)

// parker is a component of which a request's path says what it does.
type parker struct {
	parked chan *lane.Conn // all that were
	gone   chan *lane.Conn // for which Gone was called
	marks  chan string     // queries of /mark, in order
	block  chan struct{}   // what /block waits for
	lefts  atomic.Int64    // how often Left was called
}

func newParker() *parker {
	return &parker{parked: make(chan *lane.Conn, 10000), gone: make(chan *lane.Conn, 10000),
		marks: make(chan string, 10000), block: make(chan struct{})}
}

// bigText is more than a system takes of an answer that is not read, even where its buffers are not made small.
var bigText = strings.Repeat("0123456789abcde\n", 8<<20/16)

// ServeFast implements lane.Fast. What it does not know it leaves to net/http.
func (p *parker) ServeFast(c *lane.Conn, r *lane.Request) bool {
	switch {
	case strings.HasPrefix(r.Path, "/park"):
		c.Park(strings.Clone(r.Path))
		p.parked <- c
	case strings.HasPrefix(r.Path, "/events"):
		c.Stream(strings.Clone(r.Path), "Content-Type: text/event-stream\r\n")
		p.parked <- c
	case r.Path == "/upgrade":
		c.Upgrade("/upgrade", []byte("HTTP/1.1 101 Switching Protocols\r\n\r\n"))
		p.parked <- c
	case r.Path == "/now":
		c.Answer("", append(c.Room(), "now"...))
	case r.Path == "/echo":
		c.Answer("X-Query: "+r.Query+"\r\n", append(c.Room(), r.Body...))
	case r.Path == "/close":
		c.Close()
		c.Answer("", append(c.Room(), "close"...))
	case r.Path == "/mark":
		p.marks <- strings.Clone(r.Query)
		c.Answer("", c.Room())
	case r.Path == "/block":
		<-p.block
		c.Answer("", c.Room())
	case r.Path == "/big":
		c.Answer("", append(c.Room(), bigText...))
	case r.Path == "/panic":
		panic("on purpose")
	case r.Path == "/abort":
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(r.Path, "/inline"):
		return c.ServeHTTP(http.HandlerFunc(inline), r)
	default:
		return false
	}
	return true
}

// Woken implements lane.Fast.
func (p *parker) Woken(c *lane.Conn) {
	switch c.Parked() {
	case "/park", "/park/quiet":
		c.Answer("", append(c.Room(), "woken"...))
	case "/park/big":
		c.Answer("", append(c.Room(), bigText...))
	case "/park/written":
		if c.Answer("", append(c.Room(), bigText...)) {
			p.marks <- "at once"
		}
		c.WhenWritten(func() { p.marks <- "written" })
	case "/park/reply":
		c.Reply(func(w http.ResponseWriter) { http.Error(w, "replied", http.StatusConflict) })
	case "/park/panic":
		panic("on purpose")
	case "/park/later":
		if c.SetNote(c.Note() + 1); c.Note() == 1 {
			c.WakeIn(50e6)
		} else {
			c.Answer("", append(c.Room(), "later"...))
		}
	case "/park/restless":
		c.Wake()
	case "/events":
		c.Send(append(c.Room(), "part;"...))
		c.Send(c.Room())
	case "/events/end":
		c.Send(append(c.Room(), "bye"...))
		c.End()
	case "/events/flood": // half of the text at a time, as long as the client takes it
		for !c.Busy() && c.Note() < 2 {
			c.SetNote(c.Note() + 1)
			c.Send(append(c.Room(), bigText[:len(bigText)/2]...))
		}
		if !c.Busy() {
			c.End()
		}
	case "/events/flood-end":
		c.Send(append(c.Room(), bigText...))
		c.End()
	}
}

// Heard implements lane.Fast. An upgraded connection answers lines, until one is "quit".
func (p *parker) Heard(c *lane.Conn, data []byte) (used int) {
	if !c.Upgraded() {
		return len(data)
	}
	if c.Parked() != "/upgrade" {
		panic("heard of a connection that does not wait")
	}
	for line := range bytes.Lines(data) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		c.Send(append(c.Room(), line...))
		if used += len(line); string(line) == "quit\n" {
			c.End()
			break
		}
	}
	return used
}

// Left implements lane.Fast.
func (p *parker) Left(c *lane.Conn) {
	p.lefts.Add(1)
	if c.Parked() == "/park" {
		c.Close()
		c.Answer("", append(c.Room(), "left"...))
	}
}

// Gone implements lane.Fast. Nothing that is done then does any harm.
func (p *parker) Gone(c *lane.Conn) {
	c.Answer("", append(c.Room(), "gone"...))
	c.Park("again")
	c.Wake()
	p.gone <- c
	if c.Parked() == "/park/gone" {
		panic("on purpose")
	}
}

// inline is what is served in place of net/http.
func inline(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	switch r.URL.Path {
	case "/inline/odd":
		header.Set("X-Line", "a\r\nInjected: b\xff")
		header.Set("Date", "never")
		header.Set("Content-Length", "999")
		header.Set("Transfer-Encoding", "chunked")
		header["Vary"] = []string{"A", "B"}
		w.WriteHeader(http.StatusTeapot)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("odd " + r.RemoteAddr[:10]))
	case "/inline/204", "/inline/304":
		w.WriteHeader(map[string]int{"/inline/204": 204, "/inline/304": 304}[r.URL.Path])
		_, _ = w.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	case "/inline/close":
		header.Set("Connection", "close")
	case "/inline/panic":
		panic("on purpose")
	default:
		http.NotFound(w, r)
	}
}
