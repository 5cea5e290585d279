package dispatch

// Seat is a component's place in the registry. It is for who needs the ID of a component again and again and has very many
// of them: a Seat takes 8 bytes, an ID more than 60.
type Seat struct{ member *member }

// Enroll is [Controller.Register] that returns a Seat.
func (c *Controller) Enroll(component Component) Seat {
	id := newID(c.node, c.counter.Add(1))
	m := newMember(c.node, id, component)
	c.lock()
	defer c.unlock()
	c.registry.add(m)
	return Seat{m}
}

// AppendID appends the ID of the component on the seat to dst. It may be called at any time, from any goroutine.
func (c *Controller) AppendID(dst []byte, s Seat) []byte { return s.member.appendID(dst, c.node) }

// IDOf returns the ID of the component on the seat.
func (c *Controller) IDOf(s Seat) ID {
	var buf [128]byte
	return ID(c.AppendID(buf[:0], s))
}
