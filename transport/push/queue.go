package push

import (
	"slices"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// QueueLimits bound what waits in one session.
type QueueLimits struct {
	Messages int           // how many, gap marks included; 2 at least, whatever it says
	Bytes    int           // their size, as [entry.size] counts it
	Age      time.Duration // how old the oldest may be
}

// queue holds what a client has not confirmed, in the timeline's order, within limits. It is not safe for concurrent
// use; its session locks. The zero value is an empty queue.
type queue struct {
	entries   []entry // by seq; nil when empty: a session that waits holds no buffer
	last      uint64  // the sequence number given last
	confirmed uint64  // the client has confirmed everything up to here
	sent      uint64  // everything up to here was put into an answer
	written   uint64  // everything up to here was written to a socket
	bytes     int     // the size of all entries
	loose     bool    // there may be Latest entries that a later one has taken the place of; see thin
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

// The reasons of gap marks, as clients see them.
const (
	gapOverflow = "overflow" // more came than the queue may hold
	gapAge      = "age"      // it waited longer than the queue may hold it
)

// everything is the pattern of the mark that remains where even marks are too many: all that the client views, system
// paths included, starts afresh.
const everything = "**"

// put appends an update. A Latest one takes the place of an earlier one at its path that was not sent yet.
func (q *queue) put(path dispatch.Path, msg *dispatch.Message) {
	if msg.Latest() {
		q.supersede(path)
	}
	q.last++
	e := entry{msg, path, q.last}
	q.bytes += e.size()
	q.entries = append(q.entries, e)
}

// lookBack is how many entries supersede looks at, so that an update costs the same however long the queue is.
const lookBack = 64

// supersede drops the Latest entry at path if it is among the last and was not sent yet. One further back is left for
// thin.
func (q *queue) supersede(path dispatch.Path) {
	first := max(len(q.entries)-lookBack, 0)
	for i := len(q.entries) - 1; i >= first && q.unsent(i); i-- {
		e := &q.entries[i]
		if e.path == path && e.message.Latest() {
			q.bytes -= e.size()
			e.settle()
			q.entries = slices.Delete(q.entries, i, i+1)
			return
		}
	}
	q.loose = q.loose || first > 0 && q.unsent(first-1)
}

func (q *queue) unsent(i int) bool { return q.entries[i].seq > q.sent }

// thin drops the Latest entries that a later one has taken the place of, which supersede did not look for.
func (q *queue) thin() {
	if !q.loose {
		return
	}
	q.loose = false
	newest := make(map[dispatch.Path]uint64)
	for i, e := range q.entries {
		if q.unsent(i) && e.message.Latest() {
			newest[e.path] = e.seq
		}
	}
	q.entries = slices.DeleteFunc(q.entries, func(e entry) bool {
		if e.seq <= q.sent || !e.message.Latest() || e.seq == newest[e.path] {
			return false
		}
		q.bytes -= e.size()
		e.settle()
		return true
	})
}

// take appends all that waits to dst, and returns the cursor that confirms it.
func (q *queue) take(dst []entry) (entries []entry, cursor uint64) {
	q.thin()
	cursor = q.confirmed
	if n := len(q.entries); n > 0 {
		cursor = q.entries[n-1].seq
	}
	q.sent = max(q.sent, cursor)
	return append(dst, q.entries...), cursor
}

// wrote notes that an answer up to seq was written to a socket, and has seen told of each update of which that is news.
func (q *queue) wrote(seq uint64, seen func(*dispatch.Message)) {
	for i := range q.entries {
		e := &q.entries[i]
		if e.seq > seq {
			break
		}
		if e.seq > q.written && !e.mark() {
			seen(e.message)
		}
	}
	q.written = max(q.written, seq)
}

// confirm forgets what the client has confirmed.
func (q *queue) confirm(cursor uint64) {
	n := 0
	for n < len(q.entries) && q.entries[n].seq <= cursor {
		e := &q.entries[n]
		q.bytes -= e.size()
		if r := e.message.Receipt(); r != nil {
			r.Confirm()
		}
		n++
	}
	q.confirmed = cursor
	if n == len(q.entries) {
		q.entries = nil
		return
	}
	q.entries = slices.Delete(q.entries, 0, n)
}

// over tells whether a limit is exceeded.
func (q *queue) over(limits QueueLimits) bool {
	return len(q.entries) > limits.Messages || q.bytes > limits.Bytes
}

// maxFolds is how many patterns' marks are folded: telling a client with more of them to load everything afresh is
// cheaper than holding the timeline up to find out what it need not.
const maxFolds = 16

// trim keeps the queue within limits: it collapses the paths of the oldest messages into gap marks until the others take
// half of the room. Marks may take another quarter; where they are more, those of a pattern become one at the pattern,
// and where that is not enough, all become one that stands for everything. A quarter of the room is free after that, so
// the work is shared by as many updates. It returns how many updates were lost.
func (q *queue) trim(limits QueueLimits, patterns []dispatch.Pattern) (lost int) {
	if !q.over(limits.part(4)) {
		return 0
	}
	room := limits.part(3)
	if q.thin(); !q.over(room) {
		return 0
	}
	lost = q.collapse(q.oldest(limits.part(2)), gapOverflow)
	if q.over(room) {
		q.foldMarks(patterns[:min(len(patterns), maxFolds)])
	}
	if q.over(room) {
		q.foldMarks([]dispatch.Pattern{everything})
	}
	return lost
}

// part returns so many quarters of the limits. There is always room for one message and one mark, and half of that is
// one message.
func (l QueueLimits) part(quarters int) QueueLimits {
	return QueueLimits{Messages: max(l.Messages, 2) * quarters / 4, Bytes: l.Bytes * quarters / 4}
}

// oldest returns the paths of the oldest messages: as many as have to go for the others to keep within limits.
func (q *queue) oldest(limits QueueLimits) map[dispatch.Path]bool {
	paths := make(map[dispatch.Path]bool)
	messages, bytes := len(q.entries), q.bytes
	for i := range q.entries {
		e := &q.entries[i]
		if messages <= limits.Messages && bytes <= limits.Bytes {
			break
		}
		if !e.mark() {
			paths[e.path] = true
		}
		messages--
		bytes -= e.size()
	}
	return paths
}

// expire collapses the paths of messages that are older than age. It returns how many updates were lost.
func (q *queue) expire(age time.Duration, now time.Time) (lost int) {
	q.thin()
	var paths map[dispatch.Path]bool
	for i := range q.entries {
		e := &q.entries[i]
		accepted := e.message.Accepted()
		if e.mark() || accepted.IsZero() {
			continue
		}
		if now.Sub(accepted) <= age {
			break
		}
		if paths == nil {
			paths = make(map[dispatch.Path]bool)
		}
		paths[e.path] = true
	}
	return q.collapse(paths, gapAge)
}

// collapse replaces all that waits for paths by one gap mark each, at the end of the queue: a mark has a sequence number
// of its own, above any that the client may have been sent and be about to confirm. It returns how many updates were
// lost.
func (q *queue) collapse(paths map[dispatch.Path]bool, reason string) (lost int) {
	if len(paths) == 0 {
		return 0
	}
	var order []dispatch.Path
	q.entries = slices.DeleteFunc(q.entries, func(e entry) bool {
		unmarked, concerned := paths[e.path]
		if !concerned {
			return false
		}
		if unmarked {
			order = append(order, e.path)
			paths[e.path] = false
		}
		q.bytes -= e.size()
		if r := e.message.Receipt(); r != nil {
			r.Gap()
		}
		if !e.message.Blank() { // a mark says the same as a blank one
			lost++
		}
		return true
	})
	message := dispatch.GapMessage(reason)
	for _, path := range order {
		q.put(path, message)
	}
	return lost
}

// foldMarks replaces the marks of paths that one of patterns stands for by one mark at the pattern.
func (q *queue) foldMarks(patterns []dispatch.Pattern) {
	var folded []dispatch.Pattern
	q.entries = slices.DeleteFunc(q.entries, func(e entry) bool {
		if !e.mark() {
			return false
		}
		i := slices.IndexFunc(patterns, func(p dispatch.Pattern) bool { return standsFor(p, e.path) })
		if i < 0 {
			return false
		}
		if !slices.Contains(folded, patterns[i]) {
			folded = append(folded, patterns[i])
		}
		q.bytes -= e.size()
		return true
	})
	for _, pattern := range folded {
		q.put(dispatch.Path(pattern), dispatch.GapMessage(gapOverflow))
	}
}

// standsFor tells whether a mark at pattern says all that one at path does, which may be a pattern itself.
func standsFor(pattern dispatch.Pattern, path dispatch.Path) bool {
	return pattern == everything || pattern.Covers(dispatch.Pattern(path))
}

// clear ends the queue: what waits in it will not be heard.
func (q *queue) clear() {
	for i := range q.entries {
		q.entries[i].settle()
	}
	q.entries, q.bytes = nil, 0
}
