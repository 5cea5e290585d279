package load

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
)

var (
	errStopped = errors.New("stopped")
	errStalled = errors.New("nothing comes any more")
)

const (
	longestSleep = 100 * time.Millisecond
	reportEvery  = 100 * time.Millisecond
)

// engine is one run. Its goroutine owns all of it but stopped.
type engine struct {
	Config
	*Loop
	name    string // of the run, in its messages
	stopped atomic.Bool

	start    time.Time
	scratch  []byte // what is sent next
	text     []byte // the message that is published
	reply    Reply
	listen   *Target
	publish  *Target
	clients  []client
	writers  []publisher
	paths    []string
	seqs     []int // how many messages were published, by path
	fallback error // why a run before its measured phase fails

	phase    Phase
	opening  int // clients that have begun to open and are not subscribed yet
	ready    int // clients that are subscribed, or were
	missing  int // deliveries that are due and have not come
	inFlight int // requests that wait to be sent or for their answer
	moves    int // whatever brings the run on
	isQuiet  func() bool

	counts   counts
	latency  histogram
	openings histogram
	errors   map[string]int
	took     time.Duration

	free     []*client // who may come, with Churn
	visitors int       // how many have come, ever

	done, total int           // for Progress
	reported    time.Duration // when
}

// counts are of the measured phase.
type counts struct{ messages, deliveries, visits, duplicates, outOfOrder int }

func newEngine(config Config) (*engine, error) {
	e := &engine{
		Config: config, name: newRun(), start: time.Now(),
		latency: newHistogram(), openings: newHistogram(), errors: make(map[string]int),
	}
	e.isQuiet = e.quiet
	if e.Prefix == "" {
		e.Prefix = "bench/" + e.name + "/"
	}
	var err error
	if e.publish, err = Resolve(config.Publish); err != nil {
		return nil, err
	}
	if e.Clients > 0 {
		if e.listen, err = Resolve(config.Subscribe); err != nil {
			return nil, err
		}
	}
	room, err := MakeRoom()
	if err != nil {
		return nil, err
	}
	if room -= e.Publishers + 1; e.Clients > room {
		return nil, &FileLimitError{Clients: e.Clients, Room: max(room, 0)}
	}
	if e.Loop, err = NewLoop(); err != nil {
		return nil, err
	}
	e.Loop.Busy = config.Busy
	e.populate()
	return e, nil
}

// populate makes the clients and the publishers; none of them is connected.
func (e *engine) populate() {
	e.clients = make([]client, e.Clients)
	e.writers = make([]publisher, e.Publishers)
	for i := range e.clients {
		c := &e.clients[i]
		c.Index, c.e = i, e
		e.Add(&c.Link, c)
	}
	for i := range e.writers {
		p := &e.writers[i]
		p.e = e
		e.Add(&p.Link, p)
	}
}

func (e *engine) close() { e.Close() }

// now is the time of the run.
func (e *engine) now() time.Duration { return time.Since(e.start) }

// path is the name of a path, which is made once.
func (e *engine) path(number int) string {
	for n := len(e.paths); n <= number; n++ {
		e.paths = append(e.paths, e.Prefix+strconv.Itoa(n))
	}
	return e.paths[number]
}

// turn waits for at most this long, or not at all, and takes what has come.
func (e *engine) turn(wait time.Duration) error {
	if err := e.Turn(min(wait, longestSleep)); err != nil {
		return err
	}
	if e.Progress != nil {
		e.report()
	}
	if e.stopped.Load() {
		return errStopped
	}
	return e.fallback
}

func (e *engine) report() {
	if now := e.now(); now-e.reported >= reportEvery {
		e.reported = now
		e.Progress(e.phase, e.done, e.total)
	}
}

// await turns until done, or until nothing has moved for too long.
func (e *engine) await(done func() bool) error {
	moved, since := e.moves, e.now()
	for !done() {
		if err := e.turn(longestSleep); err != nil {
			return err
		}
		if now := e.now(); e.moves != moved {
			moved, since = e.moves, now
		} else if now-since > e.Patience {
			return e.stall()
		}
	}
	return nil
}

// stall ends a run in which nothing moves. Before the measured phase that is an error that says what is missing.
func (e *engine) stall() error {
	if e.phase == Measure {
		return errStalled
	}
	if missing := e.Clients - e.ready; e.phase == Opening && missing > 0 {
		return fmt.Errorf("%d of %d clients are not subscribed, and nothing came for %v", missing, e.Clients, e.Patience)
	}
	return fmt.Errorf("%d deliveries and %d answers are missing, and nothing came for %v", e.missing, e.inFlight, e.Patience)
}

// sleepUntil turns until that time of the run, and at least once.
func (e *engine) sleepUntil(at time.Duration) error {
	for {
		if err := e.turn(at - e.now()); err != nil || e.now() >= at {
			return err
		}
	}
}

// quiet tells whether all that was published has arrived and been answered.
func (e *engine) quiet() bool { return e.missing <= 0 && e.inFlight == 0 }

// fail counts an error, or ends a run that is not measured yet.
func (e *engine) fail(kind string, err error) {
	if e.phase < Measure {
		if e.fallback == nil {
			e.fallback = err
		}
		return
	}
	e.errors[kind]++
	e.moves++
}
