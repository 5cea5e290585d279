//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rootsd/rootsd/cmd/internal/load"
	"github.com/rootsd/rootsd/cmd/internal/tool"
)

// trial is a daemon that is restarted or killed under a crowd that waits.
type trial struct {
	clients int
	rate    float64       // updates a second
	scale   float64       // of its waits; 1 but in tests
	within  time.Duration // in which every client is to be served again after a restart
	out     io.Writer     // for what comes of it
	screen  *screen

	daemon    *daemon
	process   *process
	listeners map[string]net.Listener // that the daemon is given; nil where it opens its own
	crowd     *crowd
	own       []int32 // the paths of each client alone
	rooms     []int32
	before    *hdrhistogram.Histogram // of latencies, until the daemon is stopped
	during    *hdrhistogram.Histogram // and from then on
	arrivals  []time.Duration
}

// open starts a daemon, and has all clients wait. End it with close.
func (t *trial) open(ctx context.Context, program string, settings map[string]string) (err error) {
	if t.clients < 1 || t.rate <= 0 {
		return fmt.Errorf("%w: there must be at least one client, and some updates", tool.ErrUsage)
	}
	if t.daemon, err = newDaemon(ctx, program); err != nil {
		return err
	}
	for name, n := range map[string]int{
		"limits-sessions": 2 * t.clients, "limits-connections": 2 * t.clients, "limits-control-connections": 100,
	} {
		t.daemon.settings[name] = fmt.Sprint(n)
	}
	for name, value := range settings {
		t.daemon.settings[name] = value
	}
	if t.listeners != nil {
		for name, address := range map[string]string{"push": t.daemon.push, "ingest": t.daemon.ingest} {
			if t.listeners[name], err = net.Listen("tcp", address); err != nil {
				return err
			}
		}
	}
	if t.process, err = t.daemon.start(ctx, t.listeners); err != nil {
		return err
	}
	if err := t.populate(); err != nil {
		return err
	}
	rate := max(float64(t.clients)/20, 100)
	return t.crowd.all(ctx, rate, time.Minute, func(n int) { t.screen.show("coming", n, t.clients, "") })
}

// close ends everything.
func (t *trial) close() error {
	var errs []error
	if t.crowd != nil {
		t.crowd.close()
	}
	if t.process != nil {
		t.process.kill()
	}
	for _, l := range t.listeners {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	if t.daemon != nil {
		errs = append(errs, t.daemon.close())
	}
	return errors.Join(errs...)
}

// populate makes the clients: each has a path of its own, a room with others, and every fifth a pattern with a lease.
func (t *trial) populate() (err error) {
	w := newWorld()
	for i := range t.clients {
		t.own = append(t.own, w.at(fmt.Sprintf("user/%d", i)))
		if i%roomSize == 0 {
			t.rooms = append(t.rooms, w.at(fmt.Sprintf("room/%d", i/roomSize)))
		}
	}
	topics := func(number int) []*topic {
		own, room := t.own[number], t.rooms[number%len(t.rooms)]
		list := []*topic{{pattern: w.paths[own].name, paths: []int32{own}}, {pattern: w.paths[room].name, paths: []int32{room}}}
		if number%5 == 0 {
			list = append(list, &topic{pattern: fmt.Sprintf("group/%d/*", number), lease: time.Hour})
		}
		return list
	}
	t.crowd, err = newCrowd(t.daemon, t.clients, w, topics)
	if err != nil {
		return err
	}
	t.before, t.during = newHistogram(), newHistogram()
	t.crowd.latencies = []*hdrhistogram.Histogram{t.before}
	t.crowd.arrived = t.arrived
	return nil
}

// wait turns for so long.
func (t *trial) wait(ctx context.Context, d time.Duration) error {
	return t.crowd.wait(ctx, time.Duration(float64(d)*t.scale))
}

// publish has updates flow: most for one client each, some for a room.
func (t *trial) publish() {
	c := t.crowd
	c.feed(t.rate*0.9, func(due time.Duration) { c.publish(due, 40, t.own[c.random.IntN(len(t.own))]) })
	c.feed(t.rate*0.1, func(due time.Duration) { c.publish(due, 40, t.rooms[c.random.IntN(len(t.rooms))]) })
}

// arrived notes that a client waits again, and gives one that polls something to be answered with: otherwise nobody knows
// for long whether somebody is there.
func (t *trial) arrived(c *client) {
	t.arrivals = append(t.arrivals, t.crowd.now())
	t.probe(c)
}

func (t *trial) probe(c *client) {
	if t.crowd.watched > 0 && c.served == 0 && c.transport == load.LongPoll {
		t.crowd.publish(t.crowd.now(), 0, t.own[c.number])
	}
}

// watch counts who is served from now on. What the daemon before this has said was read.
func (t *trial) watch() error {
	for range 3 {
		if err := t.crowd.turn(); err != nil {
			return err
		}
	}
	t.crowd.watch()
	for _, c := range t.crowd.clients {
		if c.state == here {
			t.probe(c)
		}
	}
	return nil
}

// replace launches another process, once the one before it has ended, or for it to take over from; and returns when the one
// before has ended.
func (t *trial) replace(ctx context.Context, takeover bool) (err error) {
	old := t.process
	if takeover {
		if t.process, err = t.daemon.launch(nil, "--takeover"); err != nil {
			return err
		}
	} else if err := old.stop(); err != nil {
		return err
	}
	return t.followed(ctx, old, takeover)
}

// followed waits for the end of old, and launches the next one, unless that was done.
func (t *trial) followed(ctx context.Context, old *process, launched bool) (err error) {
	ended, err := t.crowd.until(ctx, 30*time.Second, old.hasEnded)
	if err == nil && !ended {
		old.kill()
		err = fmt.Errorf("the daemon has not ended after 30 s:\n%s", logOf(old))
	}
	if err != nil {
		return err
	}
	if !launched {
		if t.process, err = t.daemon.launch(t.listeners); err != nil {
			return err
		}
	}
	return t.watch()
}

// logOf returns what a process has logged.
func logOf(p *process) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// logged returns the lines of a process's log that hold this text.
func logged(p *process, text string) (lines []string) {
	for line := range strings.Lines(logOf(p)) {
		if strings.Contains(line, text) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// servedBy returns how long after a time of the run that share of the clients, of 1, had been served.
func (t *trial) servedBy(share float64, since time.Duration) time.Duration {
	var times []time.Duration
	for _, c := range t.crowd.clients {
		if c.served > 0 {
			times = append(times, c.served-since)
		}
	}
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[int(share*float64(len(times)-1))].Round(time.Millisecond)
}

// busiest returns how many times there are at the most within a second.
func busiest(times []time.Duration) (most int) {
	slices.Sort(times)
	first := 0
	for i, at := range times {
		for at-times[first] >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// percentile reads a histogram of microseconds.
func percentile(h *hdrhistogram.Histogram, percent float64) time.Duration {
	return (time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond).Round(100 * time.Microsecond)
}
