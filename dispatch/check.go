package dispatch

import (
	"math"
	"slices"
	"strings"
)

// check tells whether every update can be taken when its turn comes. It is called with the Controller's lock held.
func (d *Dispatcher) check(updates []Update) error {
	p := plan{
		dispatcher:  d,
		connections: budget{limit: d.limits.Paths, full: ErrPaths, room: d.room(len(updates))},
		permits:     budget{limit: d.limits.Permits, full: ErrPermits, room: plenty},
	}
	for i, u := range updates {
		if !u.Path.System() {
			continue
		}
		if err := p.check(u); err != nil {
			return &UpdateError{i, u.Path, err}
		}
	}
	return nil
}

// plenty is more than any batch needs.
const plenty = math.MaxInt

// room returns how many more connections there may be, or plenty where a batch of so many updates cannot need more.
func (d *Dispatcher) room(updates int) int {
	if d.limits.Subscriptions == 0 || d.joined+updates <= d.limits.Subscriptions {
		return plenty
	}
	return d.limits.Subscriptions - d.joined
}

// plan is what those updates of a batch will have changed that are already checked.
type plan struct {
	dispatcher  *Dispatcher
	connections budget
	permits     budget
	kicked      map[ID]bool
}

func (p *plan) check(u Update) error {
	switch u.Path {
	case PathConnect, PathDisconnect, PathPermit, PathForbid:
		return p.checkOrder(u)
	case PathKick:
		return p.checkKick(u.Message)
	case PathGone, PathDisconnected:
		return ErrReserved
	}
	if id, ok := strings.CutPrefix(string(u.Path), pathTo); ok {
		_, err := p.member(ID(id))
		return err
	}
	if strings.HasPrefix(string(u.Path), pathMembers) {
		return ErrReserved
	}
	return ErrNoCommand
}

// member returns the one with this ID, if it will still be there.
func (p *plan) member(id ID) (*member, error) {
	m := p.dispatcher.controller.member(id)
	if m == nil || p.kicked[id] {
		return nil, ErrUnknownID
	}
	return m, nil
}

func (p *plan) checkKick(msg *Message) error {
	id, ok := msg.Text()
	if !ok {
		return ErrKick
	}
	if _, err := p.member(ID(id)); err != nil {
		return err
	}
	if p.kicked == nil {
		p.kicked = make(map[ID]bool)
	}
	p.kicked[ID(id)] = true
	return nil
}

func (p *plan) checkOrder(u Update) error {
	o, err := parseOrder(u.Message)
	if err != nil {
		return err
	}
	m, err := p.member(o.id)
	if err != nil {
		return err
	}
	d := p.dispatcher
	switch u.Path {
	case PathConnect, PathDisconnect:
		stands := m.find(d.tree.find(o.pattern)) >= 0
		return p.connections.change(o, u.Path == PathConnect, stands, m.count())
	default:
		have := d.permits[m]
		stands := slices.Contains(have, o.pattern)
		return p.permits.change(o, u.Path == PathPermit, stands, len(have))
	}
}

// budget is how a batch changes the connections of components, or their permits, of which each may have so many.
type budget struct {
	limit  int // 0 for none
	full   error
	room   int            // how many more all components together may have; plenty: it need not be counted
	all    int            // how many more they will have
	stands map[order]bool // whether one that the batch touches will stand
	added  map[ID]int     // how many more a component will have
}

// change notes that o is to stand, or no more. As things are, it stands or not, and the component has so many.
func (b *budget) change(o order, stand, stands bool, have int) error {
	if b.limit == 0 && b.room == plenty {
		return nil
	}
	if will, ok := b.stands[o]; ok {
		stands = will
	}
	switch {
	case stand == stands:
		return nil
	case stand && b.limit > 0 && have+b.added[o.id] >= b.limit:
		return b.full
	case stand && b.all >= b.room:
		return ErrSubscriptions
	case b.stands == nil:
		b.stands, b.added = make(map[order]bool), make(map[ID]int)
	}
	if b.stands[o] = stand; stand {
		b.added[o.id]++
		b.all++
	} else {
		b.added[o.id]--
		b.all--
	}
	return nil
}
