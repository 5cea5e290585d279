package dispatch

// member is what this package knows of one registered component, in 80 bytes. The Controller's lock guards first and
// more; the rest never changes.
type member struct {
	component Component
	first     connection // connection 0, as most have one; without a topic if there is none
	more      *more      // the others; nil if there are none
	length    uint8      // of the name
	name      [39]byte   // what the ID has behind "<node>-", which is the same for all: 16 digits fit
}

// more is all connections of a member but one.
type more struct {
	connections []connection
	told        uint64 // the Dispatcher's count of the last delivery to the member; see fresh
}

// connection is a member's end of one of its connections. They are in no order.
type connection struct {
	topic *topic
	slot  int32 // which of the topic's subscribers the member is
	stamp stamp // when it was made, and by whom
}

// newMember makes the member for the component with this ID of the node.
func newMember(node string, id ID, component Component) *member {
	m := &member{component: component}
	m.length = uint8(copy(m.name[:], id[len(node)+1:]))
	return m
}

// hash implements hashed, for the registry.
func (m *member) hash() uint64 { return hashText(string(m.name[:m.length])) }

// appendID appends the member's ID to dst. node is where it was made for.
func (m *member) appendID(dst []byte, node string) []byte {
	dst = append(dst, node...)
	dst = append(dst, '-')
	return append(dst, m.name[:m.length]...)
}

// count returns how many connections there are.
func (m *member) count() int {
	switch {
	case m.first.topic == nil:
		return 0
	case m.more == nil:
		return 1
	default:
		return 1 + len(m.more.connections)
	}
}

// at returns the i-th connection, to be read or changed before another comes or goes.
func (m *member) at(i int) *connection {
	if i == 0 {
		return &m.first
	}
	return &m.more.connections[i-1]
}

// add makes c the last connection.
func (m *member) add(c connection) {
	switch {
	case m.first.topic == nil:
		m.first = c
		return
	case m.more == nil:
		m.more = &more{}
	}
	m.more.connections = append(m.more.connections, c)
}

// drop takes the last connection away.
func (m *member) drop() {
	if m.more == nil {
		m.first = connection{}
		return
	}
	last := len(m.more.connections) - 1
	if last == 0 {
		m.more = nil
		return
	}
	m.more.connections[last] = connection{}
	m.more.connections = m.more.connections[:last]
}

// fresh tells whether m is asked about this delivery for the first time, so that two matching patterns tell it once. A
// member with one connection is not found by two patterns.
func (m *member) fresh(delivery uint64) bool {
	if m.more == nil {
		return true
	}
	if m.more.told == delivery {
		return false
	}
	m.more.told = delivery
	return true
}

// find returns which of m's connections is to top, or -1. It looks through the shorter list of the two: a component may
// be connected to very many topics, and a topic to very many components.
func (m *member) find(top *topic) int {
	if top == nil {
		return -1
	}
	connections, subscribers := m.count(), top.count()
	if connections <= subscribers {
		for i := range connections {
			if m.at(i).topic == top {
				return i
			}
		}
		return -1
	}
	for i := range subscribers {
		if s := top.at(i); s.member == m {
			return int(s.slot)
		}
	}
	return -1
}

// place returns which of top's subscribers m is, or -1 if it is none. m may be nil.
func (m *member) place(top *topic) int {
	if m == nil {
		return -1
	}
	i := m.find(top)
	if i < 0 {
		return -1
	}
	return int(m.at(i).slot)
}

// join connects m to top. Each end notes where the other stands, so that either can be taken out in constant time.
func (m *member) join(top *topic, made stamp) {
	slot, place := int32(m.count()), int32(top.count())
	top.add(subscriber{m, slot})
	m.add(connection{top, place, made})
}

// leave undoes join for the i-th connection: at both ends the last one moves to the place that falls free.
func (m *member) leave(i int) {
	top, place := m.at(i).topic, m.at(i).slot
	if moved := top.at(top.count() - 1); moved.member != m {
		top.set(int(place), moved)
		moved.member.at(int(moved.slot)).slot = place
	}
	top.drop()

	if last := m.count() - 1; i != last {
		moved := *m.at(last)
		*m.at(i) = moved
		moved.topic.set(int(moved.slot), subscriber{m, int32(i)})
	}
	m.drop()
}
