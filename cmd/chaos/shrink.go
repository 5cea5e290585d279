package main

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// shrinking looks for the shortest schedule that fails, by delta debugging: it leaves out TLS, and then stretches of
// steps, at first long ones and then shorter ones, and keeps what still fails. As runs of one schedule differ, each is
// tried twice.
type shrinking struct {
	schedule *Schedule // the shortest that failed
	outcome  *Outcome  // of it
	fails    func(*Schedule) *Outcome
	parallel int
	until    time.Time
	runs     int
}

// tries is how often a schedule may pass before it is taken for one that does.
const tries = 2

// shrink looks until it finds nothing shorter, or time is up.
func (x *shrinking) shrink() {
	x.withoutTLS()
	for size := (len(x.schedule.Steps) + 1) / 2; size > 0 && time.Now().Before(x.until); {
		if x.without(size) {
			size = min(size, (len(x.schedule.Steps)+1)/2)
			continue
		}
		size /= 2
	}
}

// without leaves out one stretch of so many steps, if one can be. It tries several at a time.
func (x *shrinking) without(size int) bool {
	var candidates []*Schedule
	// The last steps first: without them, all other runs are shorter.
	for first := (len(x.schedule.Steps) - 1) / size * size; first >= 0; first -= size {
		steps := slices.Clone(x.schedule.Steps)
		steps = slices.Delete(steps, first, min(first+size, len(steps)))
		candidates = append(candidates, &Schedule{x.schedule.Config, steps})
	}
	return x.try(candidates)
}

// withoutTLS leaves out TLS, if it can be.
func (x *shrinking) withoutTLS() {
	secure := func(setting string) bool { return strings.HasPrefix(setting, settingTLS+"=") }
	config := slices.DeleteFunc(slices.Clone(x.schedule.Config), secure)
	if len(config) < len(x.schedule.Config) {
		x.try([]*Schedule{{config, x.schedule.Steps}})
	}
}

// try runs candidates, several at a time, until one fails.
func (x *shrinking) try(candidates []*Schedule) bool {
	candidates = slices.Repeat(candidates, tries)
	for some := range slices.Chunk(candidates, max(x.parallel, 1)) {
		if !time.Now().Before(x.until) {
			return false
		}
		if x.any(some) {
			return true
		}
	}
	return false
}

// any runs candidates at the same time, and keeps the first that fails.
func (x *shrinking) any(candidates []*Schedule) bool {
	outcomes := make([]*Outcome, len(candidates))
	var group sync.WaitGroup
	for i, s := range candidates {
		group.Go(func() { outcomes[i] = x.fails(s) })
	}
	group.Wait()
	x.runs += len(candidates)
	for i, o := range outcomes {
		if o != nil {
			x.schedule, x.outcome = candidates[i], o
			return true
		}
	}
	return false
}
