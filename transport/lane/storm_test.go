package lane_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// storm parks every request, and has it woken by many. An answer holds what its request asked for.
type storm struct {
	lane.NeverParks
	parked                   chan *lane.Conn
	polls, answers, vanished atomic.Int64
}

func (s *storm) ServeFast(c *lane.Conn, r *lane.Request) bool {
	c.Park(strings.Clone(r.Query))
	s.polls.Add(1)
	s.parked <- c
	return true
}

func (s *storm) Woken(c *lane.Conn) {
	s.answers.Add(1)
	c.Answer("", append(c.Room(), c.Parked().(string)...))
}

func (s *storm) Gone(*lane.Conn) { s.vanished.Add(1) }

// wake wakes all that are parked, most of them more than once and from several goroutines, also when they are gone.
func (s *storm) wake() {
	var recent [64]*lane.Conn
	for c := range s.parked {
		if rand.IntN(2) == 0 {
			go c.Wake()
		}
		c.Wake()
		recent[rand.IntN(len(recent))] = c
		if again := recent[rand.IntN(len(recent))]; again != nil {
			again.Wake()
		}
	}
}

// client asks a few times, and leaves in one way or another.
func (s *storm) client(stage *stage, name int) {
	c := stage.dial()
	defer c.Close()
	for i := range rand.IntN(5) {
		id := fmt.Sprint(name, "-", i)
		c.send(get("/?" + id))
		switch rand.IntN(8) {
		case 0:
			c.reset()
			return
		case 1:
			return // with the answer under way
		case 2:
			c.closeWrite()
			return
		default:
			c.wants("200 " + id)
		}
	}
}

// Every request that is parked is answered once, or its component is told once that it is gone, whoever wakes it and
// whatever becomes of its descriptor.
func TestStorm(t *testing.T) {
	onBoth(t, func(stage *stage) {
		s := stage.fast.(*storm)
		var clients, wakers sync.WaitGroup
		for range 3 {
			wakers.Go(s.wake)
		}
		for n := range 30 {
			clients.Go(func() {
				for i := range 40 {
					s.client(stage, n*1000+i)
				}
			})
		}
		clients.Wait()
		stage.until("all connections are closed", func() bool { return stage.limit.Open() == 0 })
		// One whose client has left before it was accepted may come yet. After this, none does.
		stage.shutdown(stage.Context())
		close(s.parked)
		wakers.Wait()
		if polls, ends := s.polls.Load(), s.answers.Load()+s.vanished.Load(); polls != ends {
			stage.Errorf("%d were parked, %d answered and %d gone", polls, s.answers.Load(), s.vanished.Load())
		}
	}, func(s *setting) { s.fast, s.count = &storm{parked: make(chan *lane.Conn, 1<<16)}, 3 })
}

// stale are sockets that tell of events of anybody's descriptors.
type stale struct{ lane.Sockets }

func (s stale) Wait(events []lane.Event, until time.Time) int {
	return s.more(events, s.Sockets.Wait(events, until))
}

func (s stale) Poll(events []lane.Event) int { return s.more(events, s.Sockets.Poll(events)) }

func (s stale) more(events []lane.Event, n int) int {
	for fd := range 40 {
		if n < len(events) {
			events[n] = lane.Event{FD: fd, Interest: lane.Readable | lane.Writable}
			n++
		}
	}
	return n
}

// Events of a descriptor that is another's by now, or nobody's, do no harm.
func TestStaleEvents(t *testing.T) {
	onBoth(t, func(s *stage) {
		var clients sync.WaitGroup
		for range 10 {
			clients.Go(func() {
				for range 20 {
					c := s.ask(get("/now") + post("/echo", "body"))
					c.wants("200 now", "200 body")
					c.send(get("/park"))
					(<-s.parked).Wake() // this one's or another's
					c.wants("200 woken")
					c.send(get("/other"))
					c.wants("200 net/http /other 0 <nil>")
					c.Close()
				}
			})
		}
		clients.Wait()
		s.allClosed(0)
	}, func(s *setting) {
		s.sockets = func(sockets lane.Sockets) lane.Sockets { return stale{sockets} }
	})
}
