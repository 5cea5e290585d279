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

	mu     sync.Mutex // guards what follows, and the place of every session; nothing is taken under it
	slots  [][]*Session
	now    int       // the slot that was looked at last
	turned time.Time // when that was due

	stop chan struct{}
	done chan struct{}
}

// wheelSlots is how many slots there are. A session that wants to be looked at later than they reach is looked at
// earlier, and moved on.
const wheelSlots = 256

// place is where a session stands in a wheel. The zero value is nowhere.
type place struct {
	slot  int32
	index int32 // in the slot, counted from 1
}

// newWheel starts a wheel that has look called with every session when its time comes, once a tick at the finest.
func newWheel(tick time.Duration, look func(*Session, time.Time) (time.Duration, bool)) *wheel {
	w := &wheel{tick: tick, look: look, slots: make([][]*Session, wheelSlots), turned: time.Now(),
		stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

// add has s looked at once d has passed since now, at most a tick after that. s must not stand in the wheel.
func (w *wheel) add(s *Session, now time.Time, d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ticks := (now.Add(d).Sub(w.turned) + w.tick - 1) / w.tick
	slot := (w.now + int(min(max(ticks, 1), wheelSlots-1))) % wheelSlots
	w.slots[slot] = append(w.slots[slot], s)
	s.place = place{int32(slot), int32(len(w.slots[slot]))}
}

// remove has s no longer looked at, so that a session that has ended is not kept until its time comes. One that is being
// looked at is left alone.
func (w *wheel) remove(s *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.place.index == 0 {
		return
	}
	slot := w.slots[s.place.slot]
	last := len(slot) - 1
	moved := slot[last]
	slot[s.place.index-1] = moved
	moved.place = s.place
	slot[last] = nil
	w.slots[s.place.slot] = slot[:last]
	s.place = place{}
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
	for {
		select {
		case <-w.stop:
			return
		case now := <-ticker.C:
			// A ticker drops ticks that nobody had time for; the wheel must not lose them.
			for now.Sub(w.turned) >= w.tick {
				w.turn(now)
			}
		}
	}
}

// turn moves the wheel by one slot and looks at the sessions in it, without holding the lock. Only one goroutine may
// turn a wheel.
func (w *wheel) turn(now time.Time) {
	for _, s := range w.advance() {
		if again, ok := w.look(s, now); ok {
			w.add(s, now, again)
		}
	}
}

// advance moves the wheel by one slot and takes the sessions out of it.
func (w *wheel) advance() []*Session {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turned = w.turned.Add(w.tick)
	w.now = (w.now + 1) % wheelSlots
	due := w.slots[w.now]
	w.slots[w.now] = nil
	for _, s := range due {
		s.place = place{}
	}
	return due
}
