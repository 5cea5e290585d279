package dispatch

import "strings"

// tree finds the topics whose patterns match a path. A pattern without wildcards, as most are, is found whole in one
// table; the others stand in a tree of segments. It is not safe for concurrent use.
type tree struct {
	exact table[topic, *topic]
	wild  node
	wilds int // how many topics stand in wild
}

// node is a place in the tree of segments: what may follow, and which patterns end here.
type node struct {
	segment string // the literal segment of next
	next    *node  // the one literal child, as most have: a map would be many times as large
	others  map[string]*node
	star    *node  // the segment "*"
	here    *topic // the pattern ends with the segment before
	rest    *topic // the pattern ends with "**"
}

// count returns how many patterns there are.
func (t *tree) count() int { return t.exact.count + t.wilds }

// find returns the topic of pattern, or nil.
func (t *tree) find(pattern Pattern) *topic {
	if !pattern.Wild() {
		return t.findExact(string(pattern))
	}
	n := &t.wild
	for segment := range strings.SplitSeq(string(pattern), "/") {
		if segment == "**" {
			return n.rest
		}
		if n = n.child(segment); n == nil {
			return nil
		}
	}
	return n.here
}

// findExact returns the topic of a pattern without wildcards, or nil.
func (t *tree) findExact(text string) *topic {
	return t.exact.find(hashText(text), func(top *topic) bool { return string(top.pattern()) == text })
}

// add makes the topic of pattern, which must not be there yet.
func (t *tree) add(pattern Pattern) *topic {
	top := newTopic(pattern)
	if !pattern.Wild() {
		t.exact.add(top)
		return top
	}
	t.wilds++
	n := &t.wild
	for segment := range strings.SplitSeq(string(pattern), "/") {
		if segment == "**" {
			n.rest = top
			return top
		}
		n = n.grow(segment)
	}
	n.here = top
	return top
}

// remove takes top out.
func (t *tree) remove(top *topic) {
	pattern := top.pattern()
	if !pattern.Wild() {
		t.exact.remove(top)
		return
	}
	t.wilds--
	t.wild.prune(string(pattern))
}

// match appends the topics whose patterns match path to dst.
func (t *tree) match(path Path, dst []*topic) []*topic {
	if top := t.findExact(string(path)); top != nil {
		dst = append(dst, top)
	}
	if t.wilds == 0 {
		return dst
	}
	if !path.System() {
		return t.wild.match(string(path), dst)
	}
	// No wildcard stands for the first segment of a system path: go on from its literal child only.
	first, rest, more := strings.Cut(string(path), "/")
	if n := t.wild.literal(first); n != nil && more {
		dst = n.match(rest, dst)
	}
	return dst
}

func (n *node) match(path string, dst []*topic) []*topic {
	for {
		if n.rest != nil {
			dst = append(dst, n.rest)
		}
		segment, rest, more := strings.Cut(path, "/")
		child := n.literal(segment)
		for _, next := range [2]*node{child, n.star} {
			if next != nil && !more && next.here != nil {
				dst = append(dst, next.here)
			}
		}
		if !more {
			return dst
		}
		// Only a path that both a literal and a "*" can follow needs the stack.
		switch {
		case child == nil && n.star == nil:
			return dst
		case child == nil:
			child = n.star
		case n.star != nil:
			dst = n.star.match(rest, dst)
		}
		n, path = child, rest
	}
}

func (n *node) child(segment string) *node {
	if segment == "*" {
		return n.star
	}
	return n.literal(segment)
}

func (n *node) literal(segment string) *node {
	if n.next != nil && n.segment == segment {
		return n.next
	}
	return n.others[segment]
}

func (n *node) grow(segment string) *node {
	next := n.child(segment)
	if next != nil {
		return next
	}
	next = &node{}
	switch {
	case segment == "*":
		n.star = next
	case n.next == nil:
		n.segment, n.next = strings.Clone(segment), next
	case n.others == nil:
		n.others = map[string]*node{strings.Clone(segment): next}
	default:
		n.others[strings.Clone(segment)] = next
	}
	return next
}

// prune takes out the topic of the pattern that goes on from n, and the nodes that only it needed.
// It reports whether n is needed no more.
func (n *node) prune(pattern string) (empty bool) {
	segment, rest, more := strings.Cut(pattern, "/")
	switch next := n.child(segment); {
	case segment == "**":
		n.rest = nil
	case next == nil:
		return false
	case more:
		if next.prune(rest) {
			n.drop(segment)
		}
	default:
		next.here = nil
		if next.empty() {
			n.drop(segment)
		}
	}
	return n.empty()
}

func (n *node) drop(segment string) {
	switch {
	case segment == "*":
		n.star = nil
	case n.next != nil && n.segment == segment:
		n.segment, n.next = "", nil
	default:
		delete(n.others, segment)
	}
}

func (n *node) empty() bool {
	return n.next == nil && len(n.others) == 0 && n.star == nil && n.here == nil && n.rest == nil
}
