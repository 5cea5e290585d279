package dispatch

import (
	"fmt"
	"math"
	"slices"
)

// Check compares what the Dispatcher holds with itself: both ends of every connection, the counts, the leases, and that
// the tree has nothing in it that nobody needs.
func (d *Dispatcher) Check() error {
	d.controller.lock()
	defer d.controller.unlock()
	topics := make(map[*topic]bool)
	for top := range d.tree.exact.all() {
		topics[top] = true
	}
	if err := d.checkTables(); err != nil {
		return err
	}
	wild, err := d.tree.wild.check(topics, true)
	if err != nil {
		return err
	}
	if wild != d.tree.wilds {
		return fmt.Errorf("the tree counts %d topics with wildcards and has %d", d.tree.wilds, wild)
	}
	if err := d.checkBacklog(); err != nil {
		return err
	}
	watchers := 0
	for top := range topics {
		if err := d.checkTopic(top); err != nil {
			return err
		}
		if isMembers(top.pattern()) {
			watchers += top.count()
		}
	}
	if watchers != d.watchers {
		return fmt.Errorf("there are %d connections to members, and %d are counted", watchers, d.watchers)
	}
	for i := range d.controller.registry.shards {
		for m := range d.controller.registry.shards[i].members.all() {
			if err := m.check(topics); err != nil {
				return err
			}
		}
	}
	return d.checkGrants()
}

func (d *Dispatcher) checkTables() error {
	if err := d.tree.exact.check(); err != nil {
		return err
	}
	for i := range d.controller.registry.shards {
		if err := d.controller.registry.shards[i].members.check(); err != nil {
			return err
		}
	}
	return nil
}

// registered tells whether m is in the registry.
func (d *Dispatcher) registered(m *member) bool {
	return d.controller.member(d.controller.idOf(m)) == m
}

// check adds the topics below n to found and returns how many there are.
func (n *node) check(found map[*topic]bool, root bool) (topics int, err error) {
	if !root && n.empty() {
		return 0, fmt.Errorf("the tree has a node that leads nowhere")
	}
	for _, top := range []*topic{n.here, n.rest} {
		if top != nil {
			found[top] = true
			topics++
		}
	}
	below := []*node{}
	for _, child := range n.others {
		below = append(below, child)
	}
	for _, child := range []*node{n.next, n.star} {
		if child != nil {
			below = append(below, child)
		}
	}
	for _, child := range below {
		more, err := child.check(found, false)
		if err != nil {
			return 0, err
		}
		topics += more
	}
	return topics, nil
}

func (d *Dispatcher) checkTopic(top *topic) error {
	pattern := top.pattern()
	if d.tree.find(pattern) != top {
		return fmt.Errorf("%q stands in the tree at the wrong place", pattern)
	}
	if top.count() == 0 {
		return fmt.Errorf("nobody is connected to %q", pattern)
	}
	if err := top.crowd.check(); err != nil {
		return fmt.Errorf("%q has a crowd of %w", pattern, err)
	}
	for i := range top.count() {
		s := top.at(i)
		id := d.controller.idOf(s.member)
		if !d.registered(s.member) {
			return fmt.Errorf("%q has the member %s that is not registered", pattern, id)
		}
		if int(s.slot) >= s.member.count() {
			return fmt.Errorf("%q has %s at slot %d of %d", pattern, id, s.slot, s.member.count())
		}
		if c := s.member.at(int(s.slot)); c.topic != top || int(c.slot) != i {
			return fmt.Errorf("%q has %s at place %d, whose connection is to %q at place %d",
				pattern, id, i, c.topic.pattern(), c.slot)
		}
	}
	return nil
}

func (m *member) check(topics map[*topic]bool) error {
	id := m.name[:m.length]
	if m.more != nil && len(m.more.connections) == 0 {
		return fmt.Errorf("%s has room for more connections and none there", id)
	}
	seen := make(map[*topic]bool)
	for i := range m.count() {
		c := m.at(i)
		if !topics[c.topic] || seen[c.topic] {
			return fmt.Errorf("%s is connected to %q, which is not in the tree, or twice", id, c.topic.pattern())
		}
		seen[c.topic] = true
		if s := c.topic.at(int(c.slot)); s.member != m || int(s.slot) != i {
			return fmt.Errorf("%s is connected to %q at slot %d, want %d", id, c.topic.pattern(), s.slot, i)
		}
		if got := m.find(c.topic); got != i {
			return fmt.Errorf("%s finds its connection to %q at %d, want %d", id, c.topic.pattern(), got, i)
		}
	}
	return nil
}

