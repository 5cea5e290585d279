package main

import (
	"container/heap"
	"time"
)

// clock calls functions when their time comes, one after the other, on the crowd's goroutine.
type clock struct {
	start  time.Time
	alarms alarms
}

// alarm is one call that is to come.
type alarm struct {
	at   time.Duration // of the run
	call func()
}

// now is the time of the run.
func (c *clock) now() time.Duration { return time.Since(c.start) }

// after has call called once so much time has passed.
func (c *clock) after(d time.Duration, call func()) { heap.Push(&c.alarms, alarm{c.now() + d, call}) }

// ring calls what is due.
func (c *clock) ring() {
	for now := c.now(); len(c.alarms) > 0 && c.alarms[0].at <= now; {
		heap.Pop(&c.alarms).(alarm).call()
	}
}

// next says how long it is until something is due, and at most so long.
func (c *clock) next(most time.Duration) time.Duration {
	if len(c.alarms) == 0 {
		return most
	}
	return min(most, c.alarms[0].at-c.now())
}

// alarms is a heap, the next one first.
type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at < a[j].at }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	old := *a
	last := old[len(old)-1]
	old[len(old)-1] = alarm{}
	*a = old[:len(old)-1]
	return last
}
