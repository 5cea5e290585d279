package push

import (
	"math"
	"slices"
	"sync"

	"github.com/rootsd/rootsd/dispatch"
)

// queue holds what a client has not confirmed, in the timeline's order, within limits. It is not safe for concurrent
// use; its session locks. The zero value is an empty queue.
type queue struct {
	confirmed uint64   // the client has confirmed everything up to here
	held      *backlog // nil when that is all there was: a session that waits holds no buffer
}

// backlog is what a queue has while it is not empty. The last entry has the number that was given last. Entries stand in
// this order: marks of what has faded, what was sent, what was not.
type backlog struct {
	entries []entry // by seq
	last    uint64  // the sequence number given last
	sent    uint64  // everything up to here was put into an answer
	given   uint64  // everything up to here was given to the waiter that is parked now
	written uint64  // everything up to here was written to a socket
	bytes   int     // the size of all entries
	faded   int     // how many of the first entries are marks of what was sent; see fade
	loose   bool    // there may be Latest entries that a later one has taken the place of; see thin
}

// entry is one update that waits. Sequence numbers grow but have holes, where entries were collapsed or replaced.
type entry struct {
	message *dispatch.Message
	path    dispatch.Path
	seq     uint64
}

// entryOverhead is what an entry takes beside its texts: itself, and its share of the message.
const entryOverhead = 64

// size is how many bytes of memory the entry counts for. A message that many sessions share counts in each.
func (e *entry) size() int { return len(e.path) + len(e.message.JSON()) + entryOverhead }

// mark tells whether the entry stands for updates that were not kept.
func (e *entry) mark() bool { return e.message.Gap() != "" }

// settle says that nothing more will be heard of the entry.
func (e *entry) settle() {
	if r := e.message.Receipt(); r != nil {
		r.Settle()
	}
}

// backlogs are those of queues that have become empty. Most sessions get one message at a time, and give the backlog of
// it back soon after.
var backlogs = sync.Pool{New: func() any { return new(backlog) }}

// keptEntries is the most entries that a backlog has room for when it is kept for another queue.
const keptEntries = 8

// begin makes the queue's backlog, if it has none.
func (q *queue) begin() {
	if q.held == nil {
		q.held = backlogs.Get().(*backlog)
		q.held.last, q.held.sent, q.held.given, q.held.written = q.confirmed, q.confirmed, q.confirmed, q.confirmed
	}
}

// empty gives the backlog up. Its entries are settled or confirmed already.
func (q *queue) empty() {
	b := q.held
	q.held = nil
	clear(b.entries)
	*b = backlog{entries: b.entries[:0]}
	if cap(b.entries) <= keptEntries {
		backlogs.Put(b)
	}
}

// size returns how many entries there are, and the size of all.
func (q *queue) size() (messages, bytes int) {
	if q.held == nil {
		return 0, 0
	}
	return len(q.held.entries), q.held.bytes
}

// sent returns up to where everything was put into an answer.
func (q *queue) sent() uint64 {
	if q.held == nil {
		return q.confirmed
	}
	return q.held.sent
}

// last returns the sequence number that was given last.
func (q *queue) last() uint64 {
	if q.held == nil {
		return q.confirmed
	}
	return q.held.last
}

// pending tells whether there is something that the waiter was not given.
func (q *queue) pending() bool { return q.held != nil && q.held.last > q.held.given }

// put appends an update. A Latest one takes the place of an earlier one at its path that was not sent yet.
func (q *queue) put(path dispatch.Path, msg *dispatch.Message) {
	q.begin()
	q.held.put(path, msg)
}

func (b *backlog) put(path dispatch.Path, msg *dispatch.Message) {
	if msg.Latest() {
		b.supersede(path)
	}
	b.last++
	e := entry{msg, path, b.last}
	b.bytes += e.size()
	b.entries = append(b.entries, e)
}

