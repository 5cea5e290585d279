package push

import (
	"sync"
	"time"
)

// wheel looks at every session now and then, without a timer for each. A session stands in the slot of the time at which
// it wants to be looked at; when that comes it says when to look again. Deadlines that move later, as most do with every
// poll, therefore cost nothing at the time.
type wheel struct {
	tick time.Duration
	look func(*Session, time.Time) (again time.Duration, ok bool)

	mu    sync.Mutex // guards what follows
	slots [][]*Session
	now   int // the slot that was looked at last

	stop chan struct{}
	done chan struct{}
}

// wheelSlots is how many ticks ahead a session can stand; one that wants to be looked at later is looked at then and
// moved on.
const wheelSlots = 256

// newWheel starts a wheel that has look called with every session when its time comes, once a tick at the finest.
func newWheel(tick time.Duration, look func(*Session, time.Time) (time.Duration, bool)) *wheel {
	w := &wheel{tick: tick, look: look, slots: make([][]*Session, wheelSlots),
		stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// add has s looked at after d, or up to a tick later.
func (w *wheel) add(s *Session, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ticks := min(max(int((d+w.tick-1)/w.tick), 1), wheelSlots-1)
	slot := (w.now + ticks) % wheelSlots
	w.slots[slot] = append(w.slots[slot], s)
}

// close ends the wheel's goroutine and returns when it has ended.
func (w *wheel) close() {
	close(w.stop)
	<-w.done
}

func (w *wheel) run() {
	defer close(w.done)
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-w.stop:
			return
		case now := <-ticker.C:
			// A ticker drops ticks that nobody had time for; the wheel must not lose them.
			for ; now.Sub(last) >= w.tick; last = last.Add(w.tick) {
				w.turn(now)
			}
		}
	}
}

// turn moves the wheel by one slot and looks at the sessions in it, without holding the lock.
func (w *wheel) turn(now time.Time) {
	w.mu.Lock()
	w.now = (w.now + 1) % wheelSlots
	due := w.slots[w.now]
	w.slots[w.now] = nil
	w.mu.Unlock()
	for _, s := range due {
		if again, ok := w.look(s, now); ok {
			w.add(s, again)
		}
	}
}
