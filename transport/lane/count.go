package lane

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Tally counts things by the reason for them. The zero value is ready, and a nil Tally counts nothing.
type Tally struct {
	mu     sync.Mutex // guards counts
	counts map[string]uint64
}

// Add counts one.
func (t *Tally) Add(reason string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = make(map[string]uint64)
	}
	t.counts[reason]++
}

// Counts returns a copy of the numbers so far; nil if nothing was counted.
func (t *Tally) Counts() map[string]uint64 {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.counts)
}

// Histogram counts durations in the buckets of [HistogramBounds]. The zero value is ready.
type Histogram struct {
	buckets [len(HistogramBounds) + 1]atomic.Uint64 // the last is for durations above every bound
	sum     atomic.Int64                            // nanoseconds
}

// HistogramBounds are the upper bounds of a Histogram's buckets.
var HistogramBounds = [...]time.Duration{
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute,
}

// Observe counts d.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for i < len(HistogramBounds) && d > HistogramBounds[i] {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Read returns how many durations were counted, their sum, and for each bound how many were at most that.
func (h *Histogram) Read() (count uint64, sum time.Duration, cumulative [len(HistogramBounds)]uint64) {
	for i := range h.buckets {
		count += h.buckets[i].Load()
		if i < len(cumulative) {
			cumulative[i] = count
		}
	}
	return count, time.Duration(h.sum.Load()), cumulative
}
