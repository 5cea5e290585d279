package lane_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// One address has so many connections, parked ones and those that were handed over alike. Who is too many is told, and
// a place that falls free is given again.
func TestConnectionsOfOneAddress(t *testing.T) {
	onBoth(t, func(s *stage) {
		s.limit.SetAddressMax(2, nil)
		parked, _ := s.park("/park")
		handed := s.ask(get("/x"))
		handed.wants("200 net/http /x 0 <nil>")
		wantsTooMany(s)
		if n := s.refused.Counts()["address_connections"]; n != 1 {
			s.Errorf("%d were refused, want 1", n)
		}

		handed.reset()
		s.until("there is a place", func() bool { return s.limit.Open() == 1 })
		again, _ := s.park("/park")
		wantsTooMany(s)
		parked.reset()
		again.reset()
		s.until("all have gone", func() bool { return s.limit.Open() == 0 })

		// Those of a proxy are not counted, nor those that came while there was no limit.
		s.limit.SetAddressMax(1, lane.ParseProxies([]string{"127.0.0.0/8"}))
		first, _ := s.park("/park")
		second, _ := s.park("/park")
		s.limit.SetAddressMax(1, nil)
		third, _ := s.park("/park")
		wantsTooMany(s)
		for _, c := range []*client{first, second} {
			c.reset()
		}
		s.until("two have gone", func() bool { return s.limit.Open() == 1 })
		wantsTooMany(s)
		s.limit.SetAddressMax(0, nil)
		fourth, _ := s.park("/park")
		third.reset()
		fourth.reset()
		s.allClosed(6)
	})
}

// wantsTooMany wants the next connection to be refused.
func wantsTooMany(s *stage) {
	s.Helper()
	text := s.ask(get("/")).raw()
	for _, want := range []string{
		"HTTP/1.1 429 Too Many Requests\r\n", "\r\nRetry-After: ", `"reason":"address_connections"`,
	} {
		if !strings.Contains(text, want) {
			s.Fatalf("answered %q, want %q in it", text, want)
		}
	}
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	if !strings.Contains(head, fmt.Sprintf("Content-Length: %d", len(body))) {
		s.Errorf("the length is wrong of %q", text)
	}
}

// What has to be known of an address is asked for only where there is a limit.
func TestNoLimitAsksForNoAddress(t *testing.T) {
	asked := 0
	inBubble(t, func(s *stage) {
		c, _ := s.park("/park")
		c.reset()
		s.allClosed(1)
		if asked != 0 {
			s.Errorf("asked for the peer's address %d times", asked)
		}
	}, func(set *setting) {
		set.count = 1
		set.sockets = func(sockets lane.Sockets) lane.Sockets { return asking{sockets, &asked} }
	})
}

// asking counts who is asked for.
type asking struct {
	lane.Sockets
	asked *int
}

func (a asking) Peer(fd int) string { *a.asked++; return a.Sockets.Peer(fd) }

// The loops keep X-Forwarded-For as net/http does, and leave a request with very many of these fields to it.
func TestForwardedFields(t *testing.T) {
	for n, want := range map[int]string{
		0: "[]", 1: "[10.0.0.1]", 4: "[10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4]", 5: "net/http",
	} {
		head := "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For:\r\n"
		for i := range n {
			head += fmt.Sprintf("x-forwarded-for: 10.0.0.%d\r\n", i+1)
		}
		inBubble(t, func(s *stage) {
			text, _ := io.ReadAll(s.ask(head + "Connection: close\r\n\r\n"))
			if !strings.Contains(string(text), want) {
				s.Errorf("%d fields are %q, want %s", n, text, want)
			}
		}, func(set *setting) { set.fast = forwardedTeller{} })
	}
}

// forwardedTeller answers with the fields of the request.
type forwardedTeller struct{ lane.NeverParks }

func (forwardedTeller) ServeFast(c *lane.Conn, r *lane.Request) bool {
	c.Answer("", fmt.Append(c.Room(), r.Forwarded()))
	return true
}

