package push

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// A session is looked at when its time has come, at most a tick late, whatever the time of the tick it was added at.
func TestWheel(t *testing.T) {
	const tick = 100 * time.Millisecond
	for _, test := range []struct{ phase, after, slot time.Duration }{
		{0, 0, tick},
		{0, 1, tick},
		{0, tick, tick},
		{0, tick + 1, 2 * tick},
		{0, 10 * tick, 10 * tick},
		{50 * time.Millisecond, 0, tick},
		{50 * time.Millisecond, 50 * time.Millisecond, tick},
		{50 * time.Millisecond, 51 * time.Millisecond, 2 * tick},
		{50 * time.Millisecond, 10 * tick, 11 * tick},
		{0, 255 * tick, 255 * tick},
		{0, 256 * tick, 255 * tick}, // and is moved on from there
		{0, time.Hour, 255 * tick},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var looked time.Duration
			w := newWheel(tick, func(_ *Session, now time.Time) (time.Duration, bool) {
				looked = now.Sub(began)
				return 0, false
			})
			defer w.close()
			time.Sleep(test.phase)
			w.add(new(Session), time.Now(), test.after)
			time.Sleep(test.slot + tick)
			synctest.Wait()
			if looked != test.slot {
				t.Errorf("added at %v for %v later: looked at %v, want %v", test.phase, test.after, looked, test.slot)
			}
		})
	}
}

func TestWheelLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looks []time.Duration
		began := time.Now()
		w := newWheel(time.Second, func(_ *Session, now time.Time) (time.Duration, bool) {
			looks = append(looks, now.Sub(began))
			return 5 * time.Second, len(looks) < 3
		})
		defer w.close()
		w.add(new(Session), time.Now(), 2*time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(looks) != 3 || looks[0] != 2*time.Second || looks[1] != 7*time.Second || looks[2] != 12*time.Second {
			t.Errorf("looked at %v, want 2s, 7s, 12s", looks)
		}
	})
}

// The machine was suspended, or had no time: ticks are missing.
func TestWheelCatchesUp(t *testing.T) {
	looked := make(map[*Session]int)
	w := &wheel{tick: time.Second, slots: make([][]*Session, wheelSlots), turned: time.Now(),
		look: func(s *Session, _ time.Time) (time.Duration, bool) { looked[s]++; return 0, false }}
	now := w.turned
	for i := range 10 {
		w.add(new(Session), now, time.Duration(i)*time.Second)
	}
	for late := now.Add(20 * time.Second); late.Sub(w.turned) >= w.tick; {
		w.turn(late)
	}
	if len(looked) != 10 {
		t.Errorf("looked at %d of 10", len(looked))
	}
	s := new(Session)
	w.add(s, now.Add(20*time.Second), time.Second)
	if w.turn(now.Add(21 * time.Second)); looked[s] != 1 {
		t.Error("after catching up the wheel is late")
	}
}

func TestWheelRemove(t *testing.T) {
	looked := make(map[*Session]bool)
	w := &wheel{tick: time.Second, slots: make([][]*Session, wheelSlots), turned: time.Now(),
		look: func(s *Session, _ time.Time) (time.Duration, bool) { looked[s] = true; return 0, false }}
	now := w.turned
	sessions := make([]*Session, 100)
	for i := range sessions {
		sessions[i] = new(Session)
		w.add(sessions[i], now, time.Duration(rand.IntN(5))*time.Second)
	}
	for i, s := range sessions {
		if i%3 == 0 {
			w.remove(s)
			w.remove(s)
		}
	}
	for i := range 6 {
		w.turn(now.Add(time.Duration(i+1) * time.Second))
	}
	for i, s := range sessions {
		if looked[s] != (i%3 != 0) {
			t.Errorf("session %d: looked at is %v", i, looked[s])
		}
		w.remove(s) // it stands nowhere now
	}
	for i, slot := range w.slots {
		if len(slot) != 0 {
			t.Errorf("slot %d still has %d", i, len(slot))
		}
	}
}
