package rootsd

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// rude is a server by hand, which does with its connections what a network does.
type rude struct {
	url   string
	asked atomic.Int32
}

// serveRudely has do answer each request, by the number of its connection and its own on that, from 1. Where it returns
// false, the connection is closed.
func serveRudely(t *testing.T, do func(conn net.Conn, connection, request int) bool) *rude {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rude{url: "http://" + listener.Addr().String()}
	var group sync.WaitGroup
	group.Go(func() {
		for connection := 1; ; connection++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { r.serve(conn, connection, do) })
		}
	})
	t.Cleanup(func() { listener.Close(); group.Wait() })
	return r
}

func (r *rude) serve(conn net.Conn, connection int, do func(conn net.Conn, connection, request int) bool) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for number := 1; ; number++ {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		r.asked.Add(1)
		if !do(conn, connection, number) {
			return
		}
	}
}

// good answers as rootsd answers whatever these tests ask.
func good(conn net.Conn) bool {
	const body = `{"accepted":1,"id":"x","paths":["a"]}`
	_, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return err == nil
}

// calls are one of each kind.
var calls = map[string]func(ctx context.Context, c *Connector) error{
	"update": func(ctx context.Context, c *Connector) error {
		_, err := c.Update(ctx, Update{Path: "a"})
		return err
	},
	"updates": func(ctx context.Context, c *Connector) error {
		_, err := c.Updates(ctx, []Update{{Path: "a"}})
		return err
	},
	"join":    func(ctx context.Context, c *Connector) error { return c.Join(ctx, "x", "room") },
	"unknown": func(ctx context.Context, c *Connector) error { return c.Request(ctx, "", []Update{{Path: "a"}}, nil) },
	"connect": func(ctx context.Context, c *Connector) error {
		_, err := c.Connect(ctx, "x", 0, "a")
		return err
	},
	"disconnect": func(ctx context.Context, c *Connector) error {
		_, err := c.Disconnect(ctx, "x", "a")
		return err
	},
	"permit": func(ctx context.Context, c *Connector) error {
		_, err := c.Permit(ctx, "x", 0, "a")
		return err
	},
	"forbid": func(ctx context.Context, c *Connector) error {
		_, err := c.Forbid(ctx, "x", "a")
		return err
	},
	"kick": func(ctx context.Context, c *Connector) error { return c.Kick(ctx, "x") },
	"clients": func(ctx context.Context, c *Connector) error {
		_, err := c.Clients(ctx, "x")
		return err
	},
}

// An update, and what is not known to be repeatable, is asked for once. All else is once more, on a new connection.
func TestBreakOfAUsedConnection(t *testing.T) {
	once := map[string]bool{"update": true, "updates": true, "join": true, "unknown": true}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			s := serveRudely(t, func(conn net.Conn, connection, request int) bool {
				return (connection > 1 || request == 1) && good(conn)
			})
			c := connect(t, Config{URL: s.url})
			if err := calls["update"](t.Context(), c); err != nil {
				t.Fatal(err)
			}
			err, want := call(t.Context(), c), int32(3)
			if once[name] {
				wantError(t, err, "interrupted", true)
				want = 2
			} else if err != nil {
				t.Error(err)
			}
			if got := s.asked.Load(); got != want {
				t.Errorf("asked %d times, want %d", got, want)
			}
		})
	}
}

// That a new connection breaks says something about the daemon: it is not tried a third time.
func TestBreakOfTheNewConnectionToo(t *testing.T) {
	s := serveRudely(t, func(conn net.Conn, connection, request int) bool {
		return connection == 1 && request == 1 && good(conn)
	})
	c := connect(t, Config{URL: s.url})
	if err := calls["connect"](t.Context(), c); err != nil {
		t.Fatal(err)
	}
	wantError(t, calls["connect"](t.Context(), c), "interrupted", true)
	wantError(t, calls["connect"](t.Context(), c), "interrupted", true)
	if got := s.asked.Load(); got != 4 {
		t.Errorf("asked %d times, want 1, 2 and 1", got)
	}
}

// An answer that breaks off may be that of a call which was done: nothing is repeated.
func TestHalfAnAnswer(t *testing.T) {
	for _, name := range []string{"update", "connect"} {
		s := serveRudely(t, func(conn net.Conn, connection, request int) bool {
			if connection == 1 && request == 1 {
				return good(conn)
			}
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"acc")
			return false
		})
		c := connect(t, Config{URL: s.url})
		if err := calls["update"](t.Context(), c); err != nil {
			t.Fatal(err)
		}
		wantError(t, calls[name](t.Context(), c), "interrupted", true)
		if got := s.asked.Load(); got != 2 {
			t.Errorf("%s: asked %d times, want 2", name, got)
		}
	}
}

// What comes after 101 is no answer, and has no end.
func TestSwitchingProtocols(t *testing.T) {
	s := serveRudely(t, func(conn net.Conn, _, _ int) bool {
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		return true
	})
	wantError(t, calls["update"](t.Context(), connect(t, Config{URL: s.url})), "answer", true)
}

// watched tells when a connection is closed on this side.
type watched struct {
	net.Conn
	closed chan<- struct{}
	once   sync.Once
}

func (w *watched) Close() error {
	err := w.Conn.Close()
	w.once.Do(func() { w.closed <- struct{}{} })
	return err
}

// A connection that the daemon closes while it is idle is dropped at once, so that not even an update meets it.
func TestIdleConnectionIsDropped(t *testing.T) {
	s := serveRudely(t, func(conn net.Conn, _, _ int) bool { good(conn); return false })
	c := connect(t, Config{URL: s.url})
	closed := make(chan struct{}, 10)
	dial := c.transport.DialContext
	c.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watched{Conn: conn, closed: closed}, nil
	}
	for range 5 {
		if err := calls["update"](t.Context(), c); err != nil {
			t.Fatal(err)
		}
		<-closed
	}
	if got := s.asked.Load(); got != 5 {
		t.Errorf("asked %d times, want 5", got)
	}
}

// At most one round trip: a connection that is good is used again.
func TestConnectionIsReused(t *testing.T) {
	var connections atomic.Int32
	s := serveRudely(t, func(conn net.Conn, connection, _ int) bool {
		connections.Store(int32(connection))
		return good(conn)
	})
	c := connect(t, Config{URL: s.url})
	for range 3 {
		for name, call := range calls {
			if err := call(t.Context(), c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections were made, want 1", got)
	}
}
