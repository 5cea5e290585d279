package push

import (
	"slices"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// QueueLimits bound what waits in one session.
type QueueLimits struct {
	Messages int           // how many, gap marks included
	Bytes    int           // their size, as [entry.size] counts it
	Age      time.Duration // how old the oldest may be
}

// queue holds what a client has not confirmed, in the timeline's order, within limits. It is not safe for concurrent
// use; its session locks. The zero value is an empty queue.
type queue struct {
	entries   []entry // nil when empty: a session that waits holds no buffer
	last      uint64  // the sequence number given last
	confirmed uint64  // the client has confirmed everything up to here
	sent      uint64  // everything up to here was put into an answer
	written   uint64  // everything up to here was written to a socket
	bytes     int
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

func (q *queue) supersede(path dispatch.Path) {
	for i := len(q.entries) - 1; i >= 0 && q.entries[i].seq > q.sent; i-- {
		e := &q.entries[i]
		if e.path != path || !e.message.Latest() {
			continue
		}
		if r := e.message.Receipt(); r != nil {
			r.Settle()
		}
		q.bytes -= e.size()
		q.entries = slices.Delete(q.entries, i, i+1)
		return
	}
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
	q.drop(n)
}

// drop takes the first n entries away.
func (q *queue) drop(n int) {
	switch n {
	case 0:
	case len(q.entries):
		q.entries = nil
	default:
		kept := copy(q.entries, q.entries[n:])
		clear(q.entries[kept:])
		q.entries = q.entries[:kept]
	}
}

// over tells whether a limit is met.
func (q *queue) over(limits QueueLimits) bool {
	return len(q.entries) > limits.Messages || q.bytes > limits.Bytes
}

// trim keeps the queue within limits: it collapses the paths of the oldest messages into gap marks until the others take
// half of the room. Marks may take another quarter; where they are more, those of a pattern become one at the pattern,
// and where that is not enough, all become one that stands for everything. A quarter of the room is free after that, so
// the work is shared by as many updates. It returns how many updates were lost.
func (q *queue) trim(limits QueueLimits, patterns []dispatch.Pattern) (lost int) {
	if !q.over(limits) {
		return 0
	}
	lost = q.collapse(q.oldest(limits.part(2)), gapOverflow)
	room := limits.part(3)
	if q.over(room) {
		q.foldMarks(patterns)
	}
	if q.over(room) {
		q.foldMarks([]dispatch.Pattern{everything})
	}
	return lost
}

// part returns so many quarters of the limits, but room for one message at least.
func (l QueueLimits) part(quarters int) QueueLimits {
	return QueueLimits{Messages: max(l.Messages*quarters/4, 1), Bytes: l.Bytes * quarters / 4}
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
// of its own, above any that the client may have been sent and be about to confirm.
func (q *queue) collapse(paths map[dispatch.Path]bool, reason string) (lost int) {
	if len(paths) == 0 {
		return 0
	}
	var order []dispatch.Path
	kept := q.entries[:0]
	q.bytes = 0
	for _, e := range q.entries {
		marked, concerned := paths[e.path]
		if !concerned {
			q.bytes += e.size()
			kept = append(kept, e)
			continue
		}
		if !e.mark() {
			lost++
			if r := e.message.Receipt(); r != nil {
				r.Gap()
			}
		}
		if marked {
			order = append(order, e.path)
			paths[e.path] = false
		}
	}
	clear(q.entries[len(kept):])
	q.entries = kept
	message := dispatch.GapMessage(reason)
	for _, path := range order {
		q.put(path, message)
	}
	return lost
}

// foldMarks replaces the marks of paths that one of patterns stands for by one mark at the pattern. The pattern of
// everything stands for system paths too.
func (q *queue) foldMarks(patterns []dispatch.Pattern) {
	var folded []dispatch.Pattern
	var reason string
	kept := q.entries[:0]
	q.bytes = 0
	for _, e := range q.entries {
		pattern, ok := standsFor(patterns, &e)
		if !ok {
			q.bytes += e.size()
			kept = append(kept, e)
			continue
		}
		reason = e.message.Gap()
		if !slices.Contains(folded, pattern) {
			folded = append(folded, pattern)
		}
	}
	clear(q.entries[len(kept):])
	q.entries = kept
	for _, pattern := range folded {
		q.put(dispatch.Path(pattern), dispatch.GapMessage(reason))
	}
}

// standsFor returns the first of patterns that matches the path of a mark.
func standsFor(patterns []dispatch.Pattern, e *entry) (pattern dispatch.Pattern, ok bool) {
	if !e.mark() {
		return "", false
	}
	for _, p := range patterns {
		if p == everything || p.Covers(dispatch.Pattern(e.path)) {
			return p, true
		}
	}
	return "", false
}

// clear ends the queue: what waits in it will not be heard.
func (q *queue) clear() {
	for i := range q.entries {
		if r := q.entries[i].message.Receipt(); r != nil {
			r.Settle()
		}
	}
	q.entries, q.bytes = nil, 0
}

// wrote notes that all that was sent was written to a socket, and has seen told of each update of which that is news.
func (q *queue) wrote(seq uint64, seen func(*dispatch.Message)) {
	for i := range q.entries {
		e := &q.entries[i]
		if e.seq > seq {
			break
		}
		if e.seq > q.written {
			seen(e.message)
		}
	}
	q.written = max(q.written, seq)
}
