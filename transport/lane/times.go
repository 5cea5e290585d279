package lane

import (
	"net/http"
	"time"
)

// This file is what the loops know of time.

// since returns the time as deadlines are kept.
func (l *loop) since() time.Duration { return l.now.Sub(l.loops.began) }

// hurry gives a connection a deadline that may come before it would be looked at.
func (l *loop) hurry(c *Conn, d time.Duration) {
	c.deadline = l.since() + d
	l.wheel.Remove(c)
	l.wheel.Add(c, l.now, d)
}

// lookAtTimes wakes those that wanted to be, and looks at the connections whose deadline may have come.
func (l *loop) lookAtTimes() {
	for {
		due, more := l.later.turn(l.now)
		for _, c := range due {
			c.flags &^= later
			l.serveParked(c)
		}
		if !more {
			break
		}
	}
	for {
		due, more := l.wheel.Turn(l.now)
		for _, c := range due {
			l.look(c)
		}
		if !more {
			return
		}
	}
}

// look ends a connection whose deadline has passed. One that has another is looked at again; one that has none, as it is
// parked, stands in the wheel no more until it has.
func (l *loop) look(c *Conn) {
	if c.state == closed || c.deadline == 0 {
		return
	}
	if left := c.deadline - l.since(); left > 0 {
		l.wheel.Add(c, l.now, left)
		return
	}
	l.expire(c)
}

// expire ends a connection that has nothing to say, does not take its answer, or sends too slowly. A body that is slow is
// net/http's.
func (l *loop) expire(c *Conn) {
	l.noteExpired(c)
	if c.Busy() || c.spare == nil || !headerEnds(c.spare.in) {
		l.close(c)
		return
	}
	l.handOver(c, c.spare.in)
}

// noteExpired says which bound it is. One that says nothing, or nothing more, is nothing new.
func (l *loop) noteExpired(c *Conn) {
	met := l.loops.bounds.Met
	switch {
	case c.state == lingers:
	case c.Busy():
		met.Note("limits.write")
	case c.spare != nil && headerEnds(c.spare.in):
	case c.spare != nil:
		met.Note("limits.header")
	case c.flags&keepAlive == 0:
		met.Routine("limits.header")
	default:
		met.Routine("limits.idle")
	}
}

// laterList holds connections that want to be woken within moments, in slots of a few milliseconds.
type laterList struct {
	slots [laterSlots][]*Conn
	now   int
	at    time.Time // when now was due
	count int
}

const (
	laterSlots = 64
	laterTick  = 2 * time.Millisecond
)

func (r *laterList) add(c *Conn, d time.Duration) {
	if r.count == 0 {
		r.at = c.Now()
	}
	ticks := int((d + laterTick - 1) / laterTick)
	slot := (r.now + min(max(ticks, 1), laterSlots-1)) % laterSlots
	r.slots[slot] = append(r.slots[slot], c)
	r.count++
}

// next returns when turn has something to do; the zero time for never.
func (r *laterList) next() time.Time {
	if r.count == 0 {
		return time.Time{}
	}
	return r.at.Add(laterTick)
}

// turn takes out the connections of the next slot that is due. It reports whether there may be more.
func (r *laterList) turn(now time.Time) (due []*Conn, more bool) {
	if r.count == 0 || now.Sub(r.at) < laterTick {
		return nil, false
	}
	r.at = r.at.Add(laterTick)
	r.now = (r.now + 1) % laterSlots
	due = r.slots[r.now]
	r.slots[r.now] = nil
	r.count -= len(due)
	return due, true
}

// dateLine is the Date field of answers. It changes once a second.
type dateLine struct {
	second int64
	text   []byte
}

func (d *dateLine) line(now time.Time) []byte {
	if second := now.Unix(); second != d.second {
		d.second = second
		d.text = append(now.UTC().AppendFormat(append(d.text[:0], "Date: "...), http.TimeFormat), "\r\n"...)
	}
	return d.text
}
