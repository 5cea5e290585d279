package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memory chooses how much garbage Go lets pile up before it collects: as little as can be had for a few percent of the
// CPU that the daemon uses. Parked clients make no garbage, and without this the daemon would hold as much memory again
// as they need. An operator who sets GOGC decides instead.
type memory struct {
	percent int // as in debug.SetGCPercent
	garbage float64
	total   float64
	stop    chan struct{}
	done    chan struct{}
}

const (
	// leastGarbage and mostGarbage bound what is chosen, in percent of what lives.
	leastGarbage, mostGarbage = 25, 200
	// cheap and dear are the shares of the CPU at which less garbage, or more, is let pile up.
	cheap, dear = 0.01, 0.03
	memoryTick  = 2 * time.Second
)

// tendMemory begins to choose, unless an operator has; end it with its function.
func tendMemory() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	m := &memory{percent: leastGarbage, stop: make(chan struct{}), done: make(chan struct{})}
	before := debug.SetGCPercent(m.percent)
	m.garbage, m.total = gcShare()
	go m.run()
	return func() {
		close(m.stop)
		<-m.done
		debug.SetGCPercent(before)
	}
}

func (m *memory) run() {
	defer close(m.done)
	ticker := time.NewTicker(memoryTick)
	defer ticker.Stop()
	for {
		select {
		case <-m.stop:
			return
		case <-ticker.C:
			garbage, total := gcShare()
			if next := m.choose(garbage-m.garbage, total-m.total); next != m.percent {
				m.percent = next
				debug.SetGCPercent(next)
			}
			m.garbage, m.total = garbage, total
		}
	}
}

// choose returns the percentage for the next while, after one in which so many seconds of CPU went to garbage, of all
// that there were.
func (m *memory) choose(garbage, total float64) int {
	switch share := garbage / max(total, 1e-9); {
	case share > dear:
		return min(2*m.percent, mostGarbage)
	case share < cheap:
		return max(m.percent/2, leastGarbage)
	}
	return m.percent
}

// gcShare returns the CPU seconds that garbage collection took so far, and those that the processors had.
func gcShare() (garbage, total float64) {
	samples := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}}
	metrics.Read(samples)
	return samples[0].Value.Float64(), samples[1].Value.Float64()
}
