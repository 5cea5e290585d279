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
		m := memory{percent: test.percent}
		if got := m.choose(test.garbage, test.total); got != test.want {
			t.Errorf("at %d %%, after %v s of %v: %d %%, want %d", test.percent, test.garbage, test.total, got, test.want)
		}
	}
}
