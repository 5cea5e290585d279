package dispatch

import (
	"strings"

	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// This file tells who is connected to a path: a component connected to "::members/room/blue" hears {"here":[ids]}, then
// {"enter":id} and {"leave":id}, in the timeline's order with the messages of room/blue itself. Only connections to the
// path as such count; one to a pattern that matches it hears what is said there but is not a member. System paths have
// no members.

func isMembers(pattern Pattern) bool { return strings.HasPrefix(string(pattern), pathMembers) }

// announce tells those who watch that a component came or went.
func (d *Dispatcher) announce(event string, m *member, pattern Pattern) {
	if d.watchers == 0 || pattern.System() || pattern.Wild() {
		return
	}
	value := append([]byte(`{"`), event...)
	value = append(value, `":`...)
	value = append(strictjson.AppendString(value, string(d.controller.idOf(m))), '}')
	d.deliver(d.controller.id, PathMembers(Path(pattern)), trusted(value))
}

// tellHere tells a component that begins to watch who is there: for a pattern, once for each path that has members.
func (d *Dispatcher) tellHere(m *member, pattern Pattern) {
	if !isMembers(pattern) {
		return
	}
	watched := pattern[len(pathMembers):]
	if !watched.Wild() {
		d.tellMembers(m, Path(watched))
		return
	}
	for top := range d.tree.exact.all() {
		path := Path(top.pattern())
		if !path.System() && watched.Matches(path) {
			d.tellMembers(m, path)
		}
	}
}

func (d *Dispatcher) tellMembers(m *member, path Path) {
	value := []byte(`{"here":[`)
	if top := d.tree.findExact(string(path)); top != nil && !path.System() {
		for i := range top.count() {
			if i > 0 {
				value = append(value, ',')
			}
			// No character of an ID has to be escaped.
			value = append(value, '"')
			value = top.at(i).member.appendID(value, d.controller.node)
			value = append(value, '"')
		}
	}
	d.tell(m, d.controller.id, PathMembers(path), trusted(append(value, "]}"...)))
}
