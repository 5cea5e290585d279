package push

import (
	"slices"
	"sync"
	"time"
)

// wheel looks at every session now and then, without a timer for each. A session stands in the slot of the time at which
// it wants to be looked at; when that comes it says when to look again. Deadlines that move later, as most do with every
// poll, therefore cost nothing at the time.
type wheel struct {
	look func(*Session, time.Time) (again time.Duration, ok bool)

	mu     sync.Mutex // guards what follows, and the place of every session; nothing is taken under it
	tick   time.Duration
	slots  [][]*Session
	now    int       // the slot that was looked at last
	turned time.Time // when that was due

	retick chan time.Duration // has room for one: the tick has changed
	stop   chan struct{}
	done   chan struct{}
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
		retick: make(chan time.Duration, 1), stop: make(chan struct{}), done: make(chan struct{})}
	go w.run(tick)
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

// reset has times kept to another tick, and every session looked at with the next one: those that were set may have to
// change.
func (w *wheel) reset(tick time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := slices.Concat(w.slots...)
	w.slots = make([][]*Session, wheelSlots)
	w.tick, w.now, w.turned = tick, 0, time.Now()
	w.slots[1] = all
	for i, s := range all {
		s.place = place{1, int32(i + 1)}
	}
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
		case now := <-ticker.C:
			// A ticker drops ticks that nobody had time for; the wheel must not lose them.
			for w.turn(now) {
			}
		}
	}
}

// turn moves the wheel by one slot, if that is due, and looks at the sessions in it, without holding the lock. It reports
// whether it did. Only one goroutine may turn a wheel.
func (w *wheel) turn(now time.Time) bool {
	sessions, due := w.advance(now)
	for _, s := range sessions {
		if again, ok := w.look(s, now); ok {
			w.add(s, now, again)
		}
	}
	return due
}

// advance moves the wheel by one slot, if that is due, and takes the sessions out of it.
func (w *wheel) advance(now time.Time) (sessions []*Session, due bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.turned) < w.tick {
		return nil, false
	}
	w.turned = w.turned.Add(w.tick)
	w.now = (w.now + 1) % wheelSlots
	sessions = w.slots[w.now]
	w.slots[w.now] = nil
	for _, s := range sessions {
		s.place = place{}
	}
	return sessions, true
}
