package dispatch

import (
	"fmt"
	"slices"
)

// Check compares what the Dispatcher holds with itself: both ends of every connection, the counts, the leases, and that
// the tree has nothing in it that nobody needs.
func (d *Dispatcher) Check() error {
	d.controller.lock()
	defer d.controller.unlock()
	topics := make(map[*topic]bool)
	for _, top := range d.tree.exact {
		topics[top] = true
	}
	wild, err := d.tree.wild.check(topics, true)
	if err != nil {
		return err
	}
	if wild != d.tree.wilds {
		return fmt.Errorf("the tree counts %d topics with wildcards and has %d", d.tree.wilds, wild)
	}
	watchers := 0
	for top := range topics {
		if err := d.checkTopic(top); err != nil {
			return err
		}
		if isMembers(top.pattern) {
			watchers += len(top.members)
		}
	}
	if watchers != d.watchers {
		return fmt.Errorf("there are %d connections to members, and %d are counted", watchers, d.watchers)
	}
	for _, m := range d.controller.members {
		if err := m.check(topics); err != nil {
			return err
		}
	}
	return d.checkGrants()
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
	if d.tree.find(top.pattern) != top {
		return fmt.Errorf("%q stands in the tree at the wrong place", top.pattern)
	}
	if len(top.members) == 0 {
		return fmt.Errorf("nobody is connected to %q", top.pattern)
	}
	for i, s := range top.members {
		if d.controller.members[s.member.id] != s.member {
			return fmt.Errorf("%q has the member %s that is not registered", top.pattern, s.member.id)
		}
		if int(s.slot) >= len(s.member.connections) {
			return fmt.Errorf("%q has %s at slot %d of %d", top.pattern, s.member.id, s.slot, len(s.member.connections))
		}
		if c := s.member.connections[s.slot]; c.topic != top || int(c.slot) != i {
			return fmt.Errorf("%q has %s at place %d, whose connection is to %q at place %d",
				top.pattern, s.member.id, i, c.topic.pattern, c.slot)
		}
	}
	return nil
}

func (m *member) check(topics map[*topic]bool) error {
	seen := make(map[*topic]bool)
	for i, c := range m.connections {
		if !topics[c.topic] || seen[c.topic] {
			return fmt.Errorf("%s is connected to %q, which is not in the tree, or twice", m.id, c.topic.pattern)
		}
		seen[c.topic] = true
		if s := c.topic.members[c.slot]; s.member != m || int(s.slot) != i {
			return fmt.Errorf("%s is connected to %q as %s at slot %d, want %d", m.id, c.topic.pattern, s.member.id, s.slot, i)
		}
		if got := m.find(c.topic); got != i {
			return fmt.Errorf("%s finds its connection to %q at %d, want %d", m.id, c.topic.pattern, got, i)
		}
	}
	return nil
}

// checkGrants compares permits and leases with what they are for.
func (d *Dispatcher) checkGrants() error {
	for id, permits := range d.permits {
		if d.controller.members[id] == nil || len(permits) == 0 {
			return fmt.Errorf("there are %d permits of %s, which may not be registered", len(permits), id)
		}
	}
	if len(d.leases.queue) != len(d.leases.terms) {
		return fmt.Errorf("%d leases are queued, and %d noted", len(d.leases.queue), len(d.leases.terms))
	}
	for i, t := range d.leases.queue {
		if t.index != i || d.leases.terms[t.lease] != t {
			return fmt.Errorf("the lease of %v is queued at %d and says %d", t.lease, i, t.index)
		}
		m := d.controller.members[t.id]
		if m == nil {
			return fmt.Errorf("there is a lease of %s, which is not registered", t.id)
		}
		stands := m.find(d.tree.find(t.pattern)) >= 0
		if t.undo == PathForbid {
			stands = slices.Contains(d.permits[t.id], t.pattern)
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
		len(d.controller.members), len(d.tree.exact), d.tree.wilds, len(d.tree.wild.others),
		len(d.permits), len(d.leases.terms), len(d.leases.queue), d.watchers, len(d.controller.posted),
	}
	if !slices.ContainsFunc(counts, func(n int) bool { return n != 0 }) && d.tree.wild.empty() {
		return ""
	}
	return fmt.Sprintf("components, paths, patterns, nodes, permits, leases, queued, watchers, posted: %v", counts)
}
