package dispatch

import (
	"math"
	"runtime"
	"sync"
)

// backlog is the updates that are given and not yet told to all whom they are for. An update for very many would hold
// the timeline for long, so the Controller's lock is released after each slice of them, and others take their turn.
//
// All the same every component hears of everything in the timeline's order: before it is told of anything out of turn
// (an update for fewer, a connect, its end), it is told of all in the backlog that is for it, and noted as ahead, so
// that the slices pass it over. So is who connects meanwhile, whom nothing in the backlog is for. Nobody's connections
// change and nobody moves within a topic, but who is ahead or was passed: that is what makes the places in the fan-outs
// good.
//
// The Controller's lock guards it.
type backlog struct {
	slice   int                // how many are told before the lock is released
	whole   int                // how many are told at once all the same, where these are all
	room    int                // how many updates may still tell while it is held this time
	number  uint64             // of the last fan-out that did not go the short way
	pending []*fanOut          // by number
	ahead   map[*member]uint64 // up to which number members were told out of turn; nil when nothing is pending

	running bool           // a goroutine works it off
	closed  bool           // none may be started any more; who gives an update tells everybody
	worker  sync.WaitGroup // the goroutine; it is waited for without the lock
}

const (
	// usualSlice is how many components are told at once. A session takes 0.1 to 0.3 µs, so it is about a quarter of a
	// millisecond; to release the lock and get it back takes less than a hundredth of that.
	usualSlice = 1024

	// usualWhole is how many are told at once where these are all whom an update is for: up to four milliseconds, in which
	// a burst of such updates has each client's come together, to be sent in one write.
	usualWhole = 16 << 10

	// maxPending is how many fan-outs may be pending when a call returns that has added one: it works off what is too
	// much. So a member is never far behind, and bringing it up to date is soon done.
	maxPending = 16
)

// audience returns how many connections topics have.
func audience(topics []*topic) int {
	n := 0
	for _, top := range topics {
		n += top.count()
	}
	return n
}

// refill is called whenever the lock was taken.
func (b *backlog) refill() {
	b.room = b.whole
	if b.closed {
		b.room = math.MaxInt
	}
}

// short tells whether an update for topics can be told at once and needs no thought for others, as nearly all can. It
// takes the room for it.
func (b *backlog) short(topics []*topic) bool {
	n := audience(topics)
	if n > 0 && (n > b.room || len(b.pending) > 0) {
		return false
	}
	b.room -= n
	return true
}

// take tells of f at once as far as there is room, and keeps the rest for later. While others are pending, f is begun
// only if it can be told in full with all that its members may have to be told first: who is told out of turn makes
// the slices slower.
func (b *backlog) take(f *fanOut) {
	b.number++
	f.number = b.number
	if n := len(b.pending); n == 0 || audience(f.topics) <= b.room/(n+1) {
		room := b.room
		if audience(f.topics) > room {
			room = min(room, b.slice)
		}
		b.room -= b.run(f, room)
	}
	if !f.done() {
		b.pending = append(b.pending, f)
	}
}

// last returns the number of the last fan-out that is pending, or 0 if there is none.
func (b *backlog) last() uint64 {
	if len(b.pending) == 0 {
		return 0
	}
	return b.pending[len(b.pending)-1].number
}

// work tells one slice of what is pending.
func (b *backlog) work() {
	for room := b.slice; room > 0 && len(b.pending) > 0; {
		f := b.pending[0]
		room -= b.run(f, room)
		if f.done() {
			b.pending[0] = nil
			b.pending = b.pending[1:]
		}
	}
	if len(b.pending) == 0 {
		b.pending, b.ahead = nil, nil
	}
}

// run goes on with f as far as there is room, and returns what it took.
func (b *backlog) run(f *fanOut, room int) (took int) {
	for ; !f.done(); f.topic, f.place = f.topic+1, 0 {
		for f.place < f.topics[f.topic].count() {
			if took >= room {
				return took
			}
			took += b.runStretch(f, room-took)
		}
	}
	return took
}

// runStretch is run for subscribers that stand together.
func (b *backlog) runStretch(f *fanOut, room int) (took int) {
	components, ends := f.topics[f.topic].stretch(f.place, room)
	first := len(b.pending) == 0 || b.pending[0] == f
	if first && len(b.ahead) == 0 && len(f.topics) == 1 && f.except == nil {
		f.place += len(components)
		tellAll(components, f.sender, f.path, f.msg)
		return len(components)
	}
	for i := 0; i < len(ends) && took < room; i++ {
		f.place++
		took += b.tell(f, ends[i].member)
	}
	return took
}

// tell tells m of f if it was not told, and before that of what comes before f.
func (b *backlog) tell(f *fanOut, m *member) (took int) {
	if b.ahead[m] >= f.number || f.repeats(m) {
		return 1
	}
	took = 1 + b.catchUpTo(m, f.number)
	f.tell(m)
	return took
}

// catchUp tells m of all that is pending for it. It comes before anything else that m is told, and before another
// subscriber takes a place that was passed.
func (b *backlog) catchUp(m *member) {
	if len(b.pending) > 0 {
		b.catchUpTo(m, b.number+1)
	}
}

// catchUpTo tells m of what is pending for it with a lower number. It returns how many fan-outs it has looked at.
func (b *backlog) catchUpTo(m *member, number uint64) (looked int) {
	since := b.ahead[m]
	if since == b.number {
		return 0
	}
	for _, f := range b.pending {
		if f.number >= number {
			break
		}
		looked++
		if f.number > since && f.misses(m) {
			b.note(m)
			f.tell(m)
		}
	}
	return looked
}

// note notes that m is not to be told of anything that was given before now, but what catchUpTo tells it.
func (b *backlog) note(m *member) {
	if len(b.pending) == 0 {
		return
	}
	if b.ahead == nil {
		b.ahead = make(map[*member]uint64)
	}
	b.ahead[m] = b.number
}

// forget is called when m has no connections any more and is to have none.
func (b *backlog) forget(m *member) { delete(b.ahead, m) }

// fanOut tells of f, all or a part of it now, and sees to it that the rest follows.
func (c *Controller) fanOut(f *fanOut) {
	b := &c.backlog
	b.take(f)
	if len(b.pending) > 0 && !b.running && !b.closed {
		b.running = true
		b.worker.Go(c.workOff)
	}
}

// workOff works off the backlog, slice by slice, until it is empty.
func (c *Controller) workOff() {
	c.lock()
	defer c.unlock()
	c.workDown(0, math.MaxUint64)
	c.backlog.running = false
}

// settle is called after updates were passed on, with mu held. Where they have made the backlog longer, which ended
// with the fan-out last, it works off what is more than so many.
func (c *Controller) settle(last uint64, pending int) {
	if now := c.backlog.last(); now > last {
		c.workDown(pending, now)
	}
}

// close has nothing pending any more, now and later. It is called with mu held.
func (c *Controller) close() {
	c.backlog.closed = true
	c.backlog.refill()
	c.workDown(0, math.MaxUint64)
}

// workDown works off fan-outs up to this number until at most so many are pending. It is called with mu held, and
// releases it before every slice.
func (c *Controller) workDown(pending int, number uint64) {
	b := &c.backlog
	for len(b.pending) > pending && b.pending[0].number <= number {
		c.unlock()
		// Who waits for mu was woken, and runs now: it would find mu taken again otherwise, for a while.
		runtime.Gosched()
		c.lock()
		b.work()
	}
}
