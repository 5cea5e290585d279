package push

import (
	"slices"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// This file keeps queues within limits. What was not sent yet collapses into marks that the client will see; what was
// sent fades.

// QueueLimits bound what waits in one session.
type QueueLimits struct {
	Messages int           // how many, gap marks included; 2 at least, whatever it says
	Bytes    int           // their size, as [entry.size] counts it
	Age      time.Duration // how old the oldest may be
}

// part returns so many quarters of the limits. There is always room for one message and one mark, and half of that is
// one message.
func (l QueueLimits) part(quarters int) QueueLimits {
	return QueueLimits{Messages: max(l.Messages, 2) * quarters / 4, Bytes: l.Bytes * quarters / 4}
}

// The reasons of gap marks, as clients see them.
const (
	gapOverflow = "overflow" // more came than the queue may hold
	gapAge      = "age"      // it waited longer than the queue may hold it
	gapResume   = "resume"   // a stream was sent it, and more after it than is kept for a resume
	gapRestart  = "restart"  // the daemon was restarted, and back-ends may have been refused meanwhile
)

// everything is the pattern of the mark that remains where even marks are too many: all that the client views, system
// paths included, starts afresh.
const everything = "**"

// maxFolds is how many patterns' marks are folded: telling a client with more of them to load everything afresh is
// cheaper than holding the timeline up to find out what it need not.
const maxFolds = 16

// over tells whether a limit is exceeded.
func (b *backlog) over(limits QueueLimits) bool {
	return len(b.entries) > limits.Messages || b.bytes > limits.Bytes
}

// trim keeps the queue within limits: it has the oldest messages fade or collapse until the others take half of the
// room. Their marks may take another quarter; where they are more, those of a pattern become one at the pattern, and
// where that is not enough, all become one that stands for everything. A quarter of the room is free after that, so the
// work is shared by as many updates. It returns how many updates were lost.
func (b *backlog) trim(limits QueueLimits, patterns []dispatch.Pattern) (lost int) {
	if !b.over(limits.part(4)) {
		return 0
	}
	room := limits.part(3)
	if b.thin(); !b.over(room) {
		return 0
	}
	if lost = b.fadeOldest(limits, patterns); !b.over(room) {
		return lost
	}
	lost += b.collapse(b.oldest(limits.part(2)), gapOverflow)
	if b.over(room) {
		b.foldMarks(firstPatterns(patterns))
	}
	if b.over(room) && b.foldMarks([]dispatch.Pattern{everything}) {
		b.forgetFaded()
	}
	return lost
}

func firstPatterns(patterns []dispatch.Pattern) []dispatch.Pattern {
	return patterns[:min(len(patterns), maxFolds)]
}

// oldest returns the paths of the oldest messages that were not sent: as many as have to go for the others of them to
// keep within limits.
func (b *backlog) oldest(limits QueueLimits) map[dispatch.Path]bool {
	paths := make(map[dispatch.Path]bool)
	first, bytes := b.after(b.sent), b.bytes
	for i := range b.entries[:first] {
		bytes -= b.entries[i].size()
	}
	for i := first; i < len(b.entries); i++ {
		e := &b.entries[i]
		if len(b.entries)-i <= limits.Messages && bytes <= limits.Bytes {
			break
		}
		if !e.mark() {
			paths[e.path] = true
		}
		bytes -= e.size()
	}
	return paths
}

// expire has messages that are older than age fade, or the paths of those that were not sent collapse. It returns how
// many updates were lost.
func (q *queue) expire(limits QueueLimits, patterns []dispatch.Pattern, now time.Time) (lost int) {
	if q.held == nil {
		return 0
	}
	b := q.held
	b.thin()
	var paths map[dispatch.Path]bool
	sent, old := b.after(b.sent), 0
	for i := b.faded; i < len(b.entries); i++ {
		e := &b.entries[i]
		accepted := e.message.Accepted()
		if e.mark() || accepted.IsZero() || i < sent && e.message.Blank() {
			continue
		}
		if now.Sub(accepted) <= limits.Age {
			break
		}
		if i < sent {
			old = i + 1
			continue
		}
		if paths == nil {
			paths = make(map[dispatch.Path]bool)
		}
		paths[e.path] = true
	}
	lost = b.collapse(paths, gapAge)
	if old > 0 {
		lost += b.fade(old, gapAge, limits.part(1), patterns)
	}
	return lost
}

// collapse replaces all that waits for paths and was not sent by one gap mark each, at the end of the queue. It returns
// how many updates were lost.
func (b *backlog) collapse(paths map[dispatch.Path]bool, reason string) (lost int) {
	if len(paths) == 0 {
		return 0
	}
	var order []dispatch.Path
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool {
		unmarked, concerned := paths[e.path]
		if !concerned || e.seq <= b.sent {
			return false
		}
		if unmarked {
			order = append(order, e.path)
			paths[e.path] = false
		}
		b.bytes -= e.size()
		if r := e.message.Receipt(); r != nil {
			r.Gap()
		}
		if !e.message.Blank() { // a mark says the same as a blank one
			lost++
		}
		return true
	})
	if planted("forget-gap") {
		order = nil
	}
	message := dispatch.GapMessage(reason)
	for _, path := range order {
		b.put(path, message)
	}
	return lost
}

// foldMarks replaces the marks of paths that one of patterns stands for by one mark at the pattern, where they were not
// sent yet. It reports whether there were any.
func (b *backlog) foldMarks(patterns []dispatch.Pattern) bool {
	var folded []dispatch.Pattern
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool {
		if !e.mark() || e.seq <= b.sent {
			return false
		}
		i := slices.IndexFunc(patterns, func(p dispatch.Pattern) bool { return standsFor(p, e.path) })
		if i < 0 {
			return false
		}
		if !slices.Contains(folded, patterns[i]) {
			folded = append(folded, patterns[i])
		}
		b.bytes -= e.size()
		return true
	})
	for _, pattern := range folded {
		b.put(dispatch.Path(pattern), dispatch.GapMessage(gapOverflow))
	}
	return len(folded) > 0
}

// standsFor tells whether a mark at pattern says all that one at path does, which may be a pattern itself.
func standsFor(pattern dispatch.Pattern, path dispatch.Path) bool {
	return pattern == everything || pattern.Covers(dispatch.Pattern(path))
}
