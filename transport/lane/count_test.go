package lane

import (
	"sync"
	"testing"
	"time"
)

func TestTally(t *testing.T) {
	var none *Tally
	none.Add("a")
	if got := none.Counts(); got != nil {
		t.Errorf("nobody counted %v", got)
	}
	var tally Tally
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				tally.Add("a")
				tally.Counts()["a"] = 7
			}
			tally.Add("b")
		})
	}
	all.Wait()
	if got := tally.Counts(); got["a"] != 800 || got["b"] != 8 || len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	for _, d := range []time.Duration{0, 100 * time.Microsecond, 100*time.Microsecond + 1, time.Second, time.Minute, time.Minute + 1, time.Hour} {
		h.Observe(d)
	}
	count, sum, cumulative := h.Read()
	if want := 200*time.Microsecond + time.Second + 2*time.Minute + time.Hour + 2; count != 7 || sum != want {
		t.Errorf("got %d in %v, want 7 in %v", count, sum, want)
	}
	for i, bound := range HistogramBounds {
		want := uint64(2)
		switch {
		case bound >= time.Minute:
			want = 5
		case bound >= time.Second:
			want = 4
		case bound >= 250*time.Microsecond:
			want = 3
		}
		if cumulative[i] != want {
			t.Errorf("%d were at most %v, want %d", cumulative[i], bound, want)
		}
	}
}
