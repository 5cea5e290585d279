package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome is what came of a run.
type Outcome struct {
	History    *History
	Violations []Violation
	Tally      Tally
	Output     string // what the daemon said
}

// hosts counts the addresses that runs have used: each has one of its own below 127.0.0.0/8.
var hosts atomic.Uint32

// host returns an address for a run.
func host() string {
	n := hosts.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 64+os.Getpid()%128, n/200%200+1, n%200+1)
}

// run is a run that goes on.
type run struct {
	schedule   *Schedule
	history    *History
	daemon     *Daemon
	app        *Application
	clients    map[string]*Client
	publishers map[string]*Publisher
	host       string
}

// perform does what a schedule says, with a daemon of its own, and judges what was seen. The error says that it could
// not be done.
func perform(ctx context.Context, binary string, keeps bool, schedule *Schedule, settings ...string) (*Outcome, error) {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	rules := schedule.rules()
	rules.Keeps = keeps
	r := &run{
		schedule: schedule, history: newHistory(rules), clients: make(map[string]*Client),
		publishers: make(map[string]*Publisher), host: host(),
	}
	r.daemon, err = newDaemon(binary, filepath.Clean(dir), r.host, schedule, r.history)
	if err != nil {
		return nil, err
	}
	r.daemon.env = append(r.daemon.env, settings...)
	defer r.daemon.end()
	if err := r.daemon.start(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, r.daemon.Output())
	}
	r.app = newApplication(r.history, r.daemon.ingest)
	r.play(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	violations, tally := judge(r.history)
	return &Outcome{r.history, violations, tally, r.daemon.Output()}, nil
}

// play does all steps, waits until everything has come, and ends the daemon.
func (r *run) play(ctx context.Context) {
	r.cast()
	lives, end := context.WithCancel(ctx)
	var living, acting sync.WaitGroup
	for _, c := range r.clients {
		living.Go(func() { c.run(lives) })
	}
	for _, steps := range r.actors() {
		acting.Go(func() { r.act(ctx, steps) })
	}
	acting.Wait()
	r.settle(ctx)
	close(r.app.closing)
	end()
	living.Wait()
	for _, p := range r.publishers {
		p.backend.close()
	}
	for _, s := range r.app.seats {
		s.backend.close()
	}
	r.finish()
}

// cast makes the clients and publishers that the schedule names.
func (r *run) cast() {
	for _, s := range r.schedule.Steps {
		switch name := s.Actor; {
		case name[0] == 'c' && r.clients[name] == nil:
			c := newClient(name, r.history, newLink(r.daemon.push, r.host, r.daemon.secure, r.history))
			c.app = r.app
			r.clients[name] = c
		case name[0] == 'b' && r.publishers[name] == nil:
			r.publishers[name] = &Publisher{
				history: r.history, clients: r.clients, backend: Backend{address: r.daemon.ingest}, line: r.daemon.line,
				stops: &r.daemon.stops, paths: make(map[string]bool),
			}
		}
	}
}

// actors returns the steps of each actor.
func (r *run) actors() map[string][]Step {
	actors := make(map[string][]Step)
	for _, s := range r.schedule.Steps {
		actors[s.Actor] = append(actors[s.Actor], s)
	}
	return actors
}

// act does the steps of one actor, each at its time, or later if the one before took long.
func (r *run) act(ctx context.Context, steps []Step) {
	for _, s := range steps {
		select {
		case <-time.After(s.At - r.history.now()):
		case <-ctx.Done():
			return
		}
		if err := r.step(ctx, s); err != nil {
			r.history.violated(Violation{What: "the daemon failed", Want: "that it comes up, and ends well",
				Got: fmt.Sprintf("%s: %v", s, err)})
			return
		}
	}
}

func (r *run) step(ctx context.Context, s Step) error {
	switch s.Actor[0] {
	case 'c':
		c := r.clients[s.Actor]
		c.idle.Add(1)
		c.steps <- s
	case 'a':
		if c := r.clients[s.arg(0)]; c != nil {
			r.app.obey(c, s)
		}
	case 'b':
		r.publishers[s.Actor].obey(ctx, s)
	case 'd':
		return r.daemon.obey(s)
	}
	return nil
}

// bound is how long a client may have to wait for what is there, at the end of a run.
const bound = 30 * time.Second

// settle ends all disturbances, and waits until every client has what it has to have.
func (r *run) settle(ctx context.Context) {
	for _, c := range r.clients {
		c.idle.Add(1)
		c.steps <- Step{Verb: "link", Args: []string{"direct"}}
	}
	end := time.Now().Add(bound)
	if !r.until(ctx, end, r.rested) {
		return
	}
	var last []*Update
	for _, p := range r.publishers {
		last = append(last, p.last()...)
	}
	if r.until(ctx, end, func() string { return r.lacking(last) }) {
		for _, c := range r.clients {
			r.app.compare(c)
		}
		r.history.locked(r.final)
	}
}

// until waits until lacking says "". What it says when time is up is a violation.
func (r *run) until(ctx context.Context, end time.Time, lacking func() string) bool {
	for ctx.Err() == nil {
		what := lacking()
		if what == "" {
			return true
		}
		if time.Now().After(end) {
			r.history.violated(Violation{What: "a client waits for ever", Want: "that all are served", Got: what})
			return false
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// rested says which client has steps before it, or no session that knows what it is to hear.
func (r *run) rested() string {
	for name, c := range r.clients {
		s := c.now()
		if c.idle.Load() > 0 || s == nil {
			return name + " has no session, or has not done its steps"
		}
		seat := r.app.seat(c)
		if !seat.mu.TryLock() {
			return name + " is not connected"
		}
		asked := seat.asked == s
		seat.mu.Unlock()
		if !asked {
			return name + " is not connected"
		}
	}
	return ""
}

// last gives a last update at each path.
func (p *Publisher) last() (list []*Update) {
	for path := range p.paths {
		u := newUpdate(path, p.history.number(path), 0, false)
		p.history.begin([]*Update{u})
		p.history.settle([]*Update{u}, p.send("", []*Update{u}))
		list = append(list, u)
	}
	return list
}

// lacking says which client lacks which of the last updates.
func (r *run) lacking(last []*Update) (what string) {
	for name, c := range r.clients {
		s := c.now()
		r.history.locked(func() {
			for _, u := range last {
				if u.Fate == done && s.surely(u) && !c.has(u) {
					what = fmt.Sprintf("%s, whose ID is %s, has not got %s", name, s.ID, u.Wire)
				}
			}
		})
	}
	return what
}

// final notes which sessions have lived to the end. It is called with the history's lock held.
func (r *run) final() {
	for _, c := range r.clients {
		s := c.now()
		s.Final = !s.mayBeGone(r.history, time.Since(r.history.began))
	}
}

var errNoise = errors.New("its output tells of a fault")

// finish ends the daemon, which has to end well and to have had nothing to complain of.
func (r *run) finish() {
	err := r.daemon.stop()
	output := r.daemon.Output()
	for _, sign := range []string{"DATA RACE", "panic:", "fatal error:", "level=ERROR"} {
		if err == nil && strings.Contains(output, sign) {
			err = errNoise
		}
	}
	if err != nil {
		r.history.violated(Violation{What: "the daemon did not end well", Want: "status 0, and no fault",
			Got: fmt.Sprintf("%v\n%s", err, tail(output, 4000))})
	}
}

// tail returns the last n bytes of text.
func tail(text string, n int) string { return text[max(len(text)-n, 0):] }
