package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// This file judges what a session's tokens did: marks that limits explain, clients that came back with older tokens,
// and those that were refused.

// marks wants a reason for each mark that the limits explain.
func (w *way) marks() {
	for _, i := range w.blanks {
		it := w.items[i]
		if it.Gap == "" || it.Gap == gapRestart || w.explained(it.Gap, it.got) {
			continue
		}
		w.violated(it.got.At, "a mark has no reason", "marks where a limit is met", "%s after cursor %d, in a part up to %d",
			it.Raw, w.confirmedBefore(it.got), it.got.Cursor)
	}
}

// explained tells whether the limit that a mark in g names may have been met. Cursors count entries, with holes: so
// many may have waited as are between what was confirmed before the mark's request and the end of its part.
func (w *way) explained(reason string, g *Got) bool {
	rules := w.h.Rules
	since := w.confirmedBefore(g)
	end := g.Cursor
	for _, o := range w.s.Gots {
		// A mark stands where what it is for stood: more may have been sent after it.
		if o.At <= g.At+time.Second {
			end = max(end, o.Cursor)
		}
	}
	waited := int(end - since)
	switch reason {
	case "overflow":
		return waited > rules.Messages || waited*w.largest() > rules.Bytes
	case "age":
		return g.At-w.cameFor(since) > rules.Age
	case "resume":
		return waited > rules.Resume && slices.ContainsFunc(w.s.Cames, func(c *Came) bool { return c.Form != formPoll })
	}
	return false
}

// anyLimit tells whether any limit may have been met.
func (w *way) anyLimit(g *Got) bool {
	return w.explained("overflow", g) || w.explained("age", g) || w.explained("resume", g)
}

// steps is how many requests before its own a mark may have been made: what was sent to an earlier one, and lost on its
// way, may have become a mark then.
const steps = 4

// confirmedBefore returns the cursor that was confirmed some requests before that of g.
func (w *way) confirmedBefore(g *Got) uint64 {
	var cursors []uint64
	for _, c := range w.s.Cames {
		if c.From != nil && c.Number <= g.Came.Number {
			cursors = append(cursors, c.From.Cursor)
		}
	}
	slices.Sort(cursors)
	cursors = slices.Compact(cursors)
	if len(cursors) <= steps {
		return 0
	}
	return cursors[len(cursors)-steps-1]
}

// cameFor returns when the request came that was answered with the part up to cursor.
func (w *way) cameFor(cursor uint64) time.Duration {
	for _, g := range w.s.Gots {
		if g.Cursor == cursor {
			return g.Came.At
		}
	}
	return 0
}

// largest returns the size of the largest update.
func (w *way) largest() int {
	size := len(w.s.ID) + 256
	for _, u := range w.h.Updates {
		size = max(size, u.Size)
	}
	return size
}

// forks compares what a client saw after a token with what it saw when it came back with that token.
func (j *judgement) forks() {
	children := make(map[*Got][]*Got)
	for _, g := range j.s.Gots {
		if g.Parent != nil {
			children[g.Parent] = append(children[g.Parent], g)
		}
	}
	for _, list := range children {
		slices.SortStableFunc(list, func(a, b *Got) int { return a.Came.Number - b.Came.Number })
		for i := 1; i < len(list); i++ {
			came := list[i].Came.Number
			older, newer := j.after(list[i-1], children, came), j.after(list[i], children, math.MaxInt)
			missing := again(older, newer)
			// Of two requests at once, nobody knows which was answered first.
			if missing == nil || overlap(list[i-1], list[i]) && again(newer, older) == nil {
				continue
			}
			j.violated(list[i].At, "a client that came back saw something else", texts(older), "%s without %s", texts(newer),
				missing.Raw)
		}
	}
}

// overlap tells whether the request of b came before that of a was answered.
func overlap(a, b *Got) bool { return b.Came.At <= a.At }

// after lists what came in g and after it, by requests before that of this number.
func (j *judgement) after(g *Got, children map[*Got][]*Got, number int) (items []item) {
	for g != nil && g.Came.Number < number {
		items = append(items, j.h.items(g)...)
		list := children[g]
		if g = nil; len(list) > 0 {
			g = list[0]
		}
	}
	return items
}

