package dispatch

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
)

// BelowInfo is one level of the tree that all patterns make whom anybody is connected to.
type BelowInfo struct {
	Children []Child // the largest first, and those of the same size by their segments
	More     int     // children that there was no room for
	Patterns int     // how many patterns there are in all, on every level
}

// Child is a place in the tree of patterns: what some of them begin with.
type Child struct {
	Segment   string  // its last
	Path      Pattern // all of it
	Connected int     // components connected to just this pattern
	Below     int     // other patterns that begin with it
}

// size is what a Child counts.
type size struct{ connected, below int }

// Below describes the level of the tree that is below under, "" for the first, with at most limit children, the largest.
// Patterns' wildcards are segments like others.
//
// It looks at a slice of the patterns at a time, and others take their turn on the timeline between two: there may be a
// million. What is there all the time is counted exactly once, and what comes or goes meanwhile at most once.
func (d *Dispatcher) Below(under Pattern, limit int) BelowInfo {
	w := walk{controller: d.controller, under: under, children: make(map[string]size), left: usualSlice}
	d.controller.lock()
	if !under.Wild() {
		w.table(&d.tree.exact)
	}
	w.tree(&d.tree.wild)
	patterns := d.tree.count()
	d.controller.unlock()
	w.collect()
	largest := w.largest(limit)
	return BelowInfo{Children: largest, More: len(w.children) - len(largest), Patterns: patterns}
}

// walk is a Below under way. It holds the Controller's lock but between slices.
type walk struct {
	controller *Controller
	under      Pattern
	left       int     // how many steps may still be made in this slice
	found      []found // in this slice

	children map[string]size // by segment; used without the lock
}

// found is what one pattern, or several, add to a child.
type found struct {
	segment string
	size
}

// step gives others their turn when the slice is done.
func (w *walk) step() {
	if w.left--; w.left <= 0 {
		w.away(w.collect)
	}
}

// away does without the lock what needs no lock.
func (w *walk) away(do func()) {
	w.controller.unlock()
	do()
	// Who waits for the lock was woken, and runs now, as in Controller.workDown.
	runtime.Gosched()
	w.controller.lock()
	w.left = usualSlice
}

// table looks at the patterns without wildcards. They are all looked at, as a table has no order.
func (w *walk) table(exact *table[topic, *topic]) {
	for place := uint64(0); place < walkEnd; {
		place = exact.visit(place, func(top *topic) {
			w.left--
			w.exact(top)
		})
		w.step()
	}
}

// exact counts a pattern without wildcards, if it is below.
func (w *walk) exact(top *topic) {
	rest := string(top.pattern())
	if w.under != "" {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, string(w.under)); !ok || rest == "" || rest[0] != '/' {
			return
		}
		rest = rest[1:]
	}
	segment, _, deeper := strings.Cut(rest, "/")
	if deeper {
		w.add(segment, 0, 1)
	} else {
		w.add(segment, top.count(), 0)
	}
}

func (w *walk) add(segment string, connected, below int) {
	if connected > 0 || below > 0 {
		w.found = append(w.found, found{segment, size{connected, below}})
	}
}

// collect adds up what was found. The timeline need not wait for that.
func (w *walk) collect() {
	for _, f := range w.found {
		all := w.children[f.segment]
		w.children[f.segment] = size{all.connected + f.connected, all.below + f.below}
	}
	clear(w.found)
	w.found = w.found[:0]
}

// tree looks at the patterns with wildcards.
func (w *walk) tree(n *node) {
	for segment := range strings.SplitSeq(string(w.under), "/") {
		if w.under == "" {
			break
		}
		if n = n.child(segment); n == nil {
			return
		}
	}
	w.add("**", n.rest.connected(), 0)
	for _, segment := range w.segments(n) {
		if next := n.child(segment); next != nil {
			w.add(segment, next.here.connected(), w.countBelow(next))
		}
	}
}

// countBelow returns how many patterns go on after n.
func (w *walk) countBelow(n *node) (count int) {
	w.step()
	if n.rest != nil {
		count++
	}
	for _, segment := range w.segments(n) {
		next := n.child(segment)
		if next == nil {
			continue
		}
		if next.here != nil {
			count++
		}
		count += w.countBelow(next)
	}
	return count
}

// segments lists what may follow n. The children are looked up by it one after the other, so that nothing is found twice
// which has moved meanwhile from one place of the node to another.
func (w *walk) segments(n *node) []string {
	var list []string
	if n.star != nil {
		list = append(list, "*")
	}
	if n.next != nil {
		list = append(list, n.segment)
	}
	if len(n.others) == 0 {
		return list
	}
	// The list may be long, and grows without the lock.
	slice := make([]string, 0, min(len(n.others), usualSlice))
	gather := func() { list, slice = append(list, slice...), slice[:0] }
	for segment := range n.others { // which may be changed between two slices, as any map may in a loop over it
		if slice = append(slice, segment); len(slice) >= usualSlice {
			w.away(gather)
		}
	}
	gather()
	unique := func() {
		slices.Sort(list)
		list = slices.Compact(list)
	}
	if len(list) > usualSlice {
		w.away(unique)
	} else {
		unique()
	}
	return list
}

// largest returns the largest of the children, at most limit.
func (w *walk) largest(limit int) []Child {
	prefix := w.under
	if prefix != "" {
		prefix += "/"
	}
	bySize := func(a, b Child) int {
		return cmp.Or(cmp.Compare(b.Connected+b.Below, a.Connected+a.Below), strings.Compare(a.Segment, b.Segment))
	}
	list := make([]Child, 0, min(limit, len(w.children))+1)
	for segment, all := range w.children {
		c := Child{Segment: segment, Connected: all.connected, Below: all.below}
		place, _ := slices.BinarySearchFunc(list, c, bySize)
		if place >= limit {
			continue
		}
		list = slices.Insert(list, place, c)
		list = list[:min(len(list), limit)]
	}
	for i := range list {
		list[i].Segment = strings.Clone(list[i].Segment) // else it would keep all of a pattern's memory
		list[i].Path = prefix + Pattern(list[i].Segment)
	}
	return list
}
