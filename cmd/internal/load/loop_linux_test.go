package load

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"
)

// owner is whom a link of the tests is for.
type owner struct {
	recorder
	up     bool
	broken error
}

func (o *owner) Connected()       { o.up = true }
func (o *owner) Broken(err error) { o.broken = err }

// connect returns a link of a loop, and the other end of its connection.
func connect(t *testing.T, window int) (*Loop, *Link, *owner, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	loop, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(loop.Close)
	to, err := Resolve(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	link, o := &Link{Window: window}, &owner{}
	loop.Add(link, o)
	if !link.Idle() {
		t.Error("a link is not idle before it has dialled")
	}
	link.Dial(to, SSE)
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	turnUntil(t, loop, func() bool { return o.up })
	return loop, link, o, server
}

// turnUntil turns until done, but not for ever.
func turnUntil(t *testing.T, loop *Loop, done func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !done(); {
		if err := loop.Turn(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("it does not come to pass")
		}
	}
}

func TestDeafLinkHearsLater(t *testing.T) {
	for _, ends := range []bool{false, true} {
		loop, link, o, server := connect(t, 0)
		link.Deafen()
		if _, err := server.Write([]byte(streamHead + "\r\ndata: x\n\nretry: 7\n\n")); err != nil {
			t.Fatal(err)
		}
		if ends {
			_ = server.Close()
		}
		for range 20 {
			if err := loop.Turn(time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if len(o.heard) > 0 || o.broken != nil {
			t.Fatalf("a deaf link heard %q, and broke with %v", o.heard, o.broken)
		}
		link.Listen()
		turnUntil(t, loop, func() bool { return len(o.heard) == 3 && (o.broken != nil) == ends })
		if ends && (!errors.Is(o.broken, errClosed) || !link.Idle()) {
			t.Errorf("broken with %v", o.broken)
		}
	}
}

func TestReset(t *testing.T) {
	_, link, o, server := connect(t, 4096)
	link.Reset()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other end reads %v", err)
	}
	if !link.Idle() || link.Up() || o.broken != nil {
		t.Errorf("idle %v, up %v, broken %v", link.Idle(), link.Up(), o.broken)
	}
}

func TestCloseCode(t *testing.T) {
	for _, test := range []struct {
		frame string
		want  CloseError
	}{
		{"\x88\x02\x03\xe9", CloseError{Code: 1001}},
		{"\x88\x05\x03\xe9310", CloseError{1001, "310"}},
		{"\x88\x00", CloseError{}},
	} {
		var r reader
		r.reset(WebSocket)
		err := r.feed([]byte("HTTP/1.1 101 Switching\r\n\r\n"+test.frame), &recorder{})
		var end *CloseError
		if !errors.As(err, &end) || *end != test.want || !errors.Is(err, errClosed) {
			t.Errorf("%q: %v", test.frame, err)
		}
	}
}
