package dispatch

import (
	"slices"
	"strings"
	"time"
)

// ClientInfo is what is known here of one component, for people who ask why something does or does not arrive.
type ClientInfo struct {
	ID        ID
	Component Component
	Connected []Link // by pattern, in alphabetical order
	Permits   []Link
}

// Link is a connection or a permit.
type Link struct {
	Pattern Pattern
	Since   time.Time     // zero for a permit
	By      ID            // who made the connection first; "" for a permit, and where that is not known
	Lapses  time.Duration // from now on; 0 for never
}

// PathInfo is what an update at one path would reach.
type PathInfo struct {
	Path     Path
	Matched  int // components, each counted once
	Audience []Audience
}

// Audience is one pattern that matches the path, and who is connected to it.
type Audience struct {
	Pattern   Pattern
	Connected int
	Some      []Listener // as many of them as were asked for, in no order
}

// Listener is one component of an [Audience].
type Listener struct {
	ID        ID
	Component Component
	Since     time.Time
	By        ID // who connected it; "" where that is not known
}

// Client describes the component with this ID; ok is false if there is none.
func (d *Dispatcher) Client(id ID) (info ClientInfo, ok bool) {
	d.controller.lock()
	defer d.controller.unlock()
	m := d.controller.member(id)
	if m == nil {
		return ClientInfo{}, false
	}
	info = ClientInfo{ID: id, Component: m.component}
	for i := range m.count() {
		c := m.at(i)
		pattern := c.topic.pattern()
		left, _ := d.leases.remaining(lease{m, pattern, PathDisconnect})
		info.Connected = append(info.Connected, Link{pattern, d.stamps.time(c.stamp), d.stamps.sender(c.stamp, id), left})
	}
	for _, p := range d.permits[m] {
		left, _ := d.leases.remaining(lease{m, p, PathForbid})
		info.Permits = append(info.Permits, Link{Pattern: p, Lapses: left})
	}
	byPattern := func(a, b Link) int { return strings.Compare(string(a.Pattern), string(b.Pattern)) }
	slices.SortFunc(info.Connected, byPattern)
	slices.SortFunc(info.Permits, byPattern)
	return info, true
}

// Path describes whom an update at path would reach, naming at most limit components of each pattern.
func (d *Dispatcher) Path(path Path, limit int) PathInfo {
	d.controller.lock()
	defer d.controller.unlock()
	info := PathInfo{Path: path}
	topics := d.tree.match(path, nil)
	for _, top := range topics {
		a := Audience{Pattern: top.pattern(), Connected: top.count()}
		for i := range min(top.count(), limit) {
			a.Some = append(a.Some, d.listener(top.at(i)))
		}
		info.Audience = append(info.Audience, a)
	}
	info.Matched = d.reach(topics)
	return info
}

// reach returns how many components are connected to any of topics. Only where there are several, who they are matters.
func (d *Dispatcher) reach(topics []*topic) (matched int) {
	if len(topics) == 1 {
		return topics[0].count()
	}
	d.delivered++
	for _, top := range topics {
		for i := range top.count() {
			if top.at(i).member.fresh(d.delivered) {
				matched++
			}
		}
	}
	return matched
}

func (d *Dispatcher) listener(s subscriber) Listener {
	id, made := d.controller.idOf(s.member), s.member.at(int(s.slot)).stamp
	return Listener{id, s.member.component, d.stamps.time(made), d.stamps.sender(made, id)}
}

// Counts returns how many components are registered, and to how many patterns any of them is connected.
func (d *Dispatcher) Counts() (components, patterns int) {
	d.controller.lock()
	defer d.controller.unlock()
	return d.controller.registry.count(), d.tree.count()
}

// Leases returns how many connections and permits lapse unless they are renewed.
func (d *Dispatcher) Leases() int {
	d.controller.lock()
	defer d.controller.unlock()
	return len(d.leases.terms)
}

// Subscriptions returns how many connections there are between components and patterns.
func (d *Dispatcher) Subscriptions() int {
	d.controller.lock()
	defer d.controller.unlock()
	return d.joined
}
