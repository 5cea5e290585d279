package dispatch

import "slices"

// fanOut is an update on its way to the components that were connected to its path when it was given. Where they are
// very many they are told in slices: see backlog.
type fanOut struct {
	number uint64 // in the order of the timeline; see backlog
	sender ID
	path   Path
	msg    *Message
	except *member
	topics []*topic // those that match

	// Where it stands: all subscribers of the topics before are told, and of this topic those before the place.
	topic, place int
}

// done tells whether everybody is told.
func (f *fanOut) done() bool { return f.topic == len(f.topics) }

// tell tells m, unless it is the one that is left out.
func (f *fanOut) tell(m *member) {
	if m != f.except {
		m.component.Update(f.sender, f.path, f.msg)
	}
}

// repeats tells whether m, found in the topic where f stands, was in one before. A member with one connection was not.
func (f *fanOut) repeats(m *member) bool {
	return f.topic > 0 && m.more != nil &&
		slices.ContainsFunc(f.topics[:f.topic], func(top *topic) bool { return m.find(top) >= 0 })
}

// misses tells whether m, whose connections are as they were when f was given, is one that f has yet to come to.
func (f *fanOut) misses(m *member) bool {
	missed := false
	for i, top := range f.topics {
		place := m.place(top)
		if place < 0 {
			continue
		}
		if i < f.topic || i == f.topic && place < f.place {
			return false
		}
		missed = true
	}
	return missed
}
