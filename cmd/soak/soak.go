//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// soakOptions are what the command line says of a soak.
type soakOptions struct {
	clients int
	length  time.Duration
	program string  // a rootsd that is built already; "" to build one
	scale   float64 // of all times in the clients' lives and of the sessions' own; 1 but in tests
}

// soak is one run: clients that live, and the daemon that must bear it.
type soak struct {
	soakOptions
	bounds  bounds
	daemon  *daemon
	process *process
	crowd   *crowd
	sampler *sampler
	world   *soakWorld
	screen  *screen

	living bool // clients do more than listen
	tunnel bool // a quarter of the clients hears nothing
	window *hdrhistogram.Histogram
	whole  *hdrhistogram.Histogram
	acts   map[string]int
	most   int // clients that listened at a time
	before footprint
	after  footprint
	stacks string // the daemon's goroutines, when they were last looked at
	peak   int64  // most memory that the daemon ever occupied, in bytes
}

// runSoak does it all. The soak that it returns has its figures, also beside an error of the daemon's or the clients'.
func runSoak(ctx context.Context, o soakOptions, screen *screen) (s *soak, err error) {
	s = &soak{soakOptions: o, bounds: soakBounds(o.clients), screen: screen, acts: make(map[string]int),
		window: newHistogram(), whole: newHistogram()}
	d, err := newDaemon(ctx, o.program)
	if err != nil {
		return nil, err
	}
	s.daemon = d
	defer func() { err = errors.Join(err, d.close()) }()
	s.configure()
	if s.process, err = s.daemon.start(ctx, nil); err != nil {
		return nil, err
	}
	defer s.process.kill()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	defer s.crowd.close()
	s.sampler = sampleAt(ctx, s.daemon, s.process, s.crowd.clock, max(s.times(time.Second), s.length/900))
	defer s.sampler.close()
	return s, s.live(ctx)
}

// times scales a time of the clients' lives.
func (s *soak) times(d time.Duration) time.Duration { return time.Duration(float64(d) * s.scale) }

// Times of sessions, and of those who come back to them.
const (
	soakHold   = 25 * time.Second
	soakExpire = 30 * time.Second
	soakAge    = 40 * time.Second // a client that stalls for longer misses what is older
	soakLease  = 50 * time.Second
)

func (s *soak) configure() {
	d := s.daemon
	d.settings, d.limit = s.bounds.flags(), s.bounds.ceiling()
	d.settings["push-hold"] = s.times(soakHold).String()
	d.settings["push-expire"] = s.times(soakExpire).String()
	d.settings["push-queue-age"] = s.times(soakAge).String()
	d.settings["limits-write"] = s.times(10 * time.Second).String()
}

// prepare looks at the daemon as it is at rest, and makes the clients.
func (s *soak) prepare(ctx context.Context) (err error) {
	if s.before, err = s.footprint(ctx); err != nil {
		return err
	}
	s.world = newSoakWorld(s.clients, s.times(soakLease))
	s.crowd, err = newCrowd(s.daemon, s.clients, s.world.world, s.world.topics)
	if err != nil {
		return err
	}
	s.crowd.latencies = []*hdrhistogram.Histogram{s.window, s.whole}
	s.crowd.arrived = s.arrived
	for i, c := range s.crowd.clients {
		if i%4 == 0 {
			c.Window = 4096 // so that the daemon notices soon when it does not read
		}
	}
	return nil
}

// live goes through the phases.
func (s *soak) live(ctx context.Context) error {
	s.report()
	rate := math.Max(float64(s.clients)/20, 50)
	if err := s.crowd.all(ctx, rate, time.Minute, func(n int) { s.screen.show("coming", n, s.clients, "") }); err != nil {
		return err
	}
	s.living = true
	for _, c := range s.crowd.clients {
		s.arrived(c)
	}
	s.publish()
	s.tunnels()
	begun := s.crowd.now()
	s.screen.bar = func() (done, total float64) { return (s.crowd.now() - begun).Seconds(), s.length.Seconds() }
	if err := s.crowd.wait(ctx, s.length); err != nil {
		return err
	}
	s.screen.bar = nil
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.part(ctx)
}

// report shows how it goes, and hands the latencies on, now and then.
func (s *soak) report() {
	l := latencies{time.Duration(s.window.ValueAtQuantile(50)) * time.Microsecond,
		time.Duration(s.window.ValueAtQuantile(99)) * time.Microsecond}
	if s.sampler.tell(l) {
		s.window.Reset()
	}
	s.most = max(s.most, int(s.sampler.last().parked))
	last := s.sampler.last()
	s.screen.progress(fmt.Sprintf("%.0f clients wait, %s resident, p99 %v, %s queued, %d flaws   ", last.parked,
		size(int64(last.resident)), last.p99.Round(time.Millisecond), size(int64(last.queued)), len(s.crowd.tally.details)))
	s.crowd.after(200*time.Millisecond, s.report)
}

