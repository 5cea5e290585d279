//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// crowd is all clients and back-ends of a trial, on one goroutine and one epoll set: a client that waits costs as little
// here as it does in the daemon.
type crowd struct {
	clock
	world   *world
	clients []*client
	callers []*caller
	feeds   []*feed
	tally   tally
	asks    []time.Duration // when a back-end was asked to connect a client that has a new session

	// What a trial does when something happens.
	arrived func(c *client)            // it listens, after it came
	heard   func(c *client, u *update) // it was told something that was right

	loop         *load.Loop
	push, ingest *load.Target
	random       *rand.Rand
	scratch      []byte
	answer       answer
	latencies    []*hdrhistogram.Histogram // that deliveries are counted in
	watched      time.Duration             // since when the served are counted; 0 while they are not
	served       int
	publishing   int  // calls with updates that were not answered yet
	closing      bool // whoever leaves comes no more
	goneBy       int
}

// callersPerCrowd is how many connections the back-ends have. What concerns one path or client goes through one of them.
const callersPerCrowd = 8

// newCrowd makes clients that are all away. topics says what each is connected to.
func newCrowd(d *daemon, clients int, w *world, topics func(number int) []*topic) (*crowd, error) {
	room, err := load.MakeRoom()
	if err != nil {
		return nil, err
	}
	if room -= callersPerCrowd + 1; clients > room {
		return nil, &load.FileLimitError{Clients: clients, Room: room}
	}
	c := &crowd{clock: clock{start: time.Now()}, world: w, random: rand.New(rand.NewPCG(1, 2)), tally: newTally(),
		arrived: func(*client) {}, heard: func(*client, *update) {}}
	var errPush, errIngest, errLoop error
	c.push, errPush = load.Resolve(d.push)
	c.ingest, errIngest = load.Resolve(d.ingest)
	c.loop, errLoop = load.NewLoop()
	for number := range clients {
		one := &client{crowd: c, number: number, ledger: newLedger(w, topics(number)),
			transport: load.Transports[number%len(load.Transports)]}
		c.clients = append(c.clients, one)
		c.loop.Add(&one.Link, one)
	}
	for range callersPerCrowd {
		one := &caller{crowd: c}
		c.callers = append(c.callers, one)
		c.loop.Add(&one.Link, one)
	}
	return c, errors.Join(errPush, errIngest, errLoop)
}

func (c *crowd) close() { c.loop.Close() }

// feed is publishing at a rate.
type feed struct {
	every   time.Duration
	next    time.Duration
	publish func(due time.Duration)
}

// feed has publish called so many times a second from now on.
func (c *crowd) feed(rate float64, publish func(due time.Duration)) {
	if rate > 0 {
		c.feeds = append(c.feeds, &feed{time.Duration(float64(time.Second) / rate), c.now(), publish})
	}
}

// hush ends all feeds.
func (c *crowd) hush() { c.feeds = nil }

// turn waits for a moment, and does what is due.
func (c *crowd) turn() error {
	for _, f := range c.feeds {
		for now := c.now(); f.next <= now; f.next += f.every {
			f.publish(f.next)
		}
	}
	c.ring()
	return c.loop.Turn(max(c.next(c.nextFeed()), time.Millisecond))
}

// nextFeed says when a feed is due, or something else should be looked at.
func (c *crowd) nextFeed() time.Duration {
	most := 20 * time.Millisecond
	for _, f := range c.feeds {
		most = min(most, f.next-c.now())
	}
	return most
}

// until turns until done, for at most so long. It tells whether done was.
func (c *crowd) until(ctx context.Context, most time.Duration, done func() bool) (bool, error) {
	for end := c.now() + most; !done(); {
		if c.now() > end {
			return false, nil
		}
		if err := errors.Join(ctx.Err(), c.turn()); err != nil {
			return false, err
		}
	}
	return true, nil
}

// wait turns for so long.
func (c *crowd) wait(ctx context.Context, d time.Duration) error {
	_, err := c.until(ctx, d, func() bool { return false })
	return err
}

// call has a back-end call. Calls with the same key are made one after the other.
func (c *crowd) call(key int, one *call) { c.callers[key%len(c.callers)].add(one) }

