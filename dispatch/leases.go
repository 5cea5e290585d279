package dispatch

import (
	"container/heap"
	"time"
)

// lease names a connection or permit that lapses: undo is the command that ends it, [PathDisconnect] or [PathForbid].
type lease struct {
	member  *member
	pattern Pattern
	undo    Path
}

// leases are the connections and permits that lapse unless they are renewed, the next one first, with one timer for all.
// It is not safe for concurrent use; the Dispatcher's owner locks.
type leases struct {
	terms map[lease]*term
	queue termQueue
	timer *time.Timer // nil once stopped
}

// term is how long one lease runs.
type term struct {
	lease
	end   time.Time
	index int // where it stands in the queue
}

// init has lapse called, from a goroutine of its own, when the next lease is due.
func (l *leases) init(lapse func()) {
	l.terms = make(map[lease]*term)
	l.timer = time.AfterFunc(time.Hour, lapse)
	l.timer.Stop()
}

// stop has nothing lapse any more.
func (l *leases) stop() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// set gives le the time d from now on, or for ever where d is 0.
func (l *leases) set(le lease, d time.Duration) {
	t := l.terms[le]
	switch {
	case t == nil && d <= 0:
		return
	case d <= 0:
		delete(l.terms, le)
		heap.Remove(&l.queue, t.index)
	case t == nil:
		l.put(le, time.Now().Add(d))
	default:
		t.end = time.Now().Add(d)
		heap.Fix(&l.queue, t.index)
	}
	l.schedule()
}

// put has le, which must not be there yet, run until end. The timer is not set for it.
func (l *leases) put(le lease, end time.Time) {
	t := &term{lease: le, end: end}
	l.terms[le] = t
	heap.Push(&l.queue, t)
}

// next takes out a lease that is due.
func (l *leases) next() (le lease, due bool) {
	if l.timer == nil {
		return lease{}, false
	}
	if len(l.queue) == 0 || time.Until(l.queue[0].end) > 0 {
		l.schedule()
		return lease{}, false
	}
	t := heap.Pop(&l.queue).(*term)
	delete(l.terms, t.lease)
	return t.lease, true
}

func (l *leases) schedule() {
	switch {
	case l.timer == nil:
	case len(l.queue) == 0:
		l.timer.Stop()
	default:
		l.timer.Reset(time.Until(l.queue[0].end))
	}
}

// lapse ends what is due, by the same commands that a back-end would give.
func (d *Dispatcher) lapse() {
	d.controller.lock()
	defer d.controller.unlock()
	for {
		le, due := d.leases.next()
		if !due {
			return
		}
		u := Command(le.undo, d.controller.idOf(le.member), le.pattern, 0)
		d.controller.pass(d.controller.id, u.Path, u.Message)
	}
}

// remaining returns how long le has still to run; ok is false if it does not lapse.
func (l *leases) remaining(le lease) (left time.Duration, ok bool) {
	t, ok := l.terms[le]
	if !ok {
		return 0, false
	}
	return time.Until(t.end), true
}

// termQueue implements heap.Interface.
type termQueue []*term

func (q termQueue) Len() int           { return len(q) }
func (q termQueue) Less(i, j int) bool { return q[i].end.Before(q[j].end) }
func (q termQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *termQueue) Push(x any) {
	t := x.(*term)
	t.index = len(*q)
	*q = append(*q, t)
}
func (q *termQueue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return t
}
