package dispatch

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Why a [Restoration] does not take something.
var (
	ErrID    = errors.New("not an ID of this node")
	ErrTaken = errors.New("the ID is taken")
	ErrTwice = errors.New("the component has this connection or permit already")
)

// Restoration puts components back that were registered in another process, with their IDs and with all that they held
// there ([Dispatcher.Held]). First it is filled: [Restoration.Enroll] for each component, and after that Connect and
// Permit for what that one holds. None of this changes anything. Then [Restoration.Commit] puts all of it back at once,
// or nothing.
//
// It does so silently: nobody is told of anything, no limit is asked about, and what was due in the meantime lapses
// afterwards, as usual. It is not safe for concurrent use.
type Restoration struct {
	dispatcher *Dispatcher
	members    []*member
	links      []heldLink
	permits    []heldPermit
	leases     []heldTerm
	senders    []ID
	counter    uint64
	slot       int            // the next connection of the last member
	has        map[lease]bool // what the last member has; a lease is a name for it
}

// heldLink is a connection of a Restoration.
type heldLink struct {
	member  *member
	pattern Pattern
	since   int64 // in seconds since 1970
	place   int32
	slot    int32
	by      int32 // in senders; or one of the two below
}

const (
	heldByAnother = -1
	heldByItself  = -2
)

type heldPermit struct {
	member  *member
	pattern Pattern
}

// heldTerm is a lease of a Restoration, which stood at the place.
type heldTerm struct {
	lease
	left  time.Duration
	place int
}

// NewRestoration makes a Restoration for d and its Controller.
func (d *Dispatcher) NewRestoration() *Restoration {
	return &Restoration{dispatcher: d, has: make(map[lease]bool)}
}

// Raise has IDs that are given out after Commit have numbers above counter, which [Controller.Counter] gave. The error
// is [ErrID], where that leaves no room.
func (r *Restoration) Raise(counter uint64) error {
	if counter > mostCounter {
		return ErrID
	}
	r.counter = max(r.counter, counter)
	return nil
}

// mostCounter is the highest number that an ID may have which is put back: those of 16 digits are left for what is to
// come.
const mostCounter = 1e15 - 1

// Enroll gives component the ID that it had. The error is [ErrID].
func (r *Restoration) Enroll(id ID, component Component) (Seat, error) {
	name, ok := r.dispatcher.controller.nameIn(id)
	counter, good := parseName(name)
	if !ok || !good || r.Raise(counter) != nil {
		return Seat{}, ErrID
	}
	m := newMember(r.dispatcher.controller.node, id, component)
	r.members = append(r.members, m)
	r.slot = 0
	if len(r.has) > 64 { // to clear a map takes as long as it was ever large
		r.has = make(map[lease]bool)
	}
	clear(r.has)
	return Seat{m}, nil
}

// parseName reads the part of an ID behind the node; ok is false for what [newID] does not make.
func parseName(name string) (counter uint64, ok bool) {
	if len(name) < secretLength+2 || len(name) > len(member{}.name) || name[secretLength] != '-' {
		return 0, false
	}
	for i := range secretLength {
		if strings.IndexByte(base62, name[i]) < 0 {
			return 0, false
		}
	}
	digits := name[secretLength+1:]
	counter, err := strconv.ParseUint(digits, 10, 64)
	return counter, err == nil && counter > 0 && strconv.FormatUint(counter, 10) == digits
}

// Connect has the component that was enrolled last be connected. The pattern must be as [ParsePattern] gives it. The
// error is [ErrTwice].
func (r *Restoration) Connect(link HeldLink) error {
	m := r.members[len(r.members)-1]
	if err := r.add(lease{m, link.Pattern, PathDisconnect}, link.Lease); err != nil {
		return err
	}
	if r.slot > 0 && m.more == nil {
		m.more = &more{}
	}
	if r.slot > 0 {
		m.more.connections = append(m.more.connections, connection{}) // to be made by Commit
	}
	r.links = append(r.links, heldLink{
		m, link.Pattern, link.Since.Unix(), int32(link.Place), int32(r.slot), r.sender(link.By, m),
	})
	r.slot++
	return nil
}

