package lane_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// A port that is shut down closes what waits for a request, answers what waits for an answer, and closes that then.
func TestPortShutdown(t *testing.T) {
	onBoth(t, func(s *stage) {
		fresh, part := s.dial(), s.ask("GET /n")
		answered := s.ask(get("/now"))
		answered.wants("200 now")
		handed := s.ask(get("/other"))
		handed.wants("200 net/http /other 0 <nil>")
		parked, conn := s.park("/park")
		parked.send(get("/now"))
		stream, events := s.park("/events/end")
		unread := s.ask(get("/big"))
		_, _ = unread.Peek(1)
		s.until("all are open", func() bool { return s.loops.Connections() == 6 })
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.shutdown(context.Background())
		}()
		fresh.wantsEnd()
		part.wantsEnd()
		answered.wantsEnd()
		handed.send(get("/more"))
		handed.wants("200 net/http /more 0 <nil>")
		unread.wants(big)
		unread.wantsEnd()
		events.Wake()
		stream.wants("200 bye")
		stream.wantsEnd()
		select {
		case <-done:
			s.Error("shut down while a connection was parked")
		default:
		}
		conn.Wake()
		if got := parked.raw(); !strings.Contains(got, "\r\nConnection: close\r\n") || !strings.HasSuffix(got, "\r\n\r\nwoken") {
			s.Errorf("a parked one was answered %q", got)
		}
		<-done
		handed.Close()
		s.allClosed(0)
		if _, err := s.dialer(); err == nil {
			s.Error("a port that is shut down accepts a connection")
		}
	})
}

// A connection that is asked to go on while the port is shut down is not: it is closed.
func TestPortShutdownOfPart(t *testing.T) {
	inBubble(t, func(s *stage) {
		c, conn := s.park("/park")
		c.send(post("/echo", "0123456789")[:60])
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.shutdown(context.Background())
		}()
		synctest.Wait()
		conn.Wake()
		c.wants("200 woken")
		c.wantsEnd()
		<-done
		s.allClosed(0)
	})
}

// A request of which the header has come is answered while the port is shut down, however late the rest of it is; one of
// which it has not is given up after a moment.
func TestPortShutdownOfSlowBody(t *testing.T) {
	for _, asked := range []string{"", "GET /now HTTP/1.1\r\nHost: x\r\n\r\n"} {
		inBubble(t, func(s *stage) {
			request := post("/echo", "0123456789")
			most, rest := request[:len(request)-5], request[len(request)-5:]
			slow, quick, head := s.ask(asked+most), s.ask(asked+most), s.ask(asked+request[:20])
			if asked != "" {
				for _, c := range []*client{slow, quick, head} {
					c.wants("200 now")
				}
			}
			synctest.Wait()
			began, done := time.Now(), make(chan struct{})
			go func() {
				defer close(done)
				s.shutdown(context.Background())
			}()
			time.Sleep(300 * time.Millisecond)
			quick.send(rest)
			quick.wants("200 0123456789")
			quick.wantsEnd()
			head.wantsEnd()
			if took := time.Since(began); took != 500*time.Millisecond {
				s.Errorf("a part of a header was waited for for %v", took)
			}
			time.Sleep(5 * time.Second)
			slow.send(rest)
			slow.wants("200 net/http /echo 10 <nil>")
			slow.Close()
			<-done
			s.allClosed(0)
		})
	}
}

// When the time for it is up, everything is closed.
func TestPortShutdownInTime(t *testing.T) {
	onBoth(t, func(s *stage) {
		parked, _ := s.park("/park")
		stream, _ := s.park("/events")
		unread := s.ask(get("/big"))
		_, _ = unread.Peek(1)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- s.port.Shutdown(ctx) }()
		s.until("the port is closed", func() bool { _, err := s.dialer(); return err != nil })
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.Errorf("shut down with %v", err)
		}
		parked.wantsEnd()
		_, _ = stream.Discard(1 << 10)
		_ = unread.Close()
		s.allClosed(2)
	})
}

