package push

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

// This file compares the queue with plain statements of what is promised, on random input.

// queueModel follows each update that was put into a queue, and wants a good reason whenever one is there no more.
type queueModel struct {
	queue    queue
	limits   QueueLimits
	patterns []dispatch.Pattern
	receipts []*dispatch.Receipt
	waiting  []entry // the queue's entries after the last step
	sent     uint64  // the queue's sent then
}

func (m *queueModel) put(t *rapid.T) {
	path := rapid.SampledFrom(modelPaths(m.limits.Messages)).Draw(t, "path")
	receipt := twoMatched()
	m.receipts = append(m.receipts, receipt)
	message := newMessage(fmt.Sprint(len(m.receipts)), dispatch.Options{Latest: rapid.Bool().Draw(t, "latest"), Receipt: receipt})
	m.queue.put(path, message)
	m.waiting = append(m.waiting, entry{message, path, m.queue.last()})
	m.queue.held.trim(m.limits, m.patterns)
	m.check(t, "put")
}

func (m *queueModel) take(t *rapid.T) {
	entries, _ := m.queue.take(nil, everyEntry)
	for i, e := range entries {
		later := func(o entry) bool { return e.message.Latest() && o.message.Latest() && o.path == e.path }
		if e.seq > m.sent && slices.ContainsFunc(entries[i+1:], later) {
			t.Fatalf("%d is given, though a later one took its place: %v", e.seq, &m.queue)
		}
	}
	m.check(t, "take")
}

func (m *queueModel) confirm(t *rapid.T) {
	cursor := rapid.Uint64Range(m.queue.confirmed, m.queue.sent()).Draw(t, "cursor")
	m.queue.confirm(cursor)
	m.waiting = slices.DeleteFunc(m.waiting, func(e entry) bool { return e.seq <= cursor })
	m.check(t, "confirm")
}

func (m *queueModel) age(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second}).Draw(t, "sleep"))
	m.queue.expire(m.limits, m.patterns, time.Now())
	for _, e := range m.entries() {
		if time.Since(e.message.Accepted()) > m.limits.Age && !e.mark() {
			t.Fatalf("%d is older than may be: %v", e.seq, &m.queue)
		}
	}
	m.check(t, "age")
}

// check wants everything that waited to be there still, or to be replaced.
func (m *queueModel) check(t *rapid.T, after string) {
	if err := m.queue.check(); err != nil {
		t.Fatalf("after %s: %v", after, err)
	}
	n, bytes := m.queue.size()
	if most := max(m.limits.Messages, 2); n > most || bytes > m.limits.Bytes {
		t.Fatalf("after %s: %d entries of %d bytes", after, n, bytes)
	}
	for _, e := range m.waiting {
		if !m.accounted(e) {
			t.Fatalf("after %s: %d at %s is lost without a mark: %v", after, e.seq, e.path, &m.queue)
		}
	}
	m.waiting, m.sent = slices.Clone(m.entries()), m.queue.sent()
}

func (m *queueModel) entries() []entry {
	if m.queue.held == nil {
		return nil
	}
	return m.queue.held.entries
}

func (m *queueModel) accounted(e entry) bool {
	return slices.ContainsFunc(m.entries(), func(o entry) bool {
		switch {
		case o.seq == e.seq && o.message == e.message && o.path == e.path:
			return true
		case o.seq < e.seq:
			return false
		case o.mark():
			return standsFor(dispatch.Pattern(o.path), e.path)
		}
		return o.path == e.path && o.message.Latest() && e.message.Latest() && e.seq > m.sent
	})
}

// modelPaths returns as many paths as make the limits interesting.
func modelPaths(messages int) []dispatch.Path {
	paths := []dispatch.Path{"a", "b/1", "b/2", "b/c/3", "::members/b"}
	for i := len(paths); i < messages*3/4; i++ {
		paths = append(paths, dispatch.Path(fmt.Sprintf("b/%d", i)))
	}
	return paths
}

// checkInBubbles is rapid.Check with a bubble of its own, in which time is fake, for every run of property.
func checkInBubbles(t *testing.T, property func(*testing.T, *rapid.T)) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		var failure any // rapid tells of it by a panic, which does not leave a bubble
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			property(t, rt)
		})
		// Rapid tells failures apart by where they come from, and these are no failures.
		if fmt.Sprintf("%T", failure) == "rapid.invalidData" {
			panic(failure)
		}
		if failure != nil {
			panic(failure)
		}
	})
}

func TestQueueModel(t *testing.T) {
	checkInBubbles(t, func(_ *testing.T, t *rapid.T) {
		m := &queueModel{
			limits: QueueLimits{
				Messages: rapid.SampledFrom([]int{1, 2, 3, 5, 8, 20, 200}).Draw(t, "messages"),
				Bytes:    rapid.SampledFrom([]int{1 << 10, 1 << 20}).Draw(t, "bytes"),
				Age:      10 * time.Second,
			},
			patterns: rapid.SampledFrom([][]dispatch.Pattern{nil, {"b/*"}, {"b/**", "*"}, {"**"}}).Draw(t, "patterns"),
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "put again": m.put, "put more": func(t *rapid.T) {
				for range m.limits.Messages {
					m.put(t)
				}
			},
			"take": m.take, "confirm": m.confirm, "age": m.age,
		})
		m.queue.clear()
		for i, r := range m.receipts {
			if err := settledOnce(r); err != nil {
				t.Fatalf("receipt %d: %v", i+1, err)
			}
		}
	})
}