// publish has updates flow: to one client, in batches, to rooms, by patterns, to all, the latest of many, and large ones to
// those who are away.
func (s *soak) publish() {
	c, w, n := s.crowd, s.world, float64(s.clients)
	own := func(due time.Duration) { c.publish(due, 40, w.own[c.random.IntN(s.clients)]) }
	c.feed(n/30, own)
	c.feed(n/150, func(due time.Duration) { c.publish(due, 40, w.batch(c.random.IntN(s.clients), 10)...) })
	c.feed(n/375, func(due time.Duration) { c.publish(due, 100, w.rooms[c.random.IntN(len(w.rooms))]) })
	c.feed(n/375, func(due time.Duration) { c.publish(due, 100, w.grouped[c.random.IntN(len(w.grouped))]) })
	c.feed(n/15, func(due time.Duration) { c.publish(due, 0, w.latest[c.random.IntN(len(w.latest))]) })
	c.feed(n/12, func(due time.Duration) { c.publish(due, 2000, w.bulk[s.bulky()]) })
	c.feed(0.2, func(due time.Duration) { c.publish(due, 100, w.all) })
}

// bulky chooses who gets a large update: while there is a tunnel, one of those in it. A few of these get half of them, so
// that the system keeps no more for them and their streams are cut.
func (s *soak) bulky() int {
	n := s.crowd.random.IntN(s.clients)
	switch {
	case !s.tunnel:
		return n
	case s.crowd.random.IntN(2) == 0:
		return n - n%16
	}
	return n - n%4
}

// tunnels has a quarter of the clients stop to read now and then, all at a time, as if on a train.
func (s *soak) tunnels() {
	every := min(s.times(4*time.Minute), s.length/3)
	inside := min(s.times(45*time.Second), every/2)
	s.crowd.after(every/2, func() {
		if !s.living {
			return
		}
		s.tunnel = true
		for i, c := range s.crowd.clients {
			if i%4 == 0 && c.state == here {
				c.stall(inside + s.crowd.upTo(inside/8+1))
				s.acts["went into a tunnel"]++
			}
		}
		s.crowd.after(inside, func() { s.tunnel = false })
		s.crowd.after(every/2, s.tunnels)
	})
}

// act is something that a client does when it has listened for a while.
type act struct {
	name   string
	weight int
	do     func(s *soak, c *client)
}

var acts = []act{
	{"moved to another transport", 30, func(s *soak, c *client) {
		c.transport = load.Transports[s.crowd.random.IntN(len(load.Transports))]
		c.goAway(s.crowd.upTo(s.times(time.Second)))
	}},
	{"took a break", 20, func(s *soak, c *client) { c.goAway(s.crowd.upTo(s.times(20 * time.Second))) }},
	{"stopped reading", 15, func(s *soak, c *client) { c.stall(s.crowd.upTo(s.times(50 * time.Second))) }},
	{"said goodbye, and came anew", 12, func(_ *soak, c *client) { c.leave() }},
	{"vanished, and came anew", 10, func(_ *soak, c *client) { c.vanish() }},
	{"vanished, and came back", 8, func(s *soak, c *client) {
		c.Reset()
		c.rest(s.crowd.upTo(s.times(10 * time.Second)))
	}},
	{"came back too late", 5, func(s *soak, c *client) {
		c.goAway(s.times(soakExpire+5*time.Second) + s.crowd.upTo(s.times(10*time.Second)))
	}},
}

// arrived has a client do something when it has listened for a while.
func (s *soak) arrived(c *client) {
	if !s.living {
		return
	}
	const mean = 90 * time.Second
	c.later(time.Duration(s.crowd.random.ExpFloat64()*float64(s.times(mean))), func() {
		if s.living && c.state == here {
			s.choose().do(s, c)
		}
	})
}

// choose picks an act by its weight.
func (s *soak) choose() act {
	sum := 0
	for _, a := range acts {
		sum += a.weight
	}
	at := s.crowd.random.IntN(sum)
	for _, a := range acts {
		if at -= a.weight; at < 0 {
			s.acts[a.name]++
			return a
		}
	}
	panic("unreachable: the weights are those that were added up")
}

// settle has everybody listen again, and looks whether all that was published has come.
func (s *soak) settle(ctx context.Context) error {
	s.living = false
	s.crowd.hush()
	for _, c := range s.crowd.clients {
		switch c.state {
		case stalled:
			c.recover()
		case away:
			c.later(s.crowd.upTo(s.times(5*time.Second)), c.come)
		}
	}
	patience := max(s.times(time.Minute), 20*time.Second)
	show := func(n int) { s.screen.show("coming back", n, s.clients, "") }
	if err := s.crowd.awaitAll(ctx, patience, show); err != nil {
		return err
	}
	if err := s.crowd.quiet(ctx, time.Second, patience); err != nil {
		return err
	}
	s.crowd.audit()
	return nil
}