// checkGrants compares permits and leases with what they are for.
func (d *Dispatcher) checkGrants() error {
	for m, permits := range d.permits {
		if !d.registered(m) || len(permits) == 0 {
			return fmt.Errorf("there are %d permits of %s, which may not be registered",
				len(permits), d.controller.idOf(m))
		}
	}
	if len(d.leases.queue) != len(d.leases.terms) {
		return fmt.Errorf("%d leases are queued, and %d noted", len(d.leases.queue), len(d.leases.terms))
	}
	for i, t := range d.leases.queue {
		if t.index != i || d.leases.terms[t.lease] != t {
			return fmt.Errorf("the lease of %v is queued at %d and says %d", t.lease, i, t.index)
		}
		if !d.registered(t.member) {
			return fmt.Errorf("there is a lease of %s, which is not registered", d.controller.idOf(t.member))
		}
		stands := t.member.find(d.tree.find(t.pattern)) >= 0
		if t.undo == PathForbid {
			stands = slices.Contains(d.permits[t.member], t.pattern)
		}
		if !stands {
			return fmt.Errorf("there is a lease of %v, which does not stand", t.lease)
		}
	}
	return nil
}

// Rest describes what is left in a Dispatcher in which nothing should be left, or returns "".
func (d *Dispatcher) Rest() string {
	d.controller.lock()
	defer d.controller.unlock()
	counts := []int{
		d.controller.registry.count(), d.tree.exact.count, d.tree.wilds, len(d.tree.wild.others),
		len(d.permits), len(d.leases.terms), len(d.leases.queue), d.watchers, len(d.controller.posted),
		len(d.controller.backlog.pending), len(d.controller.backlog.ahead),
	}
	if !slices.ContainsFunc(counts, func(n int) bool { return n != 0 }) && d.tree.wild.empty() {
		return ""
	}
	return fmt.Sprintf("components, paths, patterns, nodes, permits, leases, queued, watchers, posted, pending, ahead: %v",
		counts)
}

// SetSlice has at most so many told at once.
func (d *Dispatcher) SetSlice(n int) {
	d.controller.mu.Lock()
	defer d.controller.mu.Unlock()
	d.controller.backlog.slice, d.controller.backlog.whole = n, n
}

// StepByHand has no goroutine work off the backlog: Step does, and Close.
func (d *Dispatcher) StepByHand() {
	d.controller.mu.Lock()
	defer d.controller.mu.Unlock()
	d.controller.backlog.running = true
}

// Step works off one slice.
func (d *Dispatcher) Step() {
	d.controller.lock()
	defer d.controller.unlock()
	d.controller.backlog.work()
}

// Flush works off everything.
func (d *Dispatcher) Flush() {
	d.controller.lock()
	defer d.controller.unlock()
	d.controller.workDown(0, math.MaxUint64)
}

// Pending returns how many fan-outs are pending.
func (d *Dispatcher) Pending() int {
	d.controller.mu.Lock()
	defer d.controller.mu.Unlock()
	return len(d.controller.backlog.pending)
}

// MaxPending is how many may be when a call returns, and UsualSlice how many are told at once.
const (
	MaxPending = maxPending
	UsualSlice = usualSlice
)

func (d *Dispatcher) checkBacklog() error {
	b := &d.controller.backlog
	before := uint64(0)
	for _, f := range b.pending {
		if f.number <= before || f.number > b.number || f.done() {
			return fmt.Errorf("fan-out %d of %d is pending after %d, done: %v", f.number, b.number, before, f.done())
		}
		before = f.number
	}
	if len(b.pending) == 0 && b.ahead != nil {
		return fmt.Errorf("nothing is pending, and %d are ahead", len(b.ahead))
	}
	for m, number := range b.ahead {
		if number > b.number || !d.registered(m) {
			return fmt.Errorf("%s is ahead, at %d of %d, or not registered", d.controller.idOf(m), number, b.number)
		}
	}
	return nil
}

// check tells whether the blocks of a crowd are full, but for the last, and both their halves of the same subscribers.
func (c *crowd) check() error {
	if c == nil {
		return nil
	}
	if len(c.blocks) == 0 {
		return fmt.Errorf("no blocks")
	}
	for i, b := range c.blocks {
		full := len(b.ends) == blockSize || i == len(c.blocks)-1 && len(b.ends) > 0
		if !full || len(b.components) != len(b.ends) {
			return fmt.Errorf("%d components and %d ends in block %d", len(b.components), len(b.ends), i)
		}
	}
	return nil
}
