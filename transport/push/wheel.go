package push

import (
	"slices"
	"sync"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// wheel looks at every session now and then, in a goroutine of its own. A session says when to look again. Deadlines that
// move later, as most do with every poll, therefore cost nothing at the time.
type wheel struct {
	look func(*Session, time.Time) (again time.Duration, ok bool)
	tend func(time.Time) // called once a tick, and after tendSoon

	mu      sync.Mutex // guards what follows, and the place of every session; nothing is taken under it
	tick    time.Duration
	turning *lane.Wheel[*Session]
	looking []*Session // those that were taken out to be looked at

	retick chan time.Duration // has room for one: the tick has changed
	hurry  chan struct{}      // has room for one: tend is to be called now
	stop   chan struct{}
	done   chan struct{}
}

// newWheel starts a wheel that has look called with every session when its time comes, once a tick at the finest, and tend
// with every tick.
func newWheel(tick time.Duration, look func(*Session, time.Time) (time.Duration, bool), tend func(time.Time)) *wheel {
	w := &wheel{look: look, tend: tend, tick: tick, turning: lane.NewWheel[*Session](tick, time.Now()),
		retick: make(chan time.Duration, 1), hurry: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run(tick)
	return w
}

// add has s looked at once d has passed since now, at most a tick after that. s must not stand in the wheel.
func (w *wheel) add(s *Session, now time.Time, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turning.Add(s, now, d)
}

// remove has s no longer looked at, so that a session that has ended is not kept until its time comes. One that is being
// looked at is left alone.
func (w *wheel) remove(s *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turning.Remove(s)
}

// all returns the sessions that stand in the wheel, or are being looked at: all that there are. One may have ended since.
func (w *wheel) all() []*Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.AppendSeq(slices.Clone(w.looking), w.turning.All())
}

// tendSoon has tend called before the next tick. It never blocks.
func (w *wheel) tendSoon() {
	select {
	case w.hurry <- struct{}{}:
	default:
	}
}

// close ends the wheel's goroutine and returns when it has ended.
func (w *wheel) close() {
	close(w.stop)
	<-w.done
}

// reset has times kept to another tick, and every session looked at with the next one: those that were set may have to
// change.
func (w *wheel) reset(tick time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tick = tick
	w.turning.Reset(tick, time.Now())
	select {
	case <-w.retick: // one that run has not come to yet
	default:
	}
	w.retick <- tick
}

func (w *wheel) run(tick time.Duration) {
	defer close(w.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-w.stop:
			return
		case tick := <-w.retick:
			ticker.Reset(tick)
		case <-w.hurry:
			w.tend(time.Now())
		case now := <-ticker.C:
			// A ticker drops ticks that nobody had time for; the wheel must not lose them.
			for w.turn(now) {
			}
			w.tend(now)
		}
	}
}

// turn moves the wheel by one slot, if that is due, and looks at the sessions in it, without holding the lock. It reports
// whether it did. Only one goroutine may turn a wheel.
func (w *wheel) turn(now time.Time) bool {
	w.mu.Lock()
	sessions, due := w.turning.Turn(now)
	w.looking = sessions
	w.mu.Unlock()
	for _, s := range sessions {
		if again, ok := w.look(s, now); ok {
			w.add(s, now, again)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looking = nil
	return due
}
