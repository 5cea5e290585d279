package dispatch

import "time"

// This file tells what a component holds, so that it can be put back after a restart: see [Restoration].

// Held is what one component holds in a Dispatcher.
type Held struct {
	Connected []HeldLink // in the order in which the component has them
	Permits   []HeldLink // likewise
}

// HeldLink is a connection or a permit.
type HeldLink struct {
	Pattern Pattern
	Lease   HeldLease

	// Of a connection alone:

	Place int       // the connections to one pattern stand in the order of this
	Since time.Time // when it was made, to the second
	By    ID        // who made it; "" where that is not known
}

// HeldLease is when a connection or a permit lapses. The zero value says never.
type HeldLease struct {
	Lapses bool
	Left   time.Duration // from now on; below 0 where it is overdue
	Place  int           // among all leases, those that lapse at the same time included
}

// Held reads out what the component on the seat holds at the time now into held, whose slices it uses again. What
// components are still to be told of an update for very many is not part of it: after [Dispatcher.Close] there is none.
func (d *Dispatcher) Held(s Seat, now time.Time, held *Held) {
	d.controller.lock()
	defer d.controller.unlock()
	m := s.member
	held.Connected, held.Permits = held.Connected[:0], held.Permits[:0]
	id := d.controller.idOf(m)
	for i := range m.count() {
		c := m.at(i)
		pattern := c.topic.pattern()
		held.Connected = append(held.Connected, HeldLink{
			pattern, d.leases.held(lease{m, pattern, PathDisconnect}, now),
			int(c.slot), d.stamps.time(c.stamp), d.stamps.sender(c.stamp, id),
		})
	}
	for _, pattern := range d.permits[m] {
		until := d.leases.held(lease{m, pattern, PathForbid}, now)
		held.Permits = append(held.Permits, HeldLink{Pattern: pattern, Lease: until})
	}
}

// held reads out when le lapses.
func (l *leases) held(le lease, now time.Time) HeldLease {
	t, ok := l.terms[le]
	if !ok {
		return HeldLease{}
	}
	return HeldLease{true, t.end.Sub(now), t.index}
}

// Node returns the name with which all IDs of the Controller begin.
func (c *Controller) Node() string { return c.node }

// Counter returns the number of the last ID that was given out.
func (c *Controller) Counter() uint64 { return c.counter.Load() }

// Registered returns all components. It holds everybody up, so it is for a start, when they are few.
func (c *Controller) Registered() map[ID]Component {
	c.lock()
	defer c.unlock()
	all := make(map[ID]Component)
	for i := range c.registry.shards {
		for m := range c.registry.shards[i].members.all() {
			all[c.idOf(m)] = m.component
		}
	}
	return all
}
