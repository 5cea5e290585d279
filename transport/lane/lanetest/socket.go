package lanetest

import (
	"slices"
	"syscall"

	"github.com/rootsd/rootsd/transport/lane"
)

// Socket is the server's end of a connection.
type Socket struct {
	// Written is called with what the server writes, with nil when it says that it writes no more, and returns how much of
	// it the client has room for. It runs on the server's loop, with no lock held, and must not keep the bytes.
	Written func(s *Socket, b []byte) (taken int)

	net      *Net
	set      *set
	served   *served // what net/http has of it
	in       []byte  // sent by the client and not read yet
	own      bool    // in is not the client's
	fd       int32
	interest lane.Interest
	ready    bool  // stands in the set's list
	full     bool  // the client has no room
	drained  uint8 // how often it had room again
	ended    bool  // the client sends no more
	reset    bool  // the client is gone
	closed   bool  // by the server
}

// Send has the client send b, which must not change until the server has read it.
func (s *Socket) Send(b []byte) {
	s.change(func() {
		switch {
		case len(s.in) == 0:
			s.in, s.own = b, false
		case s.own:
			s.in = append(s.in, b...)
		default:
			s.in, s.own = slices.Concat(s.in, b), true
		}
	})
}

// End has the client say that it sends nothing more.
func (s *Socket) End() { s.change(func() { s.ended = true }) }

// Reset has the client vanish.
func (s *Socket) Reset() { s.change(func() { s.reset = true }) }

// Drained says that the client has room again.
func (s *Socket) Drained() { s.change(func() { s.full = false; s.drained++ }) }

// Closed tells whether the server has closed its end.
func (s *Socket) Closed() bool {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.closed
}

func (s *Socket) change(change func()) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	change()
	s.set.changed(end{socket: s})
	if s.served != nil {
		s.served.change.Broadcast()
	}
}

// can returns what may be done with the socket, of what its loop is interested in.
func (s *Socket) can() (i lane.Interest) {
	if s.closed {
		return 0
	}
	if s.interest&lane.Readable != 0 && (len(s.in) > 0 || s.ended) || s.reset {
		i |= lane.Readable
	}
	if s.interest&lane.Writable != 0 && !s.full {
		i |= lane.Writable
	}
	return i
}

// read reads as lane.Sockets says. The caller holds the network's lock.
func (s *Socket) read(into []byte) (int, error) {
	switch {
	case len(s.in) > 0:
		n := copy(into, s.in)
		if s.in = s.in[n:]; len(s.in) == 0 {
			s.in = nil
		}
		return n, nil
	case s.reset:
		return 0, syscall.ECONNRESET
	case s.ended:
		return 0, nil
	}
	return 0, lane.ErrAgain
}

// write writes as lane.Sockets says.
func (s *Socket) write(from []byte) (int, error) {
	s.net.mu.Lock()
	full, gone, drained := s.full, s.reset || s.closed, s.drained
	s.net.mu.Unlock()
	switch {
	case gone:
		return 0, syscall.EPIPE
	case full:
		return 0, lane.ErrAgain
	}
	n := s.Written(s, from)
	if n < len(from) {
		s.net.mu.Lock()
		s.full = s.drained == drained // or there is room again already
		s.net.mu.Unlock()
	}
	if n == 0 {
		return 0, lane.ErrAgain
	}
	return n, nil
}

// CloseWrite implements lane.Sockets.
func (s *set) CloseWrite(fd int) {
	s.net.mu.Lock()
	socket := s.net.ends[fd].socket
	s.net.mu.Unlock()
	socket.Written(socket, nil)
}
