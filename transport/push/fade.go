package push

import (
	"slices"

	"github.com/rootsd/rootsd/dispatch"
)

// This file lets go of what was sent and is kept for a client that may come back without having got it. Such updates
// fade: they become gap marks where they stand, with a number that the client has been sent. One that got them confirms
// the marks away without ever seeing them; one that did not comes back with an older cursor, and gets the marks.

// fade turns the first n entries, all of which were sent, into marks: one a path, in the place of its newest. What has
// faded may take so much room; where it is more, marks of a pattern become one at the pattern, and at last all become
// one. It returns how many updates were lost that had not been written to a socket.
func (b *backlog) fade(n int, reason string, room QueueLimits, patterns []dispatch.Pattern) (lost int) {
	lost = b.merge(n, reason, func(path dispatch.Path) dispatch.Path { return path })
	if b.fadedOver(room) {
		patterns = firstPatterns(patterns)
		b.merge(b.faded, reason, func(path dispatch.Path) dispatch.Path {
			i := slices.IndexFunc(patterns, func(p dispatch.Pattern) bool { return standsFor(p, path) })
			if i < 0 {
				return path
			}
			return dispatch.Path(patterns[i])
		})
	}
	if b.fadedOver(room) {
		b.merge(b.faded, reason, func(dispatch.Path) dispatch.Path { return everything })
	}
	if planted("forget-faded") {
		b.forgetFaded()
	}
	return lost
}

// fadedOver tells whether there are more marks of what has faded than one, and than there is room for.
func (b *backlog) fadedOver(room QueueLimits) bool {
	bytes := 0
	for i := range b.entries[:b.faded] {
		bytes += b.entries[i].size()
	}
	return b.faded > max(room.Messages, 1) || b.faded > 1 && bytes > room.Bytes
}

// merge leaves one mark of the first n entries for each path that at gives for theirs, in the place of the newest of
// them. It returns how many updates were lost that had not been written.
func (b *backlog) merge(n int, reason string, at func(dispatch.Path) dispatch.Path) (lost int) {
	marked := make(map[dispatch.Path]bool)
	mark := dispatch.GapMessage(reason)
	first := n // of those that stay
	for i := n - 1; i >= 0; i-- {
		e := b.entries[i]
		b.bytes -= e.size()
		path := at(e.path)
		newest := !marked[path]
		if !newest || !e.says(path) {
			lost += b.letGo(&e)
			e = entry{mark, path, e.seq}
		}
		if newest {
			marked[path] = true
			first--
			b.entries[first] = e
			b.bytes += e.size()
		}
	}
	b.entries = slices.Delete(b.entries, 0, first)
	b.faded = n - first
	return lost
}

// says tells whether the entry says what a mark at path does. The confirmation of a connect does, but at everything, where
// it means less than a mark.
func (e *entry) says(path dispatch.Path) bool {
	return e.path == path && (e.mark() || e.message.Blank() && path != everything)
}

// letGo does with an entry that is lost what there is to do for it, and returns 1 if it was an update that was not
// written to a socket. One that was written may have come or not; nobody will know.
func (b *backlog) letGo(e *entry) (lost int) {
	r := e.message.Receipt()
	if e.seq <= b.written {
		e.settle()
		return 0
	}
	if r != nil {
		r.Gap()
	}
	if e.message.Blank() {
		return 0
	}
	return 1
}

// fadeOldest has what was sent fade, the oldest first, until the rest of the queue takes half of the room.
func (b *backlog) fadeOldest(limits QueueLimits, patterns []dispatch.Pattern) (lost int) {
	half, sent := limits.part(2), b.after(b.sent)
	n, bytes := 0, b.bytes
	for n < sent && (len(b.entries)-n > half.Messages || bytes > half.Bytes) {
		bytes -= b.entries[n].size()
		n++
	}
	if n <= b.faded {
		return 0
	}
	return b.fade(n, gapOverflow, limits.part(1), patterns)
}

// keep has the oldest of what was given to a stream and written, up to seq, fade if it is more than so many messages. It
// goes by quarters, so that one update costs little.
func (b *backlog) keep(messages int, seq uint64, limits QueueLimits, patterns []dispatch.Pattern) {
	n := b.after(min(seq, b.given))
	if n-b.faded <= messages {
		return
	}
	room := limits.part(1)
	room.Messages = min(room.Messages, messages/4)
	b.fade(n-messages+messages/4, gapResume, room, patterns)
}

// forgetFaded drops the marks of what has faded, because a later one stands for them.
func (b *backlog) forgetFaded() {
	for i := range b.entries[:b.faded] {
		b.bytes -= b.entries[i].size()
		b.entries[i].settle()
	}
	b.entries = slices.Delete(b.entries, 0, b.faded)
	b.faded = 0
}
