package lane

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// limited makes a LimitListener over TCP.
func limited(t *testing.T, max int) (*LimitListener, *Tally) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var refused Tally
	l := NewLimitListener(inner, max, &refused)
	t.Cleanup(func() { l.Close() })
	return l, &refused
}

// accepting has l accept, and hands the connections on.
func accepting(l *LimitListener) <-chan net.Conn {
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	return accepted
}

func TestLimitListenerRefuses(t *testing.T) {
	t.Parallel()
	l, refused := limited(t, 1)
	accepted := accepting(l)
	dial(t, l.Addr().String())
	first := <-accepted

	// Those that are too many can read why, whether they send nothing, a request, or a large body.
	for _, text := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000)} {
		conn := dial(t, l.Addr().String())
		send(t, conn, text)
		if got, want := answers(t, conn), "503 connections"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		conn.Close()
	}
	if got := refused.Counts()["connections"]; got != 3 || l.Open() != 1 {
		t.Errorf("%d refused, %d open", got, l.Open())
	}

	// A place that falls free, even if it is closed twice, is given once.
	first.Close()
	first.Close()
	dial(t, l.Addr().String())
	second := <-accepted
	if l.Open() != 1 {
		t.Errorf("%d open", l.Open())
	}
	l.SetMax(0)
	conn := dial(t, l.Addr().String())
	send(t, conn, "GET")
	if got, want := answers(t, conn), "503 connections"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.SetMax(2)
	dial(t, l.Addr().String())
	third := <-accepted
	second.Close()
	third.Close()
	if l.Open() != 0 {
		t.Errorf("%d open", l.Open())
	}
}

// An HTTP client sees the refusal as an answer like any other.
func TestLimitListenerForHTTPClient(t *testing.T) {
	l, _ := limited(t, 0)
	accepting(l)
	client := &http.Client{Transport: &http.Transport{}, Timeout: soon}
	defer client.CloseIdleConnections()
	response, err := client.Post("http://"+l.Addr().String()+"/update", "application/json", strings.NewReader(`{"path":"a","message":1}`))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	want := `{"title":"Service Unavailable","status":503,"reason":"connections","detail":"too many connections; try again soon"}` + "\n"
	if got := readAll(t, response.Body); response.StatusCode != 503 || got != want {
		t.Errorf("got %d %q, want %q", response.StatusCode, got, want)
	}
	if got := response.Header.Get("Retry-After"); got < "1" || got > "5" {
		t.Errorf("Retry-After is %q", got)
	}
}

// Each that is too many is told another time to come back.
func TestRefusalsAreSpread(t *testing.T) {
	for _, answers := range []*refusalsBySecond{&busyAnswers, &addressAnswers} {
		seen := make(map[string]bool)
		for range 200 {
			response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answers.any())), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(response.Body); err != nil {
				t.Error(err)
			}
			seen[response.Header.Get("Retry-After")] = true
		}
		if got, want := slices.Sorted(maps.Keys(seen)), []string{"1", "2", "3", "4", "5"}; !slices.Equal(got, want) {
			t.Errorf("Retry-After is one of %q, want %q", got, want)
		}
	}
}

// starving is a listener for which the system has no descriptor at first.
type starving struct {
	net.Listener
	times int
}

func (s *starving) Accept() (net.Conn, error) {
	if s.times > 0 {
		s.times--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return nil, net.ErrClosed
}

func (s *starving) Close() error { return nil }

// A system that has no more descriptors is counted, and said once for all, with what to do; a listener that is closed is
// no trouble.
func TestLimitListenerOutOfDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		refused := new(Tally)
		l := NewLimitListener(&starving{times: 50}, 10, refused)
		l.Report(met, "admin.listen", "limits.control_connections")
		server := NewServer(nil, Bounds{}, slog.New(slog.DiscardHandler))
		if err := server.Serve(l); !errors.Is(err, net.ErrClosed) {
			t.Errorf("served until %v", err)
		}
		met.Close()
		if n := refused.Counts()["accept"]; n != 50 {
			t.Errorf("%d counted, want 50", n)
		}
		text := said.taken()
		if n := strings.Count(text, "\n") + 1; n > 6 { // in some 45 s
			t.Errorf("%d lines: %s", n, text)
		}
		for _, want := range []string{"cannot accept connections", "port=admin.listen", "too many open files", "ulimit -n", "times=1 "} {
			if !strings.Contains(text, want) {
				t.Errorf("the log says %q, want %q in it", text, want)
			}
		}
	})
}

// Close does not wait for those that are being refused and do not go.
func TestLimitListenerCloses(t *testing.T) {
	l, refused := limited(t, 0)
	accepted := accepting(l)
	var conns []*net.TCPConn
	for range maxLingers + 10 {
		conns = append(conns, dial(t, l.Addr().String()))
	}
	for begun := time.Now(); refused.Counts()["connections"] < maxLingers+10; {
		if time.Since(begun) > soon {
			t.Fatal("not all are refused")
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-accepted; open {
		t.Error("a connection was accepted")
	}
	if err := l.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	for n, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d stays open", n)
		}
	}
}

// refusing a connection after Close, as Accept may have just returned it, leaves nothing open.
func TestLimitListenerRefusesAfterClose(t *testing.T) {
	l, _ := limited(t, 0)
	l.Close()
	ours, theirs := net.Pipe()
	l.refuse(theirs, busyAnswers.any())
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}

// A pipe, unlike TCP, has no halves to close.
func TestLimitedConnHasNoHalves(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	conn := &limitedConn{Conn: theirs, listener: &LimitListener{}}
	defer conn.Close()
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
}
