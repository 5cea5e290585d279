package dispatch

import "strings"

// check tells whether every update can be taken, as things stand. It is called with the Controller's lock held.
func (d *Dispatcher) check(updates []Update) error {
	var added tally
	for i, u := range updates {
		if !u.Path.System() {
			continue
		}
		if err := d.checkCommand(u, &added); err != nil {
			return &UpdateError{i, u.Path, err}
		}
	}
	return nil
}

// tally counts what the commands of one batch add to each component, for the limits.
type tally struct{ paths, permits map[ID]int }

func (d *Dispatcher) checkCommand(u Update, added *tally) error {
	switch u.Path {
	case PathConnect, PathDisconnect, PathPermit, PathForbid:
		o, err := parseOrder(u.Message)
		if err != nil {
			return err
		}
		m := d.controller.members[o.id]
		if m == nil {
			return ErrUnknownID
		}
		return d.checkLimits(m, o.pattern, u.Path, added)
	case PathKick:
		id, ok := u.Message.Text()
		if !ok {
			return ErrKick
		}
		return d.checkID(id)
	case PathGone, PathDisconnected:
		return ErrReserved
	}
	if id, ok := strings.CutPrefix(string(u.Path), pathTo); ok {
		return d.checkID(id)
	}
	if strings.HasPrefix(string(u.Path), pathMembers) {
		return ErrReserved
	}
	return ErrNoCommand
}

func (d *Dispatcher) checkID(id string) error {
	if d.controller.members[ID(id)] == nil {
		return ErrUnknownID
	}
	return nil
}

func (d *Dispatcher) checkLimits(m *member, pattern Pattern, path Path, added *tally) error {
	switch {
	case path == PathConnect && d.limits.Paths > 0 && m.find(pattern) < 0:
		if count(&added.paths, m.id)+len(m.connections) > d.limits.Paths {
			return ErrPaths
		}
	case path == PathPermit && d.limits.Permits > 0:
		if count(&added.permits, m.id)+len(m.permits) > d.limits.Permits {
			return ErrPermits
		}
	}
	return nil
}

func count(counts *map[ID]int, id ID) int {
	if *counts == nil {
		*counts = make(map[ID]int)
	}
	(*counts)[id]++
	return (*counts)[id]
}
