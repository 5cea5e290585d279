//go:build linux

package main

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// The tests here run the whole thing, small and short.

func TestSoakSmall(t *testing.T) {
	o := soakOptions{clients: 200, length: 4 * time.Second, program: program(t), scale: 0.1}
	s, err := runSoak(t.Context(), o, &screen{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.verdict(); err != nil {
		t.Error(err)
	}
	if s.crowd.tally.deliveries < 200 || len(s.acts) < 3 {
		t.Errorf("%d deliveries were checked, and clients did %v: too little to mean anything", s.crowd.tally.deliveries, s.acts)
	}
	var report, samples bytes.Buffer
	if err := s.write(&report); err != nil || !strings.Contains(report.String(), "left when all have gone") {
		t.Errorf("%v\n%s", err, report.String())
	}
	if err := s.writeSamples(&samples); err != nil || strings.Count(samples.String(), "\n") < 3 {
		t.Errorf("%v\n%s", err, samples.String())
	}
	draw(t, s.figure())
}

// What a soak is to find must fail it.
func TestSoakVerdict(t *testing.T) {
	s := &soak{bounds: soakBounds(100), crowd: &crowd{tally: newTally()}, sampler: &sampler{},
		before: footprint{"goroutines": 5, "heap": 1}, after: footprint{"goroutines": 5, "heap": heapMargin}}
	if err := s.verdict(); err != nil {
		t.Errorf("nothing is wrong, but: %v", err)
	}
	s.after["goroutines"] = 6
	s.peak = s.bounds.ceiling() + 1
	s.sampler.samples = []sample{{goMemory: float64(s.bounds.ceiling()) + 1}}
	s.crowd.tally.note(flawHole, "somewhere")
	err := s.verdict()
	for _, want := range []string{"left behind: goroutines (6, before: 5)", "memory was", "more than the ceiling", "somewhere"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not found: %v", want, err)
		}
	}
}

func TestRestartSmall(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		how := trial{clients: 150, rate: 200, scale: 0.2, within: time.Minute, out: io.Discard}
		if err := runRestart(t.Context(), how, takeover, program(t)); err != nil {
			t.Errorf("takeover %v: %v", takeover, err)
		}
	}
}

func TestStormSmall(t *testing.T) {
	for _, kept := range []bool{false, true} {
		s := &stormTrial{trial: trial{clients: 150, rate: 100, scale: 0.2, out: io.Discard}, pace: 200, kept: kept}
		if err := runStorm(t.Context(), s, program(t)); err != nil {
			t.Errorf("kept %v: %v", kept, err)
		}
		if paced := s.crowd.tally.paced; (paced > 0) == kept {
			t.Errorf("kept %v: %d clients were told to wait before they ask", kept, paced)
		}
	}
}

func TestBusiest(t *testing.T) {
	s := time.Second
	for _, test := range []struct {
		times []time.Duration
		want  int
	}{
		{nil, 0},
		{[]time.Duration{5 * s}, 1},
		{[]time.Duration{0, s - 1, s}, 2},
		{[]time.Duration{3 * s, 0, 3*s + s/2, 9 * s, 3*s + s/3}, 3},
	} {
		if got := busiest(test.times); got != test.want {
			t.Errorf("%v: %d, want %d", test.times, got, test.want)
		}
	}
}

func TestFindings(t *testing.T) {
	var f findings
	f.say("a", "%d", 1)
	f.none("b", 0)
	if f.verdict() != nil {
		t.Errorf("nothing is broken, but %v", f.verdict())
	}
	f.none("c", 3)
	if err := f.verdict(); err == nil || !strings.Contains(err.Error(), "c: 3, promised: 0") {
		t.Errorf("a broken promise reads %v", err)
	}
	var text bytes.Buffer
	if err := f.write(&text, "title"); err != nil || !strings.Contains(text.String(), "BROKEN") {
		t.Errorf("%v\n%s", err, text.String())
	}
}
