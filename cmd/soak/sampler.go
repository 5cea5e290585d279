//go:build linux

package main

import (
	"context"
	"sync"
	"time"
)

// sampler reads the daemon's numbers, in a goroutine of its own: the crowd does not wait for them.
type sampler struct {
	daemon  *daemon
	process *process
	clock   clock
	heard   chan latencies // what the crowd has measured since it was last asked
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	samples []sample
	failed  error // of the last reading, if it failed
}

// sample is what there is at one time.
type sample struct {
	at          time.Duration // of the run
	resident    float64       // bytes, as the system counts
	goMemory    float64       // bytes that Go has of the system: what GOMEMLIMIT bounds
	heap        float64       // bytes of objects, garbage included
	goroutines  float64
	connections float64 // on the push port
	sessions    float64
	parked      float64
	messages    float64 // in queues
	queued      float64 // bytes in queues
	gapped      float64 // updates replaced by marks, ever
	delivered   float64 // updates, ever
	cpu         time.Duration
	latencies
}

// latencies are of the deliveries since the sample before, from when an update was due until its client had it.
type latencies struct{ p50, p99 time.Duration }

// sampleAt begins to read, every so often.
func sampleAt(ctx context.Context, d *daemon, p *process, c clock, every time.Duration) *sampler {
	s := &sampler{daemon: d, process: p, clock: c, heard: make(chan latencies, 1)}
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		for ctx.Err() == nil {
			s.take(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(every):
			}
		}
	})
	return s
}

// close ends the reading.
func (s *sampler) close() {
	s.stop()
	s.done.Wait()
}

// take takes one sample.
func (s *sampler) take(ctx context.Context) {
	one, err := s.read(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.samples = append(s.samples, one)
	}
	if ctx.Err() == nil {
		s.failed = err
	}
}

func (s *sampler) read(ctx context.Context) (sample, error) {
	text, err := s.daemon.get(ctx, s.daemon.admin, "/metrics")
	if err != nil {
		return sample{}, err
	}
	v := parseValues(string(text))
	if text, err = s.daemon.get(ctx, s.daemon.admin, goroutinesPage); err != nil {
		return sample{}, err
	}
	resident, _, err := s.process.resident()
	one := sample{
		at: s.clock.now(), resident: float64(resident), goMemory: v.goMemory(), heap: v["go_memstats_heap_alloc_bytes"],
		goroutines: profileTotal(string(text)), connections: v[`rootsd_connections{port="push.listen"}`],
		sessions: v["rootsd_sessions"], parked: v["rootsd_parked"],
		messages: v["rootsd_queue_messages"], queued: v["rootsd_queue_bytes"],
		gapped: v["rootsd_gapped_total"], delivered: v["rootsd_delivered_total"], cpu: s.process.cpu(),
	}
	select {
	case one.latencies = <-s.heard:
	default:
	}
	return one, err
}

// tell gives the sampler what was measured since it took the last sample. It tells whether that was taken.
func (s *sampler) tell(l latencies) bool {
	select {
	case s.heard <- l:
		return true
	default:
		return false
	}
}

// all returns the samples so far, and why the last one failed, if it did.
func (s *sampler) all() ([]sample, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.samples, s.failed
}

// last returns the latest sample.
func (s *sampler) last() sample {
	samples, _ := s.all()
	if len(samples) == 0 {
		return sample{}
	}
	return samples[len(samples)-1]
}