// after returns the index of the first entry above seq.
func (b *backlog) after(seq uint64) int {
	low, high := 0, len(b.entries)
	if high == 0 || b.entries[high-1].seq <= seq {
		return high
	}
	for low < high {
		middle := (low + high) / 2
		if b.entries[middle].seq <= seq {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}

// lookBack is how many entries supersede looks at, so that an update costs the same however long the queue is.
const lookBack = 64

// supersede drops the Latest entry at path if it is among the last and was not sent yet. One further back is left for
// thin.
func (b *backlog) supersede(path dispatch.Path) {
	first := max(len(b.entries)-lookBack, 0)
	for i := len(b.entries) - 1; i >= first && (b.unsent(i) || planted("sent-latest")); i-- {
		e := &b.entries[i]
		if e.path == path && e.message.Latest() {
			b.bytes -= e.size()
			e.settle()
			b.entries = slices.Delete(b.entries, i, i+1)
			return
		}
	}
	b.loose = b.loose || first > 0 && b.unsent(first-1)
}

func (b *backlog) unsent(i int) bool { return b.entries[i].seq > b.sent }

// thin drops the Latest entries that a later one has taken the place of, which supersede did not look for.
func (b *backlog) thin() {
	if !b.loose {
		return
	}
	b.loose = false
	newest := make(map[dispatch.Path]uint64)
	for i, e := range b.entries {
		if b.unsent(i) && e.message.Latest() {
			newest[e.path] = e.seq
		}
	}
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool {
		if e.seq <= b.sent || !e.message.Latest() || e.seq == newest[e.path] {
			return false
		}
		b.bytes -= e.size()
		e.settle()
		return true
	})
}

// everyEntry is for take, where there is no limit.
const everyEntry = math.MaxInt

// take appends to dst what the waiter was not given, and returns the cursor that confirms it. It stops before the entry
// with which they would be larger than most bytes, but takes one at least.
func (q *queue) take(dst []entry, most int) (entries []entry, cursor uint64) {
	if q.held == nil {
		return dst, q.confirmed
	}
	b := q.held
	b.thin()
	first := b.after(b.given)
	end := len(b.entries)
	if most != everyEntry {
		end = b.within(first, most)
	}
	if e := b.entries[first:end]; planted("reorder") && len(e) > 1 {
		e[0].path, e[0].message, e[1].path, e[1].message = e[1].path, e[1].message, e[0].path, e[0].message
	}
	if end > first {
		b.given = b.entries[end-1].seq
		b.sent = max(b.sent, b.given)
	}
	return append(dst, b.entries[first:end]...), b.given
}

// within returns the end of the entries from first on that take at most so many bytes, or of one.
func (b *backlog) within(first, most int) int {
	size := 0
	for i := first; i < len(b.entries); i++ {
		if size += b.entries[i].size(); size > most && i > first {
			return i
		}
	}
	return len(b.entries)
}

// again has everything that is not confirmed given once more: another waiter has come.
func (q *queue) again() {
	if q.held != nil {
		q.held.given = q.confirmed
	}
	if planted("drop-on-retry") && q.held != nil && q.held.sent > q.confirmed {
		q.held.given = q.held.entries[0].seq
	}
}

// wrote notes that an answer up to seq was written to a socket, and has seen told of each update of which that is news.
func (q *queue) wrote(seq uint64, seen func(*dispatch.Message)) {
	b := q.held
	if b == nil || seq <= b.written {
		return
	}
	for i := b.after(b.written); i < len(b.entries) && b.entries[i].seq <= seq; i++ {
		if e := &b.entries[i]; !e.mark() {
			seen(e.message)
		}
	}
	b.written = seq
}

// confirm forgets what the client has confirmed.
func (q *queue) confirm(cursor uint64) {
	if planted("skip-cursor") && q.last() > cursor {
		cursor++
	}
	q.confirmed = cursor
	b := q.held
	if b == nil {
		return
	}
	n := b.after(cursor)
	for i := range b.entries[:n] {
		e := &b.entries[i]
		b.bytes -= e.size()
		if r := e.message.Receipt(); r != nil {
			r.Confirm()
		}
	}
	if n == len(b.entries) {
		q.empty()
		return
	}
	b.entries = slices.Delete(b.entries, 0, n)
	b.faded = max(b.faded-n, 0)
	b.given = max(b.given, cursor)
}

// clear ends the queue: what waits in it will not be heard.
func (q *queue) clear() {
	if q.held == nil {
		return
	}
	for i := range q.held.entries {
		q.held.entries[i].settle()
	}
	q.empty()
}
