package lanetest

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// Door is where requests come in, for tests in a bubble that send what no client of a library would.
type Door struct {
	testing.TB
	dial func() (net.Conn, error)
}

// Loops opens a door to event loops, and to net/http for what these leave to it.
func Loops(t testing.TB, fast lane.Fast, h http.Handler, bounds lane.Bounds) *Door {
	t.Helper()
	network, log := new(Net), slog.New(slog.DiscardHandler)
	loops, err := lane.NewLoops(1, network.Open, bounds, log)
	if err != nil {
		t.Fatal(err)
	}
	l := network.Listen()
	port, err := loops.OpenFD("door", lane.NewLimitListener(l, 10_000, nil), fast, l.FD)
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(lane.NewServer(h, bounds, log), port)
	t.Cleanup(func() {
		stop()
		_ = port.Shutdown(t.Context()) // which has ended: what is still open is closed
		if err := loops.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Door{t, func() (net.Conn, error) { return l.Dial() }}
}

// HTTP opens a door to net/http alone.
func HTTP(t testing.TB, h http.Handler, bounds lane.Bounds) *Door {
	t.Helper()
	pipes := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	t.Cleanup(serve(lane.NewServer(h, bounds, slog.New(slog.DiscardHandler)), pipes))
	return &Door{t, func() (net.Conn, error) {
		ours, theirs := net.Pipe()
		pipes.conns <- theirs
		return ours, nil
	}}
}

func serve(server *http.Server, l net.Listener) (stop func()) {
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // which says that it was closed
	}()
	return func() {
		_ = server.Close()
		<-served
		time.Sleep(time.Second) // for half of it net/http stays with a connection that it has refused
	}
}

// pipes is a net.Listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (l *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *pipes) Close() error { l.once.Do(func() { close(l.closed) }); return nil }

// Addr implements net.Listener.
func (l *pipes) Addr() net.Addr { return address }

// Visitor is a client at a Door, who writes what he likes and hears all that is answered.
type Visitor struct {
	net.Conn
	door *Door

	says chan struct{} // has something while unsaid may not be empty
	left chan struct{} // closed when the visitor leaves
	once sync.Once

	mu     sync.Mutex // guards what follows
	unsaid []byte     // what the server has not read yet
	heard  []byte
	ended  bool
}

// Knock opens a connection. It is closed with the test.
func (d *Door) Knock() *Visitor {
	d.Helper()
	conn, err := d.dial()
	if err != nil {
		d.Fatal(err)
	}
	v := &Visitor{Conn: conn, door: d, says: make(chan struct{}, 1), left: make(chan struct{})}
	d.Cleanup(v.Leave)
	go v.listen()
	go v.speak()
	return v
}

// speak writes what is to be said, as far as the server reads it.
func (v *Visitor) speak() {
	for {
		select {
		case <-v.says:
		case <-v.left:
			return
		}
		v.mu.Lock()
		now := v.unsaid
		v.unsaid = nil
		v.mu.Unlock()
		_, _ = v.Write(now) // a server that has heard enough reads no more
	}
}

func (v *Visitor) listen() {
	for {
		var part [4 << 10]byte
		n, err := v.Read(part[:])
		v.mu.Lock()
		v.heard = append(v.heard, part[:n]...)
		v.ended = err != nil
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Say sends text, in pieces of so many bytes, and waits until all that follows from each has happened.
func (v *Visitor) Say(text string, piece int) {
	for len(text) > 0 {
		now := text[:min(piece, len(text))]
		text = text[len(now):]
		v.mu.Lock()
		v.unsaid = append(v.unsaid, now...)
		v.mu.Unlock()
		select {
		case v.says <- struct{}{}:
		default:
		}
		synctest.Wait()
	}
}

// Heard returns all that was answered within a second, and whether the connection is still open.
func (v *Visitor) Heard() (text string, open bool) {
	time.Sleep(time.Second) // net/http does not close one that it has refused before half of it is over
	synctest.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	return string(v.heard), !v.ended
}

// Leave closes the connection.
func (v *Visitor) Leave() {
	v.once.Do(func() { close(v.left) })
	if err := v.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		v.door.Error(err)
	}
}