// What was handed over and not accepted is closed with the port, as is what is handed over later.
func TestPortCloseUnaccepted(t *testing.T) {
	onBoth(t, func(s *stage) {
		waits := s.ask(get("/other") + get("/more"))
		s.until("one is handed over", func() bool { return s.loops.HandedOver().Counts()["test"] == 1 })
		parked, conn := s.park("/park")
		parked.send(get("/other"))
		s.must(s.port.Close())
		s.must(s.port.Close())
		waits.wantsEnd()
		if _, err := s.port.Accept(); !errors.Is(err, net.ErrClosed) {
			s.Error("a port that is closed accepts a connection")
		}
		conn.Wake()
		parked.wants("200 woken")
		parked.wantsEnd()
		s.allClosed(0)
	}, func(s *setting) { s.unserved = true })
}

// A port can be closed at any time, whatever its loops do.
func TestPortCloseRaces(t *testing.T) {
	for range 20 {
		onBoth(t, func(s *stage) {
			for range 20 {
				go func() {
					if conn, err := s.dialer(); err == nil {
						defer conn.Close()
						_, _ = conn.Write([]byte(get("/other")))
						_, _ = conn.Read(make([]byte, 100))
					}
				}()
			}
			s.must(s.port.Close())
		})
	}
}

// One that is too many is told so; every way in which a connection ends gives its place back.
func TestPortLimit(t *testing.T) {
	ends := map[string]func(*stage, *client){
		"closed by the client": func(_ *stage, c *client) { c.Close() },
		"closed by its answer": func(_ *stage, c *client) { c.send(get("/close")); c.wants("200 close"); c.wantsEnd() },
		"panicked":             func(_ *stage, c *client) { c.send(get("/panic")); c.wantsEnd() },
		"a stream that ends": func(s *stage, c *client) {
			c.send(get("/events/end"))
			(<-s.parked).Wake()
			c.wants("200 bye")
			c.wantsEnd()
		},
		"handed over":           func(_ *stage, c *client) { c.send(get("/x")); c.wants("200 net/http /x 0 <nil>"); c.Close() },
		"refused by net/http":   func(_ *stage, c *client) { c.send("GET x\r\n\r\n"); _ = c.raw() },
		"closed by the server":  func(s *stage, c *client) { s.shutdown(s.Context()) },
		"closed by the handler": func(_ *stage, c *client) { c.send("GET /x HTTP/1.0\r\nX: \xff\r\n\r\nmore"); _ = c.raw() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(s *stage) {
				c := s.ask(get("/now"))
				c.wants("200 now")
				refused := s.ask(get("/now"))
				if got := refused.answer(); !strings.HasPrefix(got, "503 ") || !strings.Contains(got, `"reason":"connections"`) {
					s.Errorf("one too many was answered %q", got)
				}
				end(s, c)
				s.allClosed(0)
				if got := s.refused.Counts()["connections"]; got != 1 {
					s.Errorf("%d were refused, want 1", got)
				}
				if name != "closed by the server" {
					again := s.ask(get("/now"))
					again.wants("200 now")
				}
			}, func(s *setting) { s.max = 1 })
		})
	}
}

// failing are sockets whose Accept and Conn fail as long as there is an error, and which tell numbers that are too large.
type failing struct {
	lane.Sockets
	accept, conn *atomic.Pointer[error]
	add          *atomic.Int64
}

func (f failing) Accept(listener int) (int, error) {
	if err := f.accept.Load(); err != nil {
		return 0, *err
	}
	fd, err := f.Sockets.Accept(listener)
	return fd + int(f.add.Load()), err
}

func (f failing) Close(fd int) { f.Sockets.Close(fd % (4 << 20)) }

