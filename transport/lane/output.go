package lane

import "errors"

// This file is what a loop does with what it has to send.

// writable sends what a connection had no room for.
func (l *loop) writable(c *Conn) {
	if !c.Busy() {
		return
	}
	n, err := l.sockets.Write(int(c.fd), c.spare.out)
	if err != nil && !errors.Is(err, ErrAgain) {
		l.close(c)
		return
	}
	if n < len(c.spare.out) {
		c.spare.out = c.spare.out[n:]
		return
	}
	then := c.spare.written
	c.spare.out, c.spare.written = nil, nil
	c.dropSpare()
	if then != nil {
		then()
	}
	l.listen(c)
	l.wrote(c)
	if l.serveParked(c); c.flags&finished != 0 {
		l.left(c)
	}
}

// keepOutput keeps what the system did not take.
func (l *loop) keepOutput(c *Conn, rest []byte) {
	if c.spare == nil {
		c.spare = new(spare)
	}
	c.spare.out = append([]byte(nil), rest...)
	l.hurry(c, l.loops.bounds.Write)
	l.listen(c)
}

// wrote is called when all that a connection has to send was given to the system.
func (l *loop) wrote(c *Conn) {
	switch {
	case c.flags&ending != 0, c.state == idle && c.port.draining.Load():
		l.linger(c)
	case c.state == idle:
		c.deadline = l.since() + l.loops.bounds.Idle
		if c.place == (Place{}) {
			l.wheel.Add(c, l.now, l.loops.bounds.Idle)
		}
	default:
		c.deadline = 0
	}
}

// linger waits a little for the client to close a connection on which all is said. If it were closed with something
// unread, the system would reset it, and the client might lose the last answer. A port that is closed has no time for that:
// there, a client that sends nothing on is left with what the system has for it.
func (l *loop) linger(c *Conn) {
	if c.port.draining.Load() && !c.Upgraded() && l.silent(c) {
		l.close(c)
		return
	}
	c.state, c.spare = lingers, nil
	c.flags &^= deaf
	l.sockets.CloseWrite(int(c.fd))
	l.hurry(c, lingerTime)
	l.listen(c)
}

// silent tells whether nothing unread has come from a client that is to be heard no more.
func (l *loop) silent(c *Conn) bool {
	var some [1]byte // the loop's own buffer may be in use
	n, err := l.sockets.Read(int(c.fd), some[:])
	return n == 0 && (err == nil || errors.Is(err, ErrAgain))
}

// keepRoom keeps a buffer that was made larger for the next answer.
func (l *loop) keepRoom(buf []byte) {
	if cap(buf) <= keptRoom {
		l.room = buf[:headRoom]
	}
}