// part has everybody go, a half of them without a word, and waits until the daemon has forgotten them.
func (s *soak) part(ctx context.Context) error {
	s.crowd.closing = true
	for i, c := range s.crowd.clients {
		end := c.leave
		if i/2%2 == 0 {
			end = c.vanish
		}
		s.crowd.after(s.crowd.upTo(s.times(5*time.Second)), end)
	}
	_, err := s.crowd.until(ctx, time.Minute, func() bool { return s.crowd.goneBy == s.clients })
	for _, one := range s.crowd.callers {
		one.Close()
	}
	if err != nil {
		return err
	}
	return s.compare(ctx)
}

// compare waits until the daemon is as it was before, or for as long as that should take at the most.
func (s *soak) compare(ctx context.Context) error {
	most := s.times(2*soakExpire) + 10*time.Second
	for end := time.Now().Add(most); ; {
		var err error
		if s.after, err = s.footprint(ctx); err != nil {
			return err
		}
		if len(s.leftBehind()) == 0 || time.Now().After(end) {
			break
		}
		s.screen.show("forgetting", int(s.after["sessions"]), s.clients, "sessions are left")
		if err := s.crowd.wait(ctx, time.Second); err != nil {
			return err
		}
	}
	var err error
	_, s.peak, err = s.process.resident()
	return err
}

// footprint is what a daemon holds, by name.
type footprint map[string]float64

// heapMargin is by how much the heap may have grown when all have gone: what Go and the daemon keep for the next time.
const heapMargin = 8 << 20

// footprint reads what the daemon holds, after collections of its garbage.
func (s *soak) footprint(ctx context.Context) (footprint, error) {
	for range 2 { // what is in a pool goes with the second
		if _, err := s.daemon.get(ctx, s.daemon.admin, "/debug/pprof/heap?gc=1"); err != nil {
			return nil, err
		}
	}
	text, err := s.daemon.get(ctx, s.daemon.admin, "/metrics")
	if err != nil {
		return nil, err
	}
	v := parseValues(string(text))
	if text, err = s.daemon.get(ctx, s.daemon.admin, goroutinesPage); err != nil {
		return nil, err
	}
	s.stacks = string(text)
	files, err := s.process.files()
	return footprint{
		"goroutines": profileTotal(s.stacks), "descriptors": float64(files),
		"sessions": v["rootsd_sessions"], "waiting clients": v["rootsd_parked"],
		"connections":       v.total("rootsd_connections") - v[`rootsd_connections{port="admin.listen"}`],
		"updates in queues": v["rootsd_queue_messages"], "bytes in queues": v["rootsd_queue_bytes"],
		"paths and patterns": v["rootsd_patterns"], "components": v["rootsd_components"], "leases": v["rootsd_leases"],
		"subscriptions": v["rootsd_subscriptions"],
		"heap":          v["go_memstats_heap_alloc_bytes"],
	}, err
}

// goroutinesPage has the daemon's goroutines. The metric go_goroutines counts those that gather metrics as well.
const goroutinesPage = "/debug/pprof/goroutine?debug=1"

// profileTotal reads how many goroutines there are from "goroutine profile: total 14" and what follows.
func profileTotal(text string) float64 {
	first, _, _ := strings.Cut(text, "\n")
	n, err := strconv.Atoi(strings.TrimPrefix(first, "goroutine profile: total "))
	if err != nil {
		return math.NaN()
	}
	return float64(n)
}

// leftBehind names what the daemon holds more than before.
func (s *soak) leftBehind() (names []string) {
	for name, n := range s.after {
		margin := 0.0
		if name == "heap" {
			margin = heapMargin
		}
		if !(n <= s.before[name]+margin) { // a number that could not be read is no good sign either
			names = append(names, fmt.Sprintf("%s (%.0f, before: %.0f)", name, n, s.before[name]))
		}
	}
	return names
}

// verdict says what the run has failed with.
func (s *soak) verdict() error {
	var errs []error
	ceiling := float64(s.bounds.ceiling())
	samples, failed := s.sampler.all()
	errs = append(errs, failed)
	for _, one := range samples {
		if most := max(one.resident, one.goMemory); most > ceiling {
			errs = append(errs, fmt.Errorf("at %v, memory was %s: more than the ceiling, %s",
				one.at.Round(time.Second), size(int64(most)), size(s.bounds.ceiling())))
			break
		}
	}
	if float64(s.peak) > ceiling {
		errs = append(errs, fmt.Errorf("memory was %s once: more than the ceiling, %s", size(s.peak), size(s.bounds.ceiling())))
	}
	for _, name := range s.leftBehind() {
		errs = append(errs, errors.New("left behind: "+name))
	}
	if s.after["goroutines"] > s.before["goroutines"] {
		errs = append(errs, errors.New("goroutines:\n"+s.stacks))
	}
	return errors.Join(append(errs, s.crowd.tally.verdict())...)
}