// A system that has no more descriptors is asked again after a moment, and the port goes on.
func TestPortOutOfDescriptors(t *testing.T) {
	var accept, none atomic.Pointer[error]
	var add atomic.Int64
	inBubble(t, func(s *stage) {
		err := error(syscall.EMFILE)
		said := new(logged)
		met := lane.NewMet(slog.New(slog.NewTextHandler(said, nil)), nil)
		s.limit.Report(met, "push.listen", "limits.connections")
		accept.Store(&err)
		c := s.ask(get("/now"))
		time.Sleep(time.Second)
		if n := s.refused.Counts()["accept"]; n < 9 || n > 11 {
			s.Errorf("tried %d times in a second", n)
		}
		accept.Store(nil)
		c.wants("200 now")
		c.Close()
		accept.Store(&err)
		closed := s.ask(get("/now"))
		synctest.Wait()
		s.must(s.port.Close()) // while it pauses
		closed.wantsEnd()
		time.Sleep(time.Second)
		s.allClosed(0)
		met.Close()
		if text := said.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "port=push.listen") {
			s.Errorf("the log says %q, want it said at once and when it is over", text)
		}
	}, func(s *setting) {
		s.sockets = func(sockets lane.Sockets) lane.Sockets { return failing{sockets, &accept, &none, &add} }
	})
}

// A descriptor whose number is too large is closed.
func TestPortLargeDescriptor(t *testing.T) {
	var none atomic.Pointer[error]
	var add atomic.Int64
	inBubble(t, func(s *stage) {
		add.Store(4 << 20)
		s.dial().wantsEnd()
		s.allClosed(0)
		add.Store(0)
		s.ask(get("/now")).wants("200 now")
	}, func(s *setting) {
		s.sockets = func(sockets lane.Sockets) lane.Sockets { return failing{sockets, &none, &none, &add} }
	})
}

// Conn closes the descriptor when it fails.
func (f failing) Conn(fd int) (net.Conn, error) {
	if err := f.conn.Load(); err != nil {
		f.Sockets.Close(fd)
		return nil, *err
	}
	return f.Sockets.Conn(fd)
}

// A connection that cannot be handed over, or be told that it is too many, is lost, and nothing else.
func TestPortHandOverFails(t *testing.T) {
	var none, conn atomic.Pointer[error]
	var add atomic.Int64
	inBubble(t, func(s *stage) {
		err := error(syscall.EMFILE)
		conn.Store(&err)
		s.ask(get("/other")).wantsEnd()
		s.allClosed(0)
		c := s.ask(get("/now"))
		c.wants("200 now")
		s.dial().wantsEnd()
		c.send(get("/now"))
		c.wants("200 now")
	}, func(s *setting) {
		s.max = 1
		s.sockets = func(sockets lane.Sockets) lane.Sockets { return failing{sockets, &none, &conn, &add} }
	})
}

// The lowest descriptor is one like any other.
func TestPortDescriptorZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, bubble: true}
		var network lanetest.Net
		loops, err := lane.NewLoops(1, network.Open, lane.Bounds{Header: time.Second, Idle: time.Minute, Write: time.Second}, nil)
		s.must(err)
		ports := make([]*lane.Port, 2)
		for i := range ports {
			l := network.Listen()
			ports[i], err = loops.OpenFD("test", lane.NewLimitListener(l, 10, nil), newParker(), l.FD)
			s.must(err)
			s.dialer = func() (net.Conn, error) { return l.Dial() }
		}
		s.must(ports[0].Close()) // its number is free then
		c := s.ask(get("/now"))
		c.wants("200 now")
		c.Close()
		s.must(ports[1].Shutdown(t.Context()))
		s.must(loops.Close())
	})
}

// Loops that are closed leave neither a goroutine nor a descriptor.
func TestLoopsClose(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("descriptors are counted in /proc")
	}
	before := descriptors(t)
	t.Run("once", func(t *testing.T) {
		s := newStage(t, false, nil)
		for range 20 {
			s.ask(get("/other")).wants("200 net/http /other 0 <nil>")
			s.ask(get("/now")).wants("200 now")
			s.park("/park")
			s.ask(get("/panic")).wantsEnd()
		}
	})
	s := &stage{T: t}
	s.until("all descriptors are closed", func() bool { return descriptors(t) <= before })
}

func descriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
