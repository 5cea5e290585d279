package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// memory chooses how much garbage Go lets pile up before it collects: as little as can be had for a few percent of the
// CPU. Parked clients make no garbage, and without this the daemon would hold as much memory again as they need. When
// little happens, what is not needed goes back to the system. An operator who sets GOGC decides instead.
type memory struct {
	share   int     // of what lives, in percent, that may be garbage
	percent int     // that this comes to, as in debug.SetGCPercent
	last    reading // of the tick before
	least   uint64  // bytes held after memory was given back last
	gave    time.Time
	stop    chan struct{}
	done    chan struct{}
}

// reading is what the runtime says of itself.
type reading struct {
	garbage, total float64 // CPU seconds of garbage collection, and of all processors, so far
	allocated      uint64  // bytes, ever
	live           uint64  // bytes that the last collection left
	held           uint64  // bytes that the system has given and not got back
}

const (
	// leastGarbage and mostGarbage bound what is chosen, in percent of what lives.
	leastGarbage, mostGarbage = 25, 200
	// cheap and dear are the shares of the CPU at which less garbage, or more, is let pile up.
	cheap, dear = 0.01, 0.03
	memoryTick  = 2 * time.Second
	// fewBytes of garbage may always pile up: a small heap would be collected all the time.
	fewBytes = 4 << 20
	// restBetween is how often memory is given back at most: that takes a collection, half a second for a million clients.
	restBetween = time.Minute
)

// tendMemory begins to choose, unless an operator has; end it with its function.
func tendMemory() (end func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	m := &memory{share: leastGarbage, stop: make(chan struct{}), done: make(chan struct{}), last: readRuntime()}
	m.percent, m.least = percentOf(m.share, m.last.live), m.last.held
	before := debug.SetGCPercent(m.percent)
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
			m.tick(readRuntime())
		}
	}
}

func (m *memory) tick(now reading) {
	m.share = m.choose(now.garbage-m.last.garbage, now.total-m.last.total)
	// To change it stops the program for a moment, so small steps are not taken.
	if next := percentOf(m.share, now.live); next > m.percent*5/4 || next < m.percent*4/5 {
		m.percent = next
		debug.SetGCPercent(next)
	}
	if m.rests(now) && time.Since(m.gave) > restBetween {
		debug.FreeOSMemory()
		now = readRuntime()
		m.least, m.gave = now.held, time.Now()
	}
	m.last = now
}

// percentOf returns the percentage that lets a share of what lives be garbage, or a few bytes where that is more. At 100
// and above, Go itself lets a few pile up.
func percentOf(share int, live uint64) int {
	return max(share, int(100*fewBytes/max(live, fewBytes)))
}

// choose returns the share for the next while, after one in which so many seconds of CPU went to garbage, of all
// that there were.
func (m *memory) choose(garbage, total float64) int {
	switch share := garbage / max(total, 1e-9); {
	case share > dear:
		return min(2*m.share, mostGarbage)
	case share < cheap:
		return max(m.share/2, leastGarbage)
	}
	return m.share
}

// rests tells whether little was allocated since the last tick, while much more is held than after memory was given back
// last.
func (m *memory) rests(now reading) bool {
	return now.allocated-m.last.allocated < now.held/50 && now.held > m.least+m.least/10
}

func readRuntime() reading {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"}, {Name: "/gc/heap/allocs:bytes"},
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(samples)
	return reading{
		garbage: samples[0].Value.Float64(), total: samples[1].Value.Float64(), allocated: samples[2].Value.Uint64(),
		held: samples[3].Value.Uint64() - samples[4].Value.Uint64(), live: samples[5].Value.Uint64(),
	}
}
