package lane_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// connStates are what a connection may be at when its client leaves, and how often Gone is called when the client says
// that it sends no more, and when it vanishes.
var connStates = []struct {
	name, send string
	parks      bool
	left, gone int
}{
	{"new", "", false, 0, 0},
	{"part of a line", "GET /", false, 0, 0},
	{"part of a header", "GET /now HTTP/1.1\r\nHost: x\r\n", false, 0, 0},
	{"part of a body", "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", false, 0, 0},
	{"answered", get("/now"), false, 0, 0},
	{"parked", get("/park"), true, 0, 1},
	{"parked with more", get("/park") + get("/now"), true, 0, 1},
	{"parked, of a component that says nothing", get("/park/quiet"), true, 1, 1},
	{"parked in HTTP/1.0", "GET /park HTTP/1.0\r\n\r\n", true, 0, 1},
	{"parked with more than is read", get("/park/quiet") + strings.Repeat(get("/now"), 10000), true, 0, 1},
	{"a stream", get("/events"), true, 1, 1},
	{"an upgrade", get("/upgrade") + "half a line", true, 1, 1},
	{"not taking its answer", get("/big"), false, 0, 0},
	{"not taking its answer, with more", get("/big") + get("/park"), false, 0, 0},
	{"not taking its stream", get("/events/flood"), true, 1, 1},
	{"handed over", get("/other"), false, 0, 0},
	{"handed over with part of a body", "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: x\r\nContent-Length: 10\r\n\r\nabc", false, 0, 0},
}

// In whatever state the client leaves, the connection is closed, its place is given back, and what was parked is told
// once.
func TestLoopClientLeaves(t *testing.T) {
	for _, tt := range connStates {
		leave := func(vanish bool, gone int) func(*stage) {
			return func(s *stage) {
				c := s.dial()
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					_, _ = c.Write([]byte(tt.send)) // what is not read is not taken for ever
				}()
				var conn *lane.Conn
				if tt.parks {
					conn = <-s.parked
				}
				s.settle()
				if strings.HasPrefix(tt.send, get("/events/flood")) {
					conn.Wake()
					s.settle()
				}
				if !strings.Contains(tt.name, "than is read") {
					<-sent
				}
				deaf := strings.Contains(tt.name, "than is read")
				if vanish {
					c.reset()
				} else {
					<-sent
					c.closeWrite()
					if deaf {
						conn.Wake() // until then it is not known
					} else if tt.parks { // before it reads: a stream that it takes whole is no longer parked
						s.until("Left was called", func() bool { return s.lefts.Load() > 0 })
					}
					s.settle()
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
					_, _ = io.Copy(io.Discard, c)
				}
				s.settle()
				if conn != nil && !deaf {
					conn.Wake() // does no harm
				}
				s.allClosed(gone)
				if n := s.lefts.Load(); n > 1 {
					s.Errorf("Left was called %d times", n)
				}
			}
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Run("half", func(t *testing.T) { onBoth(t, leave(false, tt.left)) })
			t.Run("whole", func(t *testing.T) { onBoth(t, leave(true, tt.gone)) })
		})
	}
}

// A client that sends no more still gets what it asked for.
func TestLoopHalfClosed(t *testing.T) {
	onBoth(t, func(s *stage) {
		tests := map[string][]string{
			get("/now") + get("/echo"): {"200 now", "200"},
			get("/park"):               {"200 left"},
			get("/big"):                {big},
			get("/other"):              {"200 net/http /other 0 <nil>"},
			get("/now") + "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc": {"200 now", "200 net/http /x 3 unexpected EOF"},
		}
		for text, answers := range tests {
			c := s.ask(text)
			c.closeWrite()
			c.wants(answers...)
			c.wantsEnd()
		}
		s.allClosed(0)
	})
}

// expiries are connections that are let go because too little comes of them.
var expiries = []struct {
	name   string
	sends  []string // one every 4 s
	within time.Duration
}{
	{"nothing is sent", nil, 10 * time.Second},
	{"a slow header", []string{"G", "E", "T", " ", "/", "n", "o"}, 10 * time.Second},
	{"a slow second header", []string{get("/now") + "G", "E", "T", " ", "/", "n", "o"}, 10 * time.Second},
	{"a slow header behind one that was slow", []string{"G", get("/now")[1:] + "G", "E", "T", " "}, 14 * time.Second},
	{"idle", []string{get("/now")}, 2 * time.Minute},
	{"idle after two requests", []string{get("/now"), get("/now")}, 2*time.Minute + 4*time.Second},
	{"idle at net/http", []string{get("/other")}, 2 * time.Minute},
	{"a slow header at net/http", []string{"GET /%", "%", "%", "%", "%", "%"}, 10 * time.Second},
	{"a slow body", []string{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", "a", "b", "c", "d", "e", "f", "g"}, 11 * time.Second},
}

func TestLoopExpires(t *testing.T) {
	for _, tt := range expiries {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				c := s.dial()
				began := time.Now()
				go func() {
					for _, text := range tt.sends {
						_, _ = c.Write([]byte(text))
						time.Sleep(4 * time.Second)
					}
				}()
				_, _ = io.Copy(io.Discard, c)
				defer time.Sleep(time.Minute) // until all was sent
				if took := time.Since(began); took < tt.within || took > tt.within+2*time.Second {
					s.Errorf("the connection was closed after %v, want %v", took, tt.within)
				}
				s.allClosed(0)
			})
		})
	}
}