// sender returns how links note who made one of m's.
func (r *Restoration) sender(id ID, m *member) int32 {
	switch {
	case id == "":
		return heldByAnother
	case r.dispatcher.controller.is(m, id):
		return heldByItself
	}
	if i := slices.Index(r.senders, id); i >= 0 {
		return int32(i)
	}
	if len(r.senders) == mostNumbers {
		return heldByAnother
	}
	r.senders = append(r.senders, id)
	return int32(len(r.senders) - 1)
}

// Permit has the component that was enrolled last be permitted to publish. The pattern must be as [ParsePattern] gives
// it. The error is [ErrTwice].
func (r *Restoration) Permit(link HeldLink) error {
	m := r.members[len(r.members)-1]
	if err := r.add(lease{m, link.Pattern, PathForbid}, link.Lease); err != nil {
		return err
	}
	r.permits = append(r.permits, heldPermit{m, link.Pattern})
	return nil
}

// add notes what le names, and its lease if it has one.
func (r *Restoration) add(le lease, held HeldLease) error {
	if r.has[le] {
		return ErrTwice
	}
	r.has[le] = true
	if held.Lapses {
		r.leases = append(r.leases, heldTerm{le, held.Left, held.Place})
	}
	return nil
}

// Commit puts everything back. The error is [ErrTaken], where a component is registered already under one of the IDs;
// then nothing has changed. The Restoration is not to be used any more.
func (r *Restoration) Commit() error {
	d := r.dispatcher
	d.controller.lock()
	defer d.controller.unlock()
	if err := r.register(); err != nil {
		return err
	}
	d.controller.raise(r.counter)
	r.connect()
	for _, p := range r.permits {
		d.permits[p.member] = append(d.permits[p.member], p.pattern)
	}
	r.lease()
	return nil
}

// register puts the members into the registry: all, or none.
func (r *Restoration) register() error {
	c := r.dispatcher.controller
	for i, m := range r.members {
		hash := m.hash()
		if c.registry.shard(hash).find(string(m.name[:m.length]), hash) == nil {
			c.registry.add(m)
			continue
		}
		for _, added := range r.members[:i] {
			c.registry.remove(added)
		}
		return ErrTaken
	}
	return nil
}

// raise has IDs be counted on from counter at least.
func (c *Controller) raise(counter uint64) {
	for {
		last := c.counter.Load()
		if last >= counter || c.counter.CompareAndSwap(last, counter) {
			return
		}
	}
}

// connect makes the connections. Each topic gets its subscribers in the order that they had.
func (r *Restoration) connect() {
	d := r.dispatcher
	r.reach()
	first, last := d.stamps.first(), d.stamps.now()
	slices.SortFunc(r.links, func(a, b heldLink) int { return cmp.Compare(a.place, b.place) })
	for i := range r.links {
		l := &r.links[i]
		top := d.tree.find(l.pattern)
		if top == nil {
			top = d.tree.add(l.pattern)
		}
		*l.member.at(int(l.slot)) = connection{top, int32(top.count()), stampAt(min(l.since-first, last), r.number(l))}
		top.add(subscriber{l.member, l.slot})
		d.joined++
		if isMembers(l.pattern) {
			d.watchers++
		}
	}
}

// number returns the number that stamps have for who made a connection.
func (r *Restoration) number(l *heldLink) int {
	switch l.by {
	case heldByItself:
		return byItself
	case heldByAnother:
		return byAnother
	}
	return r.dispatcher.stamps.number(r.senders[l.by], false)
}

// reach has stamps reach back to the oldest connection.
func (r *Restoration) reach() {
	d := r.dispatcher
	if len(r.links) == 0 {
		return
	}
	oldest := slices.MinFunc(r.links, func(a, b heldLink) int { return cmp.Compare(a.since, b.since) })
	later := d.stamps.reach(oldest.since)
	if later == 0 {
		return
	}
	for i := range d.controller.registry.shards {
		for m := range d.controller.registry.shards[i].members.all() {
			for n := range m.count() { // of those that are restored, none stands yet
				c := m.at(n)
				c.stamp = c.stamp.later(later)
			}
		}
	}
}

// lease has leases go on, in the order that they had.
func (r *Restoration) lease() {
	l, now := &r.dispatcher.leases, time.Now()
	slices.SortFunc(r.leases, func(a, b heldTerm) int { return cmp.Compare(a.place, b.place) })
	for _, h := range r.leases {
		l.put(h.lease, now.Add(h.left))
	}
	l.schedule()
}
