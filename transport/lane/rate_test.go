package lane

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestRate(t *testing.T) {
	var r Rate
	at, taken := time.Hour, 0
	for ; taken < 100; taken++ {
		if _, ok := r.Spend(1, 10, at); !ok {
			break
		}
	}
	if taken != 10 {
		t.Errorf("%d come at once, want 10", taken)
	}
	if wait, ok := r.Spend(0, 10, at); ok || wait != 100*time.Millisecond {
		t.Errorf("another one comes in %v, %v, want 100ms", wait, ok)
	}
	if _, ok := r.Spend(0, 10, at+100*time.Millisecond); !ok {
		t.Error("there is none after a tenth of a second")
	}
	if _, ok := r.Spend(0, 0, at); !ok {
		t.Error("no limit refuses")
	}
}

// However many ask at the same time, no more than there are get something, and what is given back is there again.
func TestRateAmongMany(t *testing.T) {
	var r Rate
	var s Accounts[string]
	var fromRate, fromAccount atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			for range 20 {
				if _, ok := r.Spend(1, 100, time.Hour); ok {
					fromRate.Add(1)
				}
				if _, ok := s.Spend("a", Opening, 1, 100, time.Hour); ok {
					fromAccount.Add(1)
				}
			}
		})
	}
	group.Wait()
	if a, b := fromRate.Load(), fromAccount.Load(); a != 100 || b != 100 {
		t.Errorf("%d and %d of 1000 got one of 100", a, b)
	}
	r.Take(-1, 100, time.Hour)
	s.Take("a", Opening, -1, 100, time.Hour)
	_, one := r.Spend(5, 100, time.Hour)
	_, other := s.Spend("a", Opening, 5, 100, time.Hour)
	if !one || !other {
		t.Error("what was given back is not there")
	}
	if wait, ok := r.Spend(1, 100, time.Hour); ok || wait != 50*time.Millisecond {
		t.Errorf("after 5 too many there is one in %v, %v", wait, ok)
	}
	for range 104 {
		s.Take("a", Opening, -1, 100, time.Hour)
	}
	if s.Len() != 0 {
		t.Error("an account that is full is kept")
	}
}

// More than is left may be taken at once. Then it takes as long until there is something left again.
func TestRateGoesIntoDebt(t *testing.T) {
	var r Rate
	r.Take(9, 10, 0)
	if _, ok := r.Spend(0, 10, 0); !ok {
		t.Fatal("one should be left")
	}
	r.Take(25, 10, 0)
	if wait, ok := r.Spend(0, 10, 0); ok || wait != 2500*time.Millisecond {
		t.Errorf("after 34 of 10 a second there is one in %v, %v, want 2.5s", wait, ok)
	}
}

func TestTurns(t *testing.T) {
	var r Rate
	for i, want := range []time.Duration{0, 2 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond} {
		if got, ok := r.Turn(500, 6*time.Millisecond, time.Minute); got != want || !ok {
			t.Errorf("turn %d is in %v, %v, want %v", i, got, ok, want)
		}
	}
	for range 10 {
		if got, ok := r.Turn(500, 6*time.Millisecond, time.Minute); ok {
			t.Errorf("one that is later than the latest is in %v", got)
		}
	}
	// Those that were not given have left no trace.
	if got, ok := r.Turn(500, 6*time.Millisecond, time.Minute+2*time.Millisecond); got != 6*time.Millisecond || !ok {
		t.Errorf("the next one is in %v, %v", got, ok)
	}
	if got, ok := r.Turn(500, 0, time.Minute+time.Second); got != 0 || !ok {
		t.Errorf("after a pause it is in %v, %v", got, ok)
	}
}

// Of any second, no more than twice the rate comes: what was saved up, and what comes back meanwhile. And never is
// anybody kept waiting who was slower than the rate.
func TestRateIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(1, 50).Draw(t, "rate")
		var r Rate
		var came []time.Duration
		at := time.Duration(0)
		for range 300 {
			at += time.Duration(rapid.IntRange(0, 100).Draw(t, "pause")) * time.Millisecond
			if _, ok := r.Spend(1, rate, at); ok {
				came = append(came, at)
			}
		}
		for i := range came {
			n := 0
			for _, other := range came[i:] {
				if other-came[i] < time.Second {
					n++
				}
			}
			if n > 2*rate {
				t.Fatalf("%d came within a second, of %d", n, rate)
			}
		}
		if steady := time.Second/time.Duration(rate) + 1; at > 0 {
			if _, ok := r.Spend(0, rate, at+steady); !ok {
				t.Fatalf("none is left after %v", steady)
			}
		}
	})
}

func TestAccounts(t *testing.T) {
	var s Accounts[string]
	first, second := s.Enter("a", 2, 0), s.Enter("a", 2, 0)
	if !first || !second || s.Enter("a", 2, 0) || !s.Enter("b", 2, 0) {
		t.Error("a should have 2 and b 1")
	}
	s.Take("a", Opening, 5, 5, 0)
	if wait, ok := s.Spend("a", Opening, 0, 5, 0); ok || wait != 200*time.Millisecond {
		t.Errorf("a may in %v, %v", wait, ok)
	}
	if _, ok := s.Spend("a", Publishing, 0, 5, 0); !ok {
		t.Error("one deed counts for another")
	}
	if _, ok := s.Spend("c", Opening, 0, 5, 0); !ok {
		t.Error("c did nothing")
	}
	s.Leave("a", 0)
	s.Leave("a", 0)
	s.Leave("a", 0) // once too often
	s.Leave("b", 0)
	if s.Len() != 1 || s.Has("a") != 0 {
		t.Errorf("%d are kept, want a for what it did", s.Len())
	}
	s.Sweep(999 * time.Millisecond)
	if s.Len() != 1 {
		t.Error("a was forgotten too early")
	}
	s.Sweep(time.Second)
	if s.Len() != 0 || s.all != nil {
		t.Errorf("%d are kept", s.Len())
	}
}

// A flood from ever new addresses keeps no more of them than can do something in a second, and a little.
func TestAccountsAreBounded(t *testing.T) {
	var s Accounts[int]
	most, at := 0, time.Duration(0)
	for i := range 200_000 {
		at += time.Millisecond
		s.Take(i, Opening, 1, 1, at) // full again after a second: 1,000 are not
		most = max(most, s.Len())
	}
	if most > 1600 {
		t.Errorf("%d were kept at a time, want a third more than 1000 or so", most)
	}
}

func TestAccountsAgreeWithCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Accounts[int]
		has, at := make(map[int]int), time.Duration(0)
		for range 200 {
			key := rapid.IntRange(0, 9).Draw(t, "key")
			at += time.Duration(rapid.IntRange(0, 500).Draw(t, "pause")) * time.Millisecond
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				if got, want := s.Enter(key, 3, at), has[key] < 3; got != want {
					t.Fatalf("Enter says %v", got)
				} else if got {
					has[key]++
				}
			case 1:
				s.Leave(key, at)
				has[key] = max(has[key]-1, 0)
			case 2:
				s.Take(key, Publishing, 1, 2, at)
			case 3:
				s.Sweep(at)
			}
			for key, n := range has {
				if s.Has(key) != n {
					t.Fatalf("%d has %d, want %d", key, s.Has(key), n)
				}
			}
		}
		for key, n := range has {
			for range n {
				s.Leave(key, at)
			}
		}
		if s.Sweep(math.MaxInt64); s.Len() != 0 {
			t.Fatalf("%d are left", s.Len())
		}
	})
}
