package main

import (
	"fmt"
	"slices"
	"time"
)

// This file judges receipts. The model does not know of each session what a receipt says, and it need not: it knows of
// how many it must be, and of how many it may be.

// audit is what the model knows of an update that was answered with a receipt.
type audit struct {
	surely    int      // sessions that it was for
	possibly  int      // with those that it may have been for
	unkept    int      // of these, those in which a limit may have been met
	confirmed int      // that may have come back with a token which counts it
	answered  int      // that surely have, in time for the receipt
	waiting   *Session // one that it was for, which keeps it, and whose client has not confirmed it; nil for none
}

// judgeReceipt compares u's receipt with what is known of the sessions.
func judgeReceipt(h *History, u *Update) (found []Violation) {
	a, r := h.audit(u), u.Slip
	violated := func(what, want string, args ...any) {
		found = append(found, Violation{Session: a.waiting, What: what, Want: fmt.Sprintf(want, args...), At: u.When.from,
			Got: fmt.Sprintf("%+v for %s, given at %v and answered at %v", *r, u.Wire, round(u.When.from), round(u.When.to))})
	}
	switch {
	case r.Matched < a.surely || r.Matched > a.possibly:
		violated("a receipt counts other clients than were connected", "from %d to %d", a.surely, a.possibly)
	case r.Delivered+r.Gapped > r.Matched:
		violated("a receipt counts a client twice", "delivered and gapped are different ones of those matched")
	case r.Confirmed > r.Delivered:
		violated("a receipt counts one who confirmed what was not delivered", "not more confirmed than delivered")
	case r.Confirmed > a.confirmed:
		violated("a receipt counts one who has not confirmed", "%d at most", a.confirmed)
	case r.Confirmed < a.answered:
		violated("a receipt does not count one who has confirmed", "%d at least", a.answered)
	case r.Gapped > a.unkept:
		violated("a receipt counts marks that have no reason", "%d at most", a.unkept)
	case a.waiting != nil && u.When.to-u.When.from < u.Wait && !h.stopped(u.When):
		violated("a receipt came early", "that it waits for %s", a.waiting.ID)
	}
	return found
}

// audit looks at all sessions. One that was opened by a request whose answer was lost is known to nobody, and may be
// connected to what the request named.
func (h *History) audit(u *Update) (a audit) {
	for _, s := range h.Sessions {
		if s.ID == u.Except || !s.possibly(u) || s.surelyGone(h, u.When) {
			continue
		}
		a.possibly++
		there := s.surely(u) && !s.mayBeGone(h, u.When.to)
		kept := s.keeps(h, u)
		cursor, seen := s.cursorOf(u)
		confirmed := seen && s.confirmedBy(cursor, u.When.to)
		if there {
			a.surely++
		}
		if !kept {
			a.unkept++
		}
		if confirmed {
			a.confirmed++
		}
		if kept && seen && s.answeredBy(cursor, h.receiptOf(u)) {
			a.answered++
		}
		if there && kept && !confirmed && !u.Latest {
			a.waiting = s
		}
	}
	unknown := h.unheard(u)
	a.possibly += unknown
	a.unkept += unknown
	return a
}

// stopped tells whether the daemon may have been about to end at that time: then it answers whoever waits.
func (h *History) stopped(when span) bool {
	return slices.ContainsFunc(h.Stops, func(s span) bool { return !s.before(when) && !when.before(s) })
}

// receiptOf returns a time that was before that of u's receipt, as late as is certain. One that came early says that
// nobody is waited for: what happened before it came is in it.
func (h *History) receiptOf(u *Update) time.Duration {
	if h.stopped(u.When) {
		return u.When.from
	}
	return min(u.When.from+u.Wait, u.When.to)
}

// unheard counts requests that were not answered, as far as anybody knows, and may have opened a session that u was
// for.
func (h *History) unheard(u *Update) (n int) {
	for _, c := range h.Naming {
		named := func(p string) bool { return matches(p, u.Path) }
		if c.heard == 0 && c.At < u.When.to && slices.ContainsFunc(c.Paths, named) {
			n++
		}
	}
	return n
}

