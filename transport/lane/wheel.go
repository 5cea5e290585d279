package lane

import (
	"iter"
	"slices"
	"time"
)

// Wheel tells when the time of many things has come, without a timer for each. Each stands in the slot of the time at
// which it wants to be looked at. A deadline that moves later, as most do, need not be told: the thing is looked at too
// early, and added again. It is not safe for concurrent use.
type Wheel[T Placed] struct {
	tick   time.Duration
	slots  [][]T
	now    int       // the slot that was looked at last
	turned time.Time // when that was due
	count  int
}

// Placed is something that can stand in a [Wheel].
type Placed interface {
	comparable
	// WheelPlace returns where it notes its place, which is the wheel's alone.
	WheelPlace() *Place
}

// Place is where something stands in a [Wheel]. The zero value is nowhere.
type Place struct {
	slot  int32
	index int32 // in the slot, counted from 1
}

// wheelSlots is how many slots there are. What wants to be looked at later than they reach is looked at earlier, and
// added again.
const wheelSlots = 256

// NewWheel makes a wheel that tells times to a tick.
func NewWheel[T Placed](tick time.Duration, now time.Time) *Wheel[T] {
	return &Wheel[T]{tick: tick, slots: make([][]T, wheelSlots), turned: now}
}

// Len returns how many things stand in the wheel.
func (w *Wheel[T]) Len() int { return w.count }

// All yields what stands in the wheel, in no order. The wheel must not change meanwhile.
func (w *Wheel[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, slot := range w.slots {
			for _, x := range slot {
				if !yield(x) {
					return
				}
			}
		}
	}
}

// Add has x looked at once d has passed since now, at most a tick after that. x must not stand in a wheel.
func (w *Wheel[T]) Add(x T, now time.Time, d time.Duration) {
	d = min(d, wheelSlots*w.tick) // or a time too far to be told would seem to be past
	ticks := (now.Add(d).Sub(w.turned) + w.tick - 1) / w.tick
	slot := (w.now + int(min(max(ticks, 1), wheelSlots-1))) % wheelSlots
	w.slots[slot] = append(w.slots[slot], x)
	*x.WheelPlace() = Place{int32(slot), int32(len(w.slots[slot]))}
	w.count++
}

// Remove has x no longer looked at, so that it is not kept until its time comes. What stands nowhere is left alone.
func (w *Wheel[T]) Remove(x T) {
	place := x.WheelPlace()
	if place.index == 0 {
		return
	}
	slot := w.slots[place.slot]
	last := len(slot) - 1
	moved := slot[last]
	slot[place.index-1] = moved
	*moved.WheelPlace() = *place
	var none T
	slot[last] = none
	w.slots[place.slot] = slot[:last]
	*place = Place{}
	w.count--
}

// Next returns when the wheel is to be turned next; the zero time if nothing stands in it.
func (w *Wheel[T]) Next() time.Time {
	if w.count == 0 {
		return time.Time{}
	}
	return w.turned.Add(w.tick)
}

// Turn moves the wheel by one slot, if that is due, and takes what stands there out. It reports whether it was due: then
// the next one may be as well.
func (w *Wheel[T]) Turn(now time.Time) (due []T, was bool) {
	if w.count == 0 && now.After(w.turned) {
		w.turned = now
	}
	if now.Sub(w.turned) < w.tick {
		return nil, false
	}
	w.turned = w.turned.Add(w.tick)
	w.now = (w.now + 1) % wheelSlots
	due = w.slots[w.now]
	w.slots[w.now] = nil
	w.count -= len(due)
	for _, x := range due {
		*x.WheelPlace() = Place{}
	}
	return due, true
}

// Reset has times told to another tick, and everything looked at with the next one: deadlines may have to change.
func (w *Wheel[T]) Reset(tick time.Duration, now time.Time) {
	all := slices.Concat(w.slots...)
	w.slots = make([][]T, wheelSlots)
	w.tick, w.now, w.turned = tick, 0, now
	w.slots[1] = all
	for i, x := range all {
		*x.WheelPlace() = Place{1, int32(i + 1)}
	}
}