// Whatever waits for the server may do so for ever.
func TestLoopParksForLong(t *testing.T) {
	inBubble(t, func(s *stage) {
		c, conn := s.park("/park")
		stream, events := s.park("/events/end")
		time.Sleep(5 * time.Hour)
		conn.Wake()
		events.Wake()
		c.wants("200 woken")
		stream.wants("200 bye")
		time.Sleep(time.Minute)
		c.send(get("/now"))
		c.wants("200 now")
		began := time.Now()
		c.wantsEnd()
		if took := time.Since(began); took < 2*time.Minute || took > 2*time.Minute+2*time.Second {
			s.Errorf("closed after %v", took)
		}
		s.allClosed(0)
	})
}

// A client that says more than is heard, or does not close, gets its last answer whole and is let go.
func TestLoopLingers(t *testing.T) {
	onBoth(t, func(s *stage) {
		for range 20 {
			c := s.ask(get("/close") + strings.Repeat(get("/now"), 20000))
			if got := c.raw(); !strings.HasSuffix(got, "\r\n\r\nclose") {
				s.Errorf("got %q", got)
			}
		}
		s.allClosed(0)
	})
	inBubble(t, func(s *stage) {
		c, stream := s.ask(get("/close")), s.ask(get("/events/end"))
		(<-s.parked).Wake()
		c.wants("200 close")
		stream.wants("200 bye")
		for range 20 {
			_, _ = c.Write([]byte("and more"))
			_, _ = stream.Write([]byte("and more"))
			time.Sleep(100 * time.Millisecond)
		}
		s.allClosed(0)
	})
}

// What is parked is answered in place of net/http as well.
func TestLoopReplies(t *testing.T) {
	onBoth(t, func(s *stage) {
		c, conn := s.park("/park/reply")
		conn.Wake()
		c.wants("409 replied")
		conn.Wake()
		s.settle()
		c.send(get("/now"))
		c.wants("200 now")
		c.Close()
		s.allClosed(0)
	})
}

// A body that takes longer than a moment is read by net/http, with what came of it and what comes after it.
func TestLoopSlowBody(t *testing.T) {
	inBubble(t, func(s *stage) {
		text := post("/echo", "0123456789") + post("/echo", "next")
		for cut := strings.Index(text, "\r\n\r\n") + 4; cut < strings.Index(text, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4"); cut += 3 {
			c := s.ask(get("/now") + text[:cut])
			c.wants("200 now")
			time.Sleep(900 * time.Millisecond)
			if n := s.loops.Connections(); n != 1 {
				s.Fatalf("%d connections at the loops, want 1", n)
			}
			time.Sleep(700 * time.Millisecond)
			if n := s.loops.Connections(); n != 0 {
				s.Fatalf("%d connections at the loops, want 0", n)
			}
			c.send(text[cut:])
			c.wants("200 net/http /echo 10 <nil>", "200 net/http /echo 4 <nil>")
			c.Close()
			s.allClosed(0)
		}
		if n := s.loops.HandedOver().Counts()["test"]; n != 4 {
			s.Errorf("%d connections were handed over, want 4", n)
		}
	})
}

// Wakes at a time come a little after it, and never before.
func TestLoopWakeIn(t *testing.T) {
	inBubble(t, func(s *stage) {
		for n := range 20 {
			c, conn := s.park("/park/later")
			time.Sleep(time.Duration(n) * 777 * time.Microsecond)
			began := time.Now()
			conn.Wake()
			c.wants("200 later")
			if took := time.Since(began); took < 50*time.Millisecond || took > 56*time.Millisecond {
				s.Errorf("woken after %v", took)
			}
		}
		gone, conn := s.park("/park/later")
		conn.Wake()
		synctest.Wait()
		gone.reset()
		time.Sleep(time.Second)
		s.until("Gone was called", func() bool { return len(s.gone) == 1 })
	})
}

// A component's connections are divided among the loops.
func TestLoopsTakeTurns(t *testing.T) {
	seen := make(chan int, 100)
	inBubble(t, func(s *stage) {
		for range 30 {
			s.park("/park")
		}
		counts := make(map[int]int)
		for len(seen) > 0 {
			counts[<-seen]++
		}
		if fmt.Sprint(counts) != "map[1:10 2:10 3:10]" {
			s.Errorf("the loops have %v", counts)
		}
	}, func(s *setting) {
		s.count = 3
		loop := 0
		s.sockets = func(sockets lane.Sockets) lane.Sockets {
			loop++
			return numbered{sockets, loop, seen}
		}
	})
}

// numbered are sockets that tell which loop has read.
type numbered struct {
	lane.Sockets
	loop int
	seen chan int
}

func (n numbered) Read(fd int, into []byte) (int, error) {
	read, err := n.Sockets.Read(fd, into)
	if read > 0 {
		n.seen <- n.loop
	}
	return read, err
}
