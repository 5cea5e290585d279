package main

import "testing"

func TestMemoryChooses(t *testing.T) {
	for _, test := range []struct {
		percent        int
		garbage, total float64
		want           int
	}{
		{25, 0, 0, 25}, // nothing was measured
		{25, 0.1, 2, 50},
		{150, 0.1, 2, 200},
		{200, 1, 2, 200},
		{100, 0.04, 2, 100}, // neither cheap nor dear
		{100, 0.01, 2, 50},
		{30, 0.01, 2, 25},
	} {
		m := memory{share: test.percent}
		if got := m.choose(test.garbage, test.total); got != test.want {
			t.Errorf("at %d %%, after %v s of %v: %d %%, want %d", test.percent, test.garbage, test.total, got, test.want)
		}
	}
}

func TestMemoryRests(t *testing.T) {
	const mb = 1 << 20
	for _, test := range []struct {
		allocated, held, least uint64
		want                   bool
	}{
		{0, 100 * mb, 0, true}, // it was never given back
		{mb, 100 * mb, 0, true},
		{3 * mb, 100 * mb, 0, false}, // something happens
		{0, 100 * mb, 95 * mb, false},
		{0, 100 * mb, 80 * mb, true},
	} {
		m := memory{least: test.least, last: reading{allocated: 7 * mb}}
		if got := m.rests(reading{allocated: 7*mb + test.allocated, held: test.held}); got != test.want {
			t.Errorf("%d allocated, %d held, %d at least: %v", test.allocated, test.held, test.least, got)
		}
	}
}

func TestPercentOf(t *testing.T) {
	for _, test := range []struct {
		share int
		live  uint64
		want  int
	}{
		{25, 0, 100}, // nothing is known yet
		{25, 1 << 20, 100},
		{25, 4 << 20, 100},
		{25, 16 << 20, 25},
		{25, 1 << 30, 25},
		{200, 1 << 30, 200},
	} {
		if got := percentOf(test.share, test.live); got != test.want {
			t.Errorf("%d %% of %d: %d, want %d", test.share, test.live, got, test.want)
		}
	}
}
