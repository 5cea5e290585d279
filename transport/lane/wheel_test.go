package lane

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// hand is something in a wheel.
type hand struct {
	place Place
	at    time.Time // when it is to be looked at; zero when it stands in no wheel
}

func (h *hand) WheelPlace() *Place { return &h.place }

// wheelModel is a wheel, and a plain list of what should stand in it.
type wheelModel struct {
	*testing.T
	wheel *Wheel[*hand]
	tick  time.Duration
	now   time.Time
	hands []*hand
}

func (m *wheelModel) standing() (n int) {
	for _, h := range m.hands {
		if !h.at.IsZero() {
			n++
		}
	}
	return n
}

func (m *wheelModel) add(h *hand, d time.Duration) {
	m.wheel.Remove(h)
	h.at = m.now.Add(max(d, 0))
	m.wheel.Add(h, m.now, d)
}

// turn turns the wheel as far as it goes. Nothing may be late, and nothing early but what lies beyond the wheel's reach,
// which is added again as a loop does.
func (m *wheelModel) turn() {
	for {
		due, was := m.wheel.Turn(m.now)
		for _, h := range due {
			switch early := h.at.Sub(m.now); {
			case h.at.IsZero():
				m.Fatal("something is due that does not stand in the wheel")
			case early > 0:
				m.wheel.Add(h, m.now, early)
			default:
				h.at = time.Time{}
			}
		}
		if !was {
			break
		}
	}
	for _, h := range m.hands {
		if late := m.now.Sub(h.at); !h.at.IsZero() && late >= 2*m.tick {
			m.Fatalf("something is late by %v, the tick is %v", late, m.tick)
		}
	}
	if next := m.wheel.Next(); next.IsZero() != (m.standing() == 0) || !next.IsZero() && !next.After(m.now) {
		m.Fatalf("the wheel is to be turned at %v, it is %v", next, m.now)
	}
}

// A wheel does what a list of times does.
func TestWheelModel(t *testing.T) {
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		start := time.Unix(0, 0)
		m := &wheelModel{T: t, tick: time.Duration(1+random.IntN(1000)) * time.Millisecond, now: start}
		m.wheel = NewWheel[*hand](m.tick, start)
		for range 100 {
			m.hands = append(m.hands, new(hand))
		}
		for range 3000 {
			h := m.hands[random.IntN(len(m.hands))]
			switch random.IntN(12) {
			case 0, 1, 2, 3:
				m.add(h, time.Duration(random.Int64N(int64(m.tick)*400)))
			case 4:
				m.add(h, -time.Duration(random.Int64N(int64(time.Hour))))
			case 5, 6:
				m.wheel.Remove(h)
				h.at = time.Time{}
			case 7:
				m.now = m.now.Add(time.Duration(random.Int64N(int64(m.tick) * 600)))
				m.turn()
			case 8:
				if random.IntN(20) == 0 {
					m.reset(time.Duration(1+random.IntN(1000)) * time.Millisecond)
				}
			default:
				m.now = m.now.Add(time.Duration(random.Int64N(int64(m.tick) * 3)))
				m.turn()
			}
			if got, want := m.wheel.Len(), m.standing(); got != want {
				t.Fatalf("seed %d: %d things stand in the wheel, want %d", seed, got, want)
			}
		}
	}
}

// reset changes the tick. All is looked at with the next one.
func (m *wheelModel) reset(tick time.Duration) {
	m.tick = tick
	m.wheel.Reset(tick, m.now)
	m.now = m.now.Add(tick)
	m.turn()
}

// What is far beyond reach is looked at with the last slot, not with the next one.
func TestWheelFar(t *testing.T) {
	start := time.Unix(0, 0)
	w := NewWheel[*hand](time.Second, start)
	far := new(hand)
	w.Add(far, start, 1<<63-1)
	for s := range wheelSlots - 2 {
		if due, _ := w.Turn(start.Add(time.Duration(s+1) * time.Second)); len(due) > 0 {
			t.Fatalf("looked at after %d s", s+1)
		}
	}
	if due, _ := w.Turn(start.Add((wheelSlots - 1) * time.Second)); len(due) != 1 {
		t.Error("not looked at with the last slot")
	}
}

// A laterList wakes within two ticks, and what is too far for it as late as it can.
func TestLaterModel(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) { laterModel(t, rand.New(rand.NewPCG(seed, 2))) })
	}
}

func laterModel(t *testing.T, random *rand.Rand) {
	l := &loop{now: time.Now()}
	port := &Port{loops: &Loops{all: []*loop{l}}}
	due := make(map[*Conn]time.Time)
	for range 2000 {
		if random.IntN(3) > 0 {
			c := &Conn{port: port}
			d := time.Duration(random.Int64N(int64(200 * time.Millisecond)))
			l.later.add(c, d)
			due[c] = l.now.Add(min(d, (laterSlots-1)*laterTick))
		}
		l.now = l.now.Add(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
		for {
			woken, more := l.later.turn(l.now)
			for _, c := range woken {
				if early := due[c].Sub(l.now); early > laterTick {
					t.Fatalf("woken %v early", early)
				}
				delete(due, c)
			}
			if !more {
				break
			}
		}
		for _, at := range due {
			if late := l.now.Sub(at); late >= 2*laterTick {
				t.Fatalf("late by %v", late)
			}
		}
		checkNext(t, l, len(due))
	}
	if slices.ContainsFunc(l.later.slots[:], func(s []*Conn) bool { return cap(s) > 1000 }) {
		t.Error("a slot has grown")
	}
}

// checkNext checks when the list of l is to be turned next.
func checkNext(t *testing.T, l *loop, standing int) {
	next := l.later.next()
	if l.later.count != standing || next.IsZero() != (standing == 0) || standing > 0 && next.Before(l.now) {
		t.Fatalf("%d stand in the list, %d should, and it is to be turned at %v; it is %v", l.later.count, standing, next, l.now)
	}
}