// Whoever keeps the daemon waiting meets a bound, on the loops and on net/http alike.
func TestTimesAreTold(t *testing.T) {
	large := "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n"
	odd := "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	tests := []struct {
		name, says string // and nothing more
		after      string // it has had an answer to this
		setting    string
		answered   bool // before the connection is closed
	}{
		{"silent", "", "", "limits.header", false},
		{"a part of a header", "GET / HT", "", "limits.header", false},
		{"a part of a later one", "GET / HT", get("/now"), "limits.header", false},
		{"silent after an answer", "", get("/now"), "limits.idle", false},
		{"net/http: silent after an answer", "", odd, "limits.idle", false},
		{"net/http: a part of a later one", "GET / HT", odd, "limits.header", true},
		{"a header that is too large", large, "", "limits.header_size", true},
	}
	for _, tt := range tests {
		met := lane.NewMet(slog.New(slog.DiscardHandler), func(string) any { return nil })
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(s *stage) {
				s.limit.Report(met, "test", "limits.connections")
				c := s.dial()
				if tt.after != "" {
					c.send(tt.after)
					c.answer()
				}
				c.send(tt.says)
				time.Sleep(5 * time.Minute)
				s.settle()
				if text := c.raw(); tt.answered != (text != "") {
					t.Errorf("answered %q", short(text))
				}
				if got := met.Counts(); len(got) != 1 || got[tt.setting] != 1 {
					t.Errorf("met %v, want %s once", got, tt.setting)
				}
			}, func(set *setting) { set.bounds.Met = met })
		})
	}
}

// A client that does not take its answer meets a bound as well.
func TestSlowReadersAreTold(t *testing.T) {
	met := lane.NewMet(slog.New(slog.DiscardHandler), func(string) any { return nil })
	inBubble(t, func(s *stage) {
		c := s.dial()
		c.window(100)
		c.send(get("/big"))
		time.Sleep(time.Minute)
		s.settle()
		if got := met.Counts(); got["limits.write"] != 1 {
			t.Errorf("met %v", got)
		}
	}, func(set *setting) { set.bounds.Met = met })
}

// A flood of requests on many connections, which never ends, does not keep those from being served that were woken:
// before the last of them comes its turn, no more of the flood is served than is in as many turns of a loop.
func TestFloodStarvesNobody(t *testing.T) {
	const parked, floods, perTurn, events = 320, 200, 32, 64
	inBubble(t, func(s *stage) {
		f := s.fast.(*flooded)
		var clients []*client
		for range parked {
			c := s.ask(get("/park"))
			<-f.parked
			clients = append(clients, c)
		}
		conns := f.waiting
		f.during = func() { // once the flood is on
			for _, c := range conns {
				c.Wake()
			}
		}
		for range floods {
			s.ask(strings.Repeat(get("/"), 1000))
		}
		s.settle()
		if most := parked / perTurn * events * perTurn; f.before > most+events*perTurn || f.woken != parked {
			s.Errorf("%d of %d were served, after %d requests of a flood; want %d at most", f.woken, parked, f.before, most)
		}
		for _, c := range clients {
			c.wants("200 woken")
		}
	}, func(set *setting) { set.count, set.fast = 1, &flooded{parked: make(chan struct{}, parked)} })
}

// flooded answers at once, but for what it parks, and counts what comes before all of that is answered.
type flooded struct {
	lane.NeverParks
	parked               chan struct{}
	waiting              []*lane.Conn
	during               func()
	flood, before, woken int
}

func (f *flooded) ServeFast(c *lane.Conn, r *lane.Request) bool {
	if r.Path == "/park" {
		c.Park("it waits")
		f.waiting = append(f.waiting, c)
		f.parked <- struct{}{}
		return true
	}
	if f.flood++; f.flood == 1000 {
		f.during()
	}
	if f.flood > 1000 && f.woken < len(f.waiting) {
		f.before++
	}
	c.Answer("", append(c.Room(), "flood"...))
	return true
}

func (f *flooded) Woken(c *lane.Conn) {
	f.woken++
	c.Answer("", append(c.Room(), "woken"...))
}