// surelyGone tells whether the session had ended before then: the daemon was killed, or it was told to end the session.
func (s *Session) surelyGone(h *History, when span) bool {
	return s.mustBeGone(h, when.from) || slices.ContainsFunc(s.Ops, func(o *Op) bool {
		return (o.Verb == "kick" || o.Verb == "leave") && o.Fate == done && o.When.before(when)
	})
}

// cursorOf returns the first cursor that counts u, of those that the session's client was given; all others that do are
// later ones.
func (s *Session) cursorOf(u *Update) (cursor uint64, seen bool) {
	for _, g := range s.Gots {
		is := func(e Entry) bool { return e.Raw == u.Wire }
		if (!seen || g.Cursor < cursor) && slices.ContainsFunc(g.Entries, is) {
			cursor, seen = g.Cursor, true
		}
	}
	return cursor, seen
}

// confirmedBy tells whether the client may have confirmed what cursor counts by then.
func (s *Session) confirmedBy(cursor uint64, at time.Duration) bool {
	came := func(c *Came) bool { return c.From != nil && c.From.Cursor >= cursor && c.At <= at }
	said := func(c Confirmed) bool { return c.Cursor >= cursor && c.At <= at }
	return slices.ContainsFunc(s.Cames, came) || slices.ContainsFunc(s.Confirms, said)
}

// answeredBy tells whether it surely had: a request that confirms it was answered by then.
func (s *Session) answeredBy(cursor uint64, at time.Duration) bool {
	return slices.ContainsFunc(s.Gots, func(g *Got) bool {
		return g.Came.From != nil && g.Came.From.Cursor >= cursor && g.At <= at
	})
}

// keeps tells whether no limit can have been met in the session until u was answered: neither by time, nor by all that
// was given since something that its client had confirmed before u.
func (s *Session) keeps(h *History, u *Update) bool {
	waited := span{s.Opened.from, u.When.to}
	stream := true // marks may wait, too, that stand for something older
	for _, g := range s.Gots {
		if from := g.Came.From; from != nil && g.At <= u.When.from && s.since(h, from) >= waited.from {
			waited.from, stream = s.since(h, from), from.Came.Form != formPoll // which is when a poll came
		}
	}
	messages, bytes := s.given(h, waited, stream)
	// A poll that was answered comes instead of what was heard of before it.
	streams := func(c *Came) bool {
		return c.Form != formPoll && c.At <= u.When.to && (stream || c.first == 0 || c.first > waited.from)
	}
	return waited.to-waited.from < h.Rules.Age && messages <= h.Rules.Messages && bytes <= h.Rules.Bytes &&
		(messages <= h.Rules.Resume || !slices.ContainsFunc(s.Cames, streams))
}

// other is more than anything takes in a queue that is no update.
const other = 256

// given counts what may have been given to the session within a time, and its bytes; with marks, also one for each
// path.
func (s *Session) given(h *History, when span, marks bool) (messages, bytes int) {
	within := func(o span) bool { return !o.before(when) && !when.before(o) }
	for _, o := range s.Ops {
		if within(o.When) || o.For > 0 {
			messages++ // a confirmation or a notice
		}
	}
	for _, r := range h.Restarts {
		if within(r) {
			messages += len(s.patterns("connect"))
		}
	}
	paths := make(map[string]bool) // whether the session hears them
	for _, v := range h.Updates {
		hears, known := paths[v.Path]
		if !known {
			hears = s.everHeard(v.Path)
			paths[v.Path] = hears
			if hears && marks {
				messages++
			}
		}
		if hears && v.Fate != refused && within(v.When) {
			messages++
			bytes += v.Size - other
		}
	}
	return messages, bytes + messages*other
}

// since returns a time before which nothing was given that comes after g. A poll is answered with all that there is; in
// a stream the next may wait already.
func (s *Session) since(h *History, g *Got) time.Duration {
	for ; g != nil; g = g.Parent {
		if g.Came.Form == formPoll {
			return g.Came.At
		}
		for _, e := range slices.Backward(g.Entries) {
			if v := h.find(e.Raw); v != nil {
				return v.When.from
			}
		}
	}
	return s.Opened.from
}

// everHeard tells whether the session was ever connected to something that brings updates at path.
func (s *Session) everHeard(path string) bool {
	return slices.ContainsFunc(s.patterns("connect"), func(p string) bool { return matches(p, path) })
}
