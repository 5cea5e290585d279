package lane_test

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

var big = "200 " + strings.TrimSpace(bigText)

// An answer that the system does not take at once comes whole, and what was asked meanwhile after it.
func TestLoopPartialWrites(t *testing.T) {
	onBoth(t, func(s *stage) {
		for _, window := range []int{1, 1000, 256 << 10} {
			c := s.dial()
			c.window(window)
			if window == 1 {
				c.send(get("/now"))
				c.wants("200 now")
				continue
			}
			c.send(get("/big") + get("/now") + get("/big"))
			s.settle()
			c.send(get("/park") + get("/now"))
			c.wants(big, "200 now", big)
			(<-s.parked).Wake()
			c.wants("200 woken", "200 now")
		}
	})
}

// A client that does not read its answer is let go in time, whatever it was to get.
func TestLoopUnread(t *testing.T) {
	inBubble(t, func(s *stage) {
		for _, path := range []string{"/big", "/park/big", "/events/flood", "/events/flood-end"} {
			c := s.ask(get(path))
			if strings.HasPrefix(path, "/park") || strings.HasPrefix(path, "/events") {
				(<-s.parked).Wake()
			}
			synctest.Wait()
			began := time.Now()
			for s.limit.Open() > 0 {
				time.Sleep(time.Second)
				synctest.Wait()
			}
			if took := time.Since(began); took < 10*time.Second || took > 12*time.Second {
				s.Errorf("%s: the connection was closed after %v", path, took)
			}
			if rest, err := io.ReadAll(c.Reader); err != nil || len(rest) > 256<<10 {
				s.Errorf("%s: got %d bytes, %v", path, len(rest), err)
			}
		}
		s.allClosed(1) // the flood; the others had been answered
	})
}

// A component is told when a client has taken what it did not take at once, and not when it never does.
func TestLoopTellsWhenWritten(t *testing.T) {
	onBoth(t, func(s *stage) {
		c, conn := s.park("/park/written")
		conn.Wake()
		c.wants(big)
		if mark := <-s.marks; mark != "written" {
			s.Errorf("the answer was %s", mark)
		}
		c.send(get("/big"))
		c.wants(big)
		gone, conn := s.park("/park/written")
		conn.Wake()
		_, _ = gone.Peek(1)
		gone.reset()
		c.Close()
		s.allClosed(0)
		if len(s.marks) > 0 {
			s.Errorf("and then it was %s", <-s.marks)
		}
	})
}

// counted are sockets that count what is read.
type counted struct {
	lane.Sockets
	read *atomic.Int64
}

func (c counted) Read(fd int, into []byte) (int, error) {
	n, err := c.Sockets.Read(fd, into)
	c.read.Add(int64(max(n, 0)))
	return n, err
}

// However much a client sends that has to wait, little of it is read: the rest is left to the system.
func TestLoopReadsNoMore(t *testing.T) {
	tests := map[string]struct{ first, more string }{
		"parked":                   {get("/park"), get("/now")},
		"not reading":              {get("/big"), get("/now")},
		"not reading its frames":   {get("/upgrade"), "0123456789abcdef\n"},
		"an answer that is parked": {get("/park/big"), get("/now")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var read atomic.Int64
			inBubble(t, func(s *stage) {
				c := s.ask(tt.first)
				synctest.Wait()
				if tt.first == get("/park/big") {
					(<-s.parked).Wake()
				}
				for range 60 {
					c.send(strings.Repeat(tt.more, 50<<10/len(tt.more)))
					synctest.Wait()
				}
				if n := read.Load(); n > 1<<20 || n < 64<<10 {
					s.Errorf("%d bytes were read", n)
				}
			}, func(s *setting) {
				s.sockets = func(sockets lane.Sockets) lane.Sockets { return counted{sockets, &read} }
			})
		})
	}
}

func TestLoopStreams(t *testing.T) {
	onBoth(t, func(s *stage) {
		c, conn := s.park("/events")
		response, err := http.ReadResponse(c.Reader, nil)
		s.must(err)
		for range 3 {
			conn.Wake()
			part := make([]byte, len("part;"))
			if _, err := io.ReadFull(response.Body, part); string(part) != "part;" || err != nil {
				s.Fatalf("got %q, %v", part, err)
			}
		}
		c.reset()
		c, conn = s.park("/events/end")
		conn.Wake()
		c.wants("200 bye")
		c.wantsEnd()
		s.allClosed(1)
	})
}

// An HTTP/1.0 client knows no chunks.
func TestLoopStreamsOld(t *testing.T) {
	onBoth(t, func(s *stage) {
		c := s.ask("GET /events/end HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
		(<-s.parked).Wake()
		head, body, _ := strings.Cut(c.raw(), "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.0 200 OK\r\n") || !strings.HasSuffix(head, "\r\nConnection: close") || body != "bye" ||
			strings.Contains(head, "chunked") {
			s.Errorf("got %q and %q", head, body)
		}
		s.allClosed(0)
	})
}

// A stream whose client is slow goes on when that has caught up, and its end comes after all that was sent.
func TestLoopStreamsSlowly(t *testing.T) {
	onBoth(t, func(s *stage) {
		for _, path := range []string{"/events/flood", "/events/flood-end"} {
			c, conn := s.park(path)
			conn.Wake()
			s.settle()
			conn.Wake() // while it is busy
			c.send("this is heard by nobody")
			c.wants(big)
			c.wantsEnd()
		}
		s.allClosed(0)
	})
}

// What the client of an upgraded connection says is heard in order, also what came with the request, and nothing of it
// after the end.
func TestLoopUpgrades(t *testing.T) {
	onBoth(t, func(s *stage) {
		c := s.ask(get("/upgrade") + "one\ntw")
		c.send("o\nthree\n")
		want := "HTTP/1.1 101 Switching Protocols\r\n\r\none\ntwo\nthree\n"
		got := make([]byte, len(want))
		_, err := io.ReadFull(c, got)
		s.must(err)
		if string(got) != want {
			s.Errorf("got %q", got)
		}
		c.send("quit\n")
		if got := c.raw(); got != "quit\n" {
			s.Errorf("got %q", got)
		}
		s.allClosed(0)
	})
}

// An upgraded connection that has ended is not heard while the client still takes what was sent.
func TestLoopHearsNoMore(t *testing.T) {
	inBubble(t, func(s *stage) {
		c := s.dial()
		c.window(40) // the answer and little more
		c.send(get("/upgrade") + "a line that does not fit\nquit\n")
		synctest.Wait()
		c.send("more\nand more\n")
		synctest.Wait()
		if got := c.raw(); !strings.HasSuffix(got, "\r\n\r\na line that does not fit\nquit\n") {
			s.Errorf("got %q", got)
		}
		if s.log.String() != "" {
			s.Error(s.log)
		}
		s.allClosed(0)
	})
}

// An upgraded connection that was not heard for a while, because its client did not read, loses nothing.
func TestLoopHearsLater(t *testing.T) {
	onBoth(t, func(s *stage) {
		const many = 30000
		line := strings.Repeat("x", 99) + "\n"
		c := s.ask(get("/upgrade"))
		go c.send(strings.Repeat(line, many) + "quit\n")
		s.settle()
		got := c.raw()
		if _, lines, _ := strings.Cut(got, "\r\n\r\n"); lines != strings.Repeat(line, many)+"quit\n" {
			s.Errorf("got %d bytes", len(lines))
		}
		s.allClosed(0)
	})
}
