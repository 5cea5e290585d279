package lane

import (
	"sync"
	"sync/atomic"
	"time"
)

// bucket bounds how often something may happen: so many times a second, and as many at once. It is the time at which it
// will be full again. Time is counted from any moment, the same for all calls.
type bucket time.Duration

// left tells whether there is something left of rate a second at a time, and if not, how long until there is.
func (b bucket) left(rate int, at time.Duration) (wait time.Duration, ok bool) {
	if rate <= 0 {
		return 0, true
	}
	wait = time.Duration(b) - at - (time.Second - time.Second/time.Duration(rate))
	return max(wait, 0), wait <= 0
}

// taken is b after n were taken, however many were left: it goes into debt. Fewer than 0 are given back.
func (b bucket) taken(n, rate int, at time.Duration) bucket {
	if rate <= 0 {
		return b
	}
	return max(b, bucket(at)) + bucket(n)*bucket(time.Second)/bucket(rate)
}

// Rate bounds how often something may happen, whoever does it. The zero value is ready.
type Rate struct{ full atomic.Int64 }

// Spend takes n of rate a second if there is something left, however much; if there is nothing, it says how long until
// there is. None are taken with an n of 0. at is the time since any moment, the same for all calls. A rate of 0 is no
// bound.
func (r *Rate) Spend(n, rate int, at time.Duration) (wait time.Duration, ok bool) {
	for {
		full := r.full.Load()
		wait, ok = bucket(full).left(rate, at)
		if !ok || n == 0 || r.full.CompareAndSwap(full, int64(bucket(full).taken(n, rate, at))) {
			return wait, ok
		}
	}
}

// Take takes n of rate a second, however many are left. With an n below 0 it gives back what was spent.
func (r *Rate) Take(n, rate int, at time.Duration) {
	for rate > 0 {
		full := r.full.Load()
		if r.full.CompareAndSwap(full, int64(bucket(full).taken(n, rate, at))) {
			return
		}
	}
}

// Turn gives turns, rate a second and evenly: it returns how long it is until this one. One that would be later than
// most is not given; ok is false then. A rate above 0 is needed.
func (r *Rate) Turn(rate int, most, at time.Duration) (wait time.Duration, ok bool) {
	for {
		full := r.full.Load()
		turn := max(full, int64(at))
		wait = time.Duration(turn) - at
		if wait > most {
			return 0, false
		}
		if r.full.CompareAndSwap(full, turn+int64(time.Second)/int64(rate)) {
			return wait, true
		}
	}
}

// Accounts bound what each of very many may have at a time, and how often each may do something. Nothing is kept of one
// that has nothing and has done nothing lately: at most as many are as have something, as can do something within a
// second, and a third of these. The zero value is ready. Nothing is taken under its lock.
type Accounts[Key comparable] struct {
	mu  sync.Mutex // guards all
	all map[Key]account
}

// account is what is kept of one.
type account struct {
	has  int
	done [2]bucket // by [Deed]
}

// Deed is something that is bounded by a rate.
type Deed int

// What is bounded.
const (
	Opening Deed = iota
	Publishing
)

// idle tells whether nothing need be kept.
func (a *account) idle(at time.Duration) bool {
	return a.has == 0 && time.Duration(max(a.done[Opening], a.done[Publishing])) <= at
}

// Enter gives key one more, unless it has most already. Leave takes it back.
func (s *Accounts[Key]) Enter(key Key, most int, at time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[key]
	if a.has >= most {
		return false
	}
	a.has++
	s.putLocked(key, a, at)
	return true
}

// Leave undoes an Enter.
func (s *Accounts[Key]) Leave(key Key, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[key]
	a.has = max(a.has-1, 0)
	s.putLocked(key, a, at)
}

// Has returns how many key has.
func (s *Accounts[Key]) Has(key Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[key].has
}

// Spend notes that key does something n times, if it may do so once more, of rate a second; if not, it says how long
// until it may. Nothing is noted with an n of 0.
func (s *Accounts[Key]) Spend(key Key, deed Deed, n, rate int, at time.Duration) (wait time.Duration, ok bool) {
	if rate <= 0 {
		return 0, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[key]
	wait, ok = a.done[deed].left(rate, at)
	if ok && n != 0 {
		a.done[deed] = a.done[deed].taken(n, rate, at)
		s.putLocked(key, a, at)
	}
	return wait, ok
}

// Take notes that key has done something n times, however many it might. With an n below 0 it gives back what was
// spent.
func (s *Accounts[Key]) Take(key Key, deed Deed, n, rate int, at time.Duration) {
	if rate <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.all[key]
	a.done[deed] = a.done[deed].taken(n, rate, at)
	s.putLocked(key, a, at)
}

// Len returns of how many something is kept.
func (s *Accounts[Key]) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// Sweep looks at some, and forgets those that are idle. Called now and then, it gives all memory back in the end.
func (s *Accounts[Key]) Sweep(at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepLocked(1000, at)
}

// sweepStep is how many are looked at whenever one comes.
const sweepStep = 4

// putLocked keeps an account, or forgets it. Where one comes, some others are looked at: so those that are idle never
// make up more than a quarter of all.
func (s *Accounts[Key]) putLocked(key Key, a account, at time.Duration) {
	if a.idle(at) {
		s.dropLocked(key)
		return
	}
	if s.all == nil {
		s.all = make(map[Key]account)
	}
	before := len(s.all)
	if s.all[key] = a; len(s.all) > before {
		s.sweepLocked(sweepStep, at)
	}
}

// sweepLocked looks at n of them. Go begins each look over a map at another place.
func (s *Accounts[Key]) sweepLocked(n int, at time.Duration) {
	for key, a := range s.all {
		if n--; n < 0 {
			return
		}
		if a.idle(at) {
			s.dropLocked(key)
		}
	}
}

// dropLocked forgets key, and with the last one the map, which would not shrink.
func (s *Accounts[Key]) dropLocked(key Key) {
	if delete(s.all, key); len(s.all) == 0 {
		s.all = nil
	}
}
