package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// storm is everything at once, on as many goroutines as there are parties.
type storm struct {
	*rig
	given [4]atomic.Int64 // how many updates were given at each path, or are about to be
	over  chan struct{}   // nothing more is given
}

func stormPath(i int) dispatch.Path { return dispatch.Path(fmt.Sprintf("storm/%d", i)) }

// publish gives numbers at the i-th path.
func (s *storm) publish(i, n int) {
	for range n {
		number := s.given[i].Add(1)
		u := newUpdate(string(stormPath(i)), fmt.Sprint(number), dispatch.Options{Receipt: dispatch.NewReceipt()})
		s.controller.Update("", u.Path, u.Message)
		u.Message.Receipt().Close()
	}
}

// stormClient checks promise 1 for itself, as it is told.
type stormClient struct {
	*storm
	random  *rand.Rand
	pattern dispatch.Pattern
	token   string
	id      dispatch.ID
	seen    [4]int64 // the last number that it was told
	have    [4]int64 // the last number that it was told or loaded
	holes   [4]bool  // a number was missing, and no mark has come for it: it must be in this answer, or further on in the stream
}

// run polls until all was given and nothing more comes.
func (c *stormClient) run() error {
	for quiet := 0; quiet < 2; {
		over := closed(c.over)
		ctx, cancel := context.WithCancel(context.Background())
		if c.random.IntN(4) == 0 {
			time.AfterFunc(time.Duration(c.random.IntN(300))*time.Microsecond, cancel)
		}
		recorder := c.get(ctx)
		lost := ctx.Err() != nil || c.random.IntN(8) == 0
		cancel()
		switch {
		case recorder.Code == http.StatusConflict, lost:
			continue
		case recorder.Code != http.StatusOK:
			return fmt.Errorf("answered %d %s", recorder.Code, recorder.Body)
		}
		var a answer
		if err := json.Unmarshal(recorder.Body.Bytes(), &a); err != nil {
			return err
		}
		known := a.id() == c.id
		if err := c.hear(&a, false); err != nil {
			return err
		}
		if quiet++; len(a.Updates) > 0 || !known || !over {
			quiet = 0
		}
	}
	return c.complete()
}

// complete wants the client to have all that was given.
func (c *stormClient) complete() error {
	for i := range c.have {
		if c.pattern.Matches(stormPath(i)) && c.have[i] != c.given[i].Load() {
			return fmt.Errorf("%s: has %d of %d at the end", c.pattern, c.have[i], c.given[i].Load())
		}
		if c.holes[i] {
			return fmt.Errorf("%s: a hole at %s without a mark at the end", c.pattern, stormPath(i))
		}
	}
	return nil
}

// stream checks the same for a client of streams, whose connection breaks now and then, or is taken over.
func (c *stormClient) stream() error {
	for quiet := 0; quiet < 2; {
		over := closed(c.over)
		s := c.tap([]Form{Events, Frames}[c.random.IntN(2)], c.token)
		select {
		case <-s.done:
		case <-s.began:
		}
		stay := time.Duration(1+c.random.IntN(3)) * time.Millisecond
		if over {
			stay = 100 * time.Millisecond // for all that is left to come
		}
		select {
		case <-s.done:
		case <-time.After(stay):
		}
		lost := c.random.IntN(8) == 0
		if s.form == Frames && !lost && c.random.IntN(4) == 0 {
			s.say(`"` + s.at() + `"`)
		}
		s.cut()
		s.mu.Lock()
		a, refusal := s.heard, s.refusal
		a.ReconnectWith = s.token
		s.mu.Unlock()
		if refusal != nil && refusal.code != http.StatusConflict {
			return fmt.Errorf("refused with %d %s", refusal.code, refusal.Detail)
		}
		if refusal != nil || a.id() == c.id && lost {
			continue // what came is lost, and comes again
		}
		known := a.id() == c.id
		if err := c.hear(&a, true); err != nil {
			return err
		}
		if quiet++; len(a.Updates) > 0 || !known || !over {
			quiet = 0
		}
	}
	return c.complete()
}

// get polls, now and then twice at once.
func (c *stormClient) get(ctx context.Context) *httptest.ResponseRecorder {
	var other sync.WaitGroup
	if c.random.IntN(8) == 0 {
		token := c.token
		other.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			c.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/"+token, nil))
		})
	}
	recorder := httptest.NewRecorder()
	c.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, "GET", "/"+c.token, nil))
	other.Wait()
	return recorder
}

// hear takes what came. An answer to a poll that has a hole has the mark for it as well; a stream that was cut off may
// have ended between the two.
func (c *stormClient) hear(a *answer, cut bool) error {
	c.token = a.ReconnectWith
	if a.id() != c.id {
		c.id, c.seen, c.have, c.holes = a.id(), [4]int64{}, [4]int64{}, [4]bool{}
		err := c.dispatcher.Apply("", dispatch.Command(dispatch.PathConnect, c.id, c.pattern, 0))
		if err != nil && !errors.Is(err, dispatch.ErrUnknownID) {
			return err
		}
		return nil
	}
	for _, u := range a.Updates {
		if string(u.Message) == `""` {
			c.load(dispatch.Pattern(u.Path))
			continue
		}
		var i int
		var number int64
		fmt.Sscanf(u.Path, "storm/%d", &i)
		fmt.Sscan(string(u.Message), &number)
		if number <= c.seen[i] {
			return fmt.Errorf("%s: %d at %s after %d", c.pattern, number, u.Path, c.seen[i])
		}
		c.holes[i] = c.holes[i] || number > c.have[i]+1
		c.seen[i], c.have[i] = number, max(c.have[i], number)
	}
	for i, hole := range c.holes {
		if hole && !cut {
			return fmt.Errorf("%s: a hole at %s without a mark in %v", c.pattern, stormPath(i), a)
		}
	}
	return nil
}

