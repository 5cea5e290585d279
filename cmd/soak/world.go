package main

import (
	"bytes"
	"strconv"
	"time"
)

// world is the paths at which is published. The updates at each are numbered from 1.
type world struct {
	paths []place
	index map[string]int32 // by name, where in paths
}

// place is a path, and what was published there.
type place struct {
	name   string
	next   int32 // number of the next update
	latest bool  // an update takes the place of one before that was not sent yet: numbers may be passed over
	unsure map[int32]bool
}

func newWorld() *world { return &world{index: make(map[string]int32)} }

// at returns which path has this name, and makes it if there is none.
func (w *world) at(name string) int32 {
	if i, ok := w.index[name]; ok {
		return i
	}
	i := int32(len(w.paths))
	w.paths = append(w.paths, place{name: name, next: 1})
	w.index[name] = i
	return i
}

// note is one update that was given a number.
type note struct{ path, number int32 }

// publish gives the next update at a path its number, and appends it as back-ends send it, filled up to about so many
// bytes. It was due at that time of the run.
func (w *world) publish(dst []byte, path int32, due time.Duration, size int) ([]byte, note) {
	p := &w.paths[path]
	n := note{path, p.next}
	p.next++
	dst = append(append(append(dst, `{"path":"`...), p.name...), `","message":[`...)
	dst = strconv.AppendInt(dst, int64(n.number), 10)
	dst = strconv.AppendInt(append(dst, ','), int64(due), 10)
	if size > 0 {
		dst = append(append(append(dst, `,"`...), bytes.Repeat([]byte("x"), size)...), '"')
	}
	dst = append(dst, ']')
	if p.latest {
		dst = append(dst, `,"latest":true`...)
	}
	return append(dst, '}'), n
}

// doubt says that it is not known whether an update was taken, and that it is sent again: it may come twice.
func (w *world) doubt(n note) {
	p := &w.paths[n.path]
	if p.unsure == nil {
		p.unsure = make(map[int32]bool)
	}
	p.unsure[n.number] = true
}

// topic is what a client is connected to: a path, or a pattern and those that there are below it.
type topic struct {
	pattern string
	paths   []int32
	lease   time.Duration // 0 for one that stands as long as the session does
}

// covers tells whether a mark at this path or pattern means the topic.
func (t *topic) covers(at []byte) bool { return string(at) == t.pattern || string(at) == "**" }
