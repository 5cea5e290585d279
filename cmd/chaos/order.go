package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file looks for one order into which everything fits that anybody saw.

// graph says which batches come before which. A node is a batch, as its updates stand together, or a moment: between
// batches that were answered and those that began later there are edges through moments, not one for each pair.
type graph struct {
	next  map[int][]edge
	names map[int]string
}

type edge struct {
	to  int
	why string
}

func (g *graph) add(from, to int, why string) {
	if from == to || slices.ContainsFunc(g.next[from], func(e edge) bool { return e.to == to }) {
		return
	}
	g.next[from] = append(g.next[from], edge{to, why})
}

// judgeOrder wants what all sessions saw to fit into one order.
func judgeOrder(h *History) []Violation {
	g := &graph{next: make(map[int][]edge), names: make(map[int]string)}
	seen := make(map[int]span)
	for _, s := range h.Sessions {
		for _, end := range s.ends() {
			g.walk(s, h.way(end), seen)
		}
	}
	g.moments(seen)
	if circle := g.circle(); circle != "" {
		return []Violation{{What: "no order fits what the clients saw", Want: "one timeline for all", Got: circle}}
	}
	return nil
}

// walk adds what a session saw.
func (g *graph) walk(s *Session, items []item, seen map[int]span) {
	last := 0
	for _, it := range items {
		u := it.update
		if u == nil {
			continue
		}
		if g.names[u.Batch] == "" {
			g.names[u.Batch] = fmt.Sprintf("%s:%d (batch %d)", u.Path, u.Number, u.Batch)
		}
		seen[u.Batch] = u.When
		if last != 0 {
			g.add(last, u.Batch, "as "+s.Client+" saw")
		}
		last = u.Batch
	}
}

// moments adds what was answered before something else began.
func (g *graph) moments(seen map[int]span) {
	var ends []time.Duration
	for _, when := range seen {
		ends = append(ends, when.to)
	}
	slices.Sort(ends)
	for i := 1; i < len(ends); i++ {
		g.add(-i, -i-1, "in time")
	}
	for batch, when := range seen {
		if i, _ := slices.BinarySearch(ends, when.to); when.to != never {
			g.add(batch, -i-1, "in time")
		}
		// All that ended when this began, or before.
		if n, _ := slices.BinarySearch(ends, when.from+1); n > 0 {
			g.add(-n, batch, "in time")
		}
	}
}

// circle describes a way through the graph that comes back to where it began; "" if there is none.
func (g *graph) circle() string {
	search := &search{graph: g, over: make(map[int]bool), at: make(map[int]int)}
	for start := range g.next {
		if circle := search.from(start); circle != "" {
			return circle
		}
	}
	return ""
}

// search goes through a graph, depth first.
type search struct {
	*graph
	over map[int]bool // all ways from there were gone
	at   map[int]int  // where nodes stand on the way, from 1 on
	way  []string     // what stands there, and how it leads on
}

// from looks for a circle on all ways from a node.
func (s *search) from(node int) string {
	if s.over[node] {
		return ""
	}
	s.at[node] = len(s.way) + 1
	for _, e := range s.next[node] {
		s.way = append(s.way, s.name(node)+e.why)
		if first := s.at[e.to]; first > 0 {
			return strings.Join(s.way[first-1:], ", then ") + ", then " + s.name(e.to) + "again"
		}
		if circle := s.from(e.to); circle != "" {
			return circle
		}
		s.way = s.way[:len(s.way)-1]
	}
	s.over[node], s.at[node] = true, 0
	return ""
}

func (g *graph) name(node int) string {
	if node < 0 {
		return ""
	}
	return g.names[node] + " "
}
