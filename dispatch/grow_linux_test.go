package dispatch

import (
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// BenchmarkGrow registers a million components, each connected to a path of its own, or all to the same. It tells how
// long the slowest of them took, and the thousandth slowest, in time of the processor: on the clock a busy machine
// stops for longer. Without the garbage collector it is the structures alone.
func BenchmarkGrow(b *testing.B) {
	for _, path := range []string{"own", "shared"} {
		for _, gc := range []string{"on", "off"} {
			b.Run("path="+path+"/gc="+gc, func(b *testing.B) {
				if gc == "off" {
					defer debug.SetGCPercent(debug.SetGCPercent(-1))
				}
				benchmarkGrow(b, path == "own")
			})
		}
	}
}

func benchmarkGrow(b *testing.B, own bool) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	components := make([]counter, million)
	took := make([]time.Duration, million)
	for b.Loop() {
		runtime.GC()
		c := NewController("bench")
		d := NewDispatcher(c)
		for i := range components {
			pattern := Pattern("news")
			if own {
				pattern = Pattern(orderPath(i))
			}
			began := threadTime(b)
			id := c.Register(&components[i])
			connect(b, d, id, pattern)
			took[i] = threadTime(b) - began
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[million-1]), "max-ns")
	b.ReportMetric(float64(took[million-1000]), "thousandth-ns")
	b.ReportMetric(float64(took[million/2]), "median-ns")
}

// threadTime returns for how long the thread has had a processor.
func threadTime(b *testing.B) time.Duration {
	const clock = 3 // CLOCK_THREAD_CPUTIME_ID
	var now syscall.Timespec
	if _, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock, uintptr(unsafe.Pointer(&now)), 0); err != 0 {
		b.Fatal(err)
	}
	return time.Duration(now.Nano())
}