// publish publishes the next update at each of these paths with one call, with messages of about so many bytes; paths
// whose numbers differ by a multiple of [callersPerCrowd] have the same caller, and others must not be in one call.
func (c *crowd) publish(due time.Duration, size int, paths ...int32) {
	one := &call{target: "/update"}
	for i, path := range paths {
		if i > 0 {
			one.body = append(one.body, '\n')
		}
		var n note
		one.body, n = c.world.publish(one.body, path, due, size)
		one.notes = append(one.notes, n)
	}
	c.publishing++
	c.call(int(paths[0]), one)
}

// listening counts the clients that hear what is published now.
func (c *crowd) listening() (n int) {
	for _, one := range c.clients {
		if one.state == here && one.waiting == 0 && one.connected() {
			n++
		}
	}
	return n
}

// all has every client come, so many a second, and returns when all listen and are connected to what they want.
func (c *crowd) all(ctx context.Context, rate float64, most time.Duration, progress func(done int)) error {
	for i, one := range c.clients {
		c.after(time.Duration(float64(i)/rate*float64(time.Second)), one.come)
	}
	return c.awaitAll(ctx, most, progress)
}

// awaitAll returns when all clients listen and are connected to what they want.
func (c *crowd) awaitAll(ctx context.Context, most time.Duration, progress func(done int)) error {
	looked := time.Duration(-1)
	ok, err := c.until(ctx, most, func() bool {
		if now := c.now(); now-looked < 100*time.Millisecond {
			return false
		}
		looked = c.now()
		n := c.listening()
		progress(n)
		return n == len(c.clients)
	})
	if err == nil && !ok {
		err = fmt.Errorf("%d of %d clients are not connected after %v; %w",
			len(c.clients)-c.listening(), len(c.clients), most, c.tally.trouble())
	}
	return err
}

// quiet returns when all that was published was taken and nothing was delivered for so long, but after the time most at the
// latest.
func (c *crowd) quiet(ctx context.Context, still, most time.Duration) error {
	seen, since := c.tally.deliveries, c.now()
	_, err := c.until(ctx, most, func() bool {
		if c.tally.deliveries != seen || c.publishing > 0 {
			seen, since = c.tally.deliveries, c.now()
		}
		return c.now()-since >= still
	})
	return err
}

// audit looks for what never came, when all is quiet.
func (c *crowd) audit() {
	for _, one := range c.clients {
		if missing := one.missing(); missing != "" {
			one.flaw(flawLost, missing)
		}
	}
}

// watch has the clients counted that are answered from now on.
func (c *crowd) watch() {
	c.watched, c.served = c.now(), 0
	for _, one := range c.clients {
		one.served = 0
	}
}

// measure notes how late a delivery was.
func (c *crowd) measure(d time.Duration) {
	for _, h := range c.latencies {
		_ = h.RecordValue(min(max(d.Microseconds(), 1), h.HighestTrackableValue())) // it is in range
	}
}

// newHistogram collects times in microseconds, up to 10 minutes.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, (10 * time.Minute).Microseconds(), 2)
}

// backoff is how long a client waits after so many failures: as the client for browsers does, anything up to half a
// second, twice that the next time, and half a minute at most.
func (c *crowd) backoff(tries int) time.Duration {
	return c.upTo(min(30*time.Second, 500*time.Millisecond<<min(tries, 10)))
}

// upTo is a time below d.
func (c *crowd) upTo(d time.Duration) time.Duration { return time.Duration(c.random.Int64N(int64(d))) }

// broken counts a connection that was not closed on purpose.
func (c *crowd) broken(err error, state clientState) {
	kind := kindOf(err)
	if errors.Is(err, unix.ECONNREFUSED) {
		kind = "refused"
	} else if state == stalled || state == leaving {
		kind = "while it read nothing"
	}
	c.tally.broken[kind]++
}

// flaw counts a broken promise.
func (c *crowd) flaw(f flaw, detail string) {
	c.tally.note(f, fmt.Sprintf("at %v: %s", c.now().Round(time.Millisecond), detail))
}