func (c *stormClient) load(pattern dispatch.Pattern) {
	for i := range c.have {
		if standsFor(pattern, stormPath(i)) {
			c.have[i], c.holes[i] = c.given[i].Load(), false
		}
	}
}

// disturb does what operators and back-ends do beside giving updates, until all was given.
func (s *storm) disturb() {
	for random := rand.New(rand.NewPCG(1, 2)); !closed(s.over); {
		all := s.wheel.all()
		id := all[random.IntN(len(all))].id()
		switch random.IntN(20) {
		case 0:
			_ = s.dispatcher.Apply("", dispatch.Kick(id))
		case 1:
			config := s.made
			config.Queue.Messages, config.Resume = 2+random.IntN(100), random.IntN(20)
			s.SetConfig(config)
		case 2:
			if leaving := s.session(id); leaving != nil {
				s.leave(leaving)
			}
		default:
			if described, ok := s.dispatcher.Client(id); ok {
				_, _ = json.Marshal(described)
			}
			s.dispatcher.Path(stormPath(0), 10)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// TestStorm is meant for -race: publishers, polls that are lost, doubled and given up, streams that break, kicks,
// goodbyes, new limits and look-ups at the same time, and promise 1 for every client.
func TestStorm(t *testing.T) {
	onLanes(t, func(t *testing.T, use func(*rig)) {
		r := newRig(t, func(c *Config) {
			c.Hold, c.Expire, c.Bundle = 20*time.Millisecond, 10*time.Millisecond, 100*time.Microsecond
			c.Queue.Messages, c.Resume = 20, 8
		})
		use(r)
		s := &storm{rig: r, over: make(chan struct{})}
		var publishers, others sync.WaitGroup
		clients := make([]*stormClient, 12)
		failures := make([]error, len(clients))
		for i := range clients {
			c := &stormClient{storm: s, random: rand.New(rand.NewPCG(uint64(i), 0)), pattern: []dispatch.Pattern{"storm/1", "storm/*", "**"}[i%3]}
			a := r.do("GET", "/", "")
			if err := c.hear(a, false); err != nil {
				t.Fatal(err)
			}
			clients[i] = c
			others.Go(func() {
				if i < 6 {
					failures[i] = c.run()
				} else {
					failures[i] = c.stream()
				}
			})
		}
		for i := range s.given {
			publishers.Go(func() { s.publish(i, 2000) })
		}
		others.Go(func() { s.disturb() })
		publishers.Wait()
		close(s.over)
		others.Wait()
		if err := errors.Join(failures...); err != nil {
			t.Fatal(err)
		}
		for _, left := range r.wheel.all() {
			r.leave(left)
		}
		if n, parked, messages, bytes := r.Sessions(), r.stats.Parked.Load(), r.stats.Messages.Load(), r.stats.Bytes.Load(); n != 0 || parked != 0 || messages != 0 || bytes != 0 {
			t.Errorf("left over: %d sessions, %d parked, %d messages of %d bytes", n, parked, messages, bytes)
		}
	})
}

// A drain takes the locks of many sessions while kicks, with a session's lock held, take Push's.
func TestDrainWhileKicked(t *testing.T) {
	r := newRig(t)
	var group sync.WaitGroup
	ids := make([]dispatch.ID, 200)
	for i := range ids {
		id, token := r.open("a")
		ids[i] = id
		group.Go(func() { r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/"+token, nil)) })
		group.Go(func() { _ = r.dispatcher.Apply("", dispatch.Kick(id)) })
	}
	for range 20 {
		group.Go(r.Drain)
	}
	group.Wait()
	for _, id := range ids {
		if r.session(id) != nil {
			t.Errorf("%s was kicked, and is there", id)
		}
	}
}

// TestLockOrder has the wheel's lock free whenever a session's is held.
func TestLockOrder(t *testing.T) {
	r := newRig(t)
	for range 3 {
		id, _ := r.open("a")
		r.session(id).Park(0, Poll, lockProbe{r}, time.Now())
	}
	r.update("a", "1")
	r.Drain()
	for _, s := range r.wheel.all() {
		r.Push.look(s, time.Now().Add(time.Hour))
		r.leave(s)
	}
}

// lockProbe is a Waiter, which is woken with the session's lock held.
type lockProbe struct{ *rig }

func (p lockProbe) Wake() {
	if !p.wheel.mu.TryLock() {
		p.Error("a session's lock is taken while the wheel's is held")
		return
	}
	p.wheel.mu.Unlock()
}
