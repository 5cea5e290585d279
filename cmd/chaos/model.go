package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file says what the commands that were given for a session allow, and what they demand.

// surely tells whether the session was connected to something that brings u, by an answered connect before u and
// nothing that may have ended that since.
func (s *Session) surely(u *Update) bool {
	return s.held("connect", "disconnect", u.Path, u.When, true)
}

// possibly tells whether it may have been.
func (s *Session) possibly(u *Update) bool {
	return s.held("connect", "disconnect", u.Path, u.When, false)
}

// held tells whether what the verb give gives for path, and the verb take takes, stood at that time: surely, or
// possibly.
func (s *Session) held(give, take, path string, when span, surely bool) bool {
	for _, pattern := range s.patterns(give) {
		if !matches(pattern, path) {
			continue
		}
		if surely && s.surelyHeld(give, take, pattern, when) || !surely && s.possiblyHeld(give, take, pattern, when) {
			return true
		}
	}
	return false
}

// patterns lists those that the verb was ever given for.
func (s *Session) patterns(verb string) (list []string) {
	for _, o := range s.Ops {
		if o.Verb == verb && o.Fate != refused && !slices.Contains(list, o.Pattern) {
			list = append(list, o.Pattern)
		}
	}
	return list
}

// surelyHeld tells whether there is an answered give before when, and nothing that may have undone it until when was
// over: neither a take, nor a give with a time that may have ended by then.
func (s *Session) surelyHeld(give, take, pattern string, when span) bool {
	return slices.ContainsFunc(s.Ops, func(g *Op) bool {
		return g.gives(give, pattern) && g.Fate == done && g.When.before(when) && !g.lapsedBy(when.to) &&
			!s.mayUndo(g, give, take, when)
	})
}

// mayUndo tells whether another command may have undone what g gave, after it and before when was over.
func (s *Session) mayUndo(g *Op, give, take string, when span) bool {
	return slices.ContainsFunc(s.Ops, func(o *Op) bool {
		return (o.gives(take, g.Pattern) || o.gives(give, g.Pattern) && o.lapsedBy(when.to)) &&
			!o.When.before(g.When) && !when.before(o.When)
	})
}

// gives tells whether o is this command, and may have been obeyed.
func (o *Op) gives(verb, pattern string) bool {
	return o.Verb == verb && o.Pattern == pattern && o.Fate != refused
}

// lapsedBy tells whether what o gave may have lapsed by then.
func (o *Op) lapsedBy(at time.Duration) bool { return o.For > 0 && o.When.from+o.For <= at }

// possiblyHeld tells whether there is a give that may have been obeyed before when was over, and no answered take
// between the two.
func (s *Session) possiblyHeld(give, take, pattern string, when span) bool {
	return slices.ContainsFunc(s.Ops, func(g *Op) bool {
		undoes := func(o *Op) bool {
			return o.gives(take, pattern) && o.Fate == done && g.When.before(o.When) && o.When.before(when)
		}
		return g.gives(give, pattern) && !when.before(g.When) && !slices.ContainsFunc(s.Ops, undoes)
	})
}

// stayed tells whether whoever was told of an update at path in the first span was still connected in the second.
func (s *Session) stayed(path string, first, second span) bool {
	for _, o := range s.Ops {
		if o.Fate == refused || !matches(o.Pattern, path) {
			continue
		}
		ends := o.Verb == "disconnect" && !o.When.before(first) && !second.before(o.When)
		if ends || o.Verb == "connect" && o.lapsedBy(second.to) {
			return false
		}
	}
	return true
}

// mayBeGone tells whether the session may have ended by then.
func (s *Session) mayBeGone(h *History, at time.Duration) bool {
	for _, o := range s.Ops {
		if (o.Verb == "kick" || o.Verb == "leave") && o.Fate != refused && o.When.from <= at {
			return true
		}
	}
	return s.lostBy(h, at) || at-s.contact > h.Rules.Expire-lateness
}

// lostBy tells whether the daemon may have lost the session by then.
func (s *Session) lostBy(h *History, at time.Duration) bool {
	return slices.ContainsFunc(h.Lost, func(l span) bool { return l.from <= at && l.to >= s.Opened.from })
}

// mustBeGone tells whether the daemon has lost the session before then.
func (s *Session) mustBeGone(h *History, at time.Duration) bool {
	return slices.ContainsFunc(h.Lost, func(l span) bool { return l.to <= at && l.from >= s.Opened.to })
}

// item is one entry on a session's way, and what it is.
type item struct {
	*Entry
	got    *Got
	update *Update // for an update
	blank  bool    // for a blank message, whose path may be a pattern
	notice string  // for a notice of a disconnect: the pattern
}

// way lists all that a client had when it was given g, in order.
func (h *History) way(g *Got) []item {
	var parts []*Got
	for ; g != nil; g = g.Parent {
		parts = append(parts, g)
	}
	slices.Reverse(parts)
	var items []item
	for _, part := range parts {
		items = append(items, h.items(part)...)
	}
	return items
}

func (h *History) items(g *Got) []item {
	items := make([]item, len(g.Entries))
	for i := range g.Entries {
		e := &g.Entries[i]
		items[i] = item{Entry: e, got: g, update: h.find(e.Raw)}
		switch {
		case e.blank() && e.Raw == blankRaw(e.Path, e.Gap):
			items[i].blank = true
		case e.Path == noticePath:
			items[i].notice = strings.Trim(string(e.Message), `"`)
		}
	}
	return items
}

// blankRaw is the exact text of a blank message.
func blankRaw(path, gap string) string {
	if gap == "" {
		return fmt.Sprintf(`{"path":"%s","message":""}`, path)
	}
	return fmt.Sprintf(`{"path":"%s","message":"","gap":"%s"}`, path, gap)
}

// ends lists where the session's ways end: the parts that nothing follows, the latest last.
func (s *Session) ends() []*Got {
	parents := make(map[*Got]bool)
	for _, g := range s.Gots {
		parents[g.Parent] = true
	}
	var list []*Got
	for _, g := range s.Gots {
		if !parents[g] {
			list = append(list, g)
		}
	}
	return list
}