// again tells whether newer begins with what older holds: each entry, or a mark for it, and nothing between but marks.
// Where newer ends, so may what is there of older; and where it ends in the middle of a stream, marks that moved to the
// end may not have come. It returns what of older has neither.
func again(older, newer []item) (missing *item) {
	n := 0 // what of newer is compared
	for i, it := range older {
		if it.blank && it.Gap != "" {
			continue
		}
		at := n
		for at < len(newer) && newer[at].Raw != it.Raw && newer[at].blank {
			at++
		}
		if at < len(newer) && newer[at].Raw == it.Raw {
			n = at + 1
			continue
		}
		if len(newer) == 0 || at == len(newer) && !missesOf(older[i:], newer) {
			return nil
		}
		if !markedIn(newer, it) && (whole(newer) || has(newer, it)) {
			return &older[i]
		}
	}
	return nil
}

// whole tells whether all that there was is in items: a stream may be cut in the middle.
func whole(items []item) bool { return items[len(items)-1].got.Came.Form == formPoll }

func has(items []item, it item) bool {
	return slices.ContainsFunc(items, func(o item) bool { return o.Raw == it.Raw })
}

// missesOf tells whether something of rest is in newer: then newer did not just end before it.
func missesOf(rest, newer []item) bool {
	return slices.ContainsFunc(rest, func(it item) bool {
		return slices.ContainsFunc(newer, func(o item) bool { return !o.blank && o.Raw == it.Raw })
	})
}

// markedIn tells whether there is a blank message that stands for it.
func markedIn(items []item, it item) bool {
	return slices.ContainsFunc(items, func(o item) bool { return o.blank && standsFor(o.Path, it.Path) })
}

func texts(items []item) string {
	text := ""
	for i, it := range items {
		if i == 6 {
			return text + fmt.Sprintf("… and %d more", len(items)-i)
		}
		text += it.Raw + " "
	}
	return text
}

// refusals wants that a token is refused because of a newer one, and a request because of another that came meanwhile.
func (j *judgement) refusals() {
	for _, r := range j.s.Refusals {
		switch {
		case r.Reason == "stale" && !j.newerUsed(r):
			j.violated(r.At, "a good token was refused", "409 stale after a newer token was used", "stale for cursor %d",
				r.Came.From.Cursor)
		case r.Reason == "superseded" && !j.otherCame(r):
			j.violated(r.At, "a request was superseded by none", "409 superseded when another comes", "request %d",
				r.Came.Number)
		}
	}
}

func (j *judgement) newerUsed(r Refusal) bool {
	newer := func(c *Came) bool {
		return c.From != nil && c.From.Cursor > r.Came.From.Cursor && c.At <= r.At
	}
	confirmed := func(c Confirmed) bool { return c.Cursor > r.Came.From.Cursor && c.At <= r.At }
	return slices.ContainsFunc(j.s.Cames, newer) || slices.ContainsFunc(j.s.Confirms, confirmed)
}

// otherCame tells whether another request may have come while this one waited. One whose client has given it up may be
// on its way for a while.
func (j *judgement) otherCame(r Refusal) bool {
	return slices.ContainsFunc(j.s.Cames, func(c *Came) bool {
		return c != r.Came && c.At <= r.At && (c.heard == 0 || c.heard >= r.Came.At)
	})
}

// resumed wants that the session was known for as long as it had to be, and a stale token refused.
func (j *judgement) resumed() {
	if at := j.s.Replaced; at > 0 && !j.s.mayBeGone(j.h, at) {
		j.violated(at, "a session is lost", "the same ID, for a client that comes back in time", "another ID at %v", at)
	}
	for _, g := range j.s.Gots {
		if j.s.mustBeGone(j.h, g.Came.At) {
			j.violated(g.At, "a session outlived the daemon that was killed", "a new ID", "a part at %v", g.At)
			return
		}
		if j.stale(g) {
			j.violated(g.At, "a used-up token was taken", "409 stale", "cursor %d at %v", g.Came.From.Cursor, g.At)
			return
		}
	}
}

// stale tells whether a newer token than that of g's request had been used, and answered, before that request came.
func (j *judgement) stale(g *Got) bool {
	if g.Came.From == nil {
		return false
	}
	return slices.ContainsFunc(j.s.Gots, func(o *Got) bool {
		return o.Came.From != nil && o.Came.From.Cursor > g.Came.From.Cursor && o.At <= g.Came.At
	})
}
