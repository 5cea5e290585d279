package lanetest

import (
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// Net is a network in memory. Its zero value has nothing in it.
type Net struct {
	mu    sync.Mutex // guards what follows, and all sockets; nothing is taken under it
	ends  []end      // by descriptor
	spare []int      // descriptors that are free again
}

// end is what a descriptor stands for: one of the two.
type end struct {
	socket   *Socket
	listener *Listener
}

// Listener is a port. As a net.Listener it has an address and nothing more.
type Listener struct {
	FD      int
	net     *Net
	set     *set
	backlog []*Socket
	ready   bool
	closed  bool
}

// Listen opens a port.
func (n *Net) Listen() *Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &Listener{net: n}
	l.FD = n.number(end{listener: l})
	return l
}

// number gives a descriptor to e.
func (n *Net) number(e end) int {
	if last := len(n.spare) - 1; last >= 0 {
		fd := n.spare[last]
		n.spare = n.spare[:last]
		n.ends[fd] = e
		return fd
	}
	n.ends = append(n.ends, e)
	return len(n.ends) - 1
}

// Accept implements net.Listener. Loops accept, by the descriptor.
func (l *Listener) Accept() (net.Conn, error) { return nil, net.ErrClosed }

// Close implements net.Listener.
func (l *Listener) Close() error { return nil }

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return address }

var address = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}

// Connect has a client come. s must be new, or have been closed by the server.
func (l *Listener) Connect(s *Socket) error {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.closed {
		return syscall.ECONNREFUSED
	}
	*s = Socket{Written: s.Written, net: n}
	l.backlog = append(l.backlog, s)
	l.set.changed(end{listener: l})
	return nil
}

// Open opens a set of sockets for a loop; see [lane.NewLoops].
func (n *Net) Open() (lane.Sockets, error) {
	return &set{net: n, wake: make(chan struct{}, 1)}, nil
}

// set implements [lane.Sockets]. The network's lock guards it.
type set struct {
	net   *Net
	ready []end // that may have an event; looked at when asked
	wake  chan struct{}
	sleep bool
}

// changed notes that there may be something to do with e. A nil set is that of what nobody watches yet.
func (s *set) changed(e end) {
	if s == nil || e.isReady() {
		return
	}
	e.setReady(true)
	s.ready = append(s.ready, e)
	if s.sleep {
		s.sleep = false
		s.Wake()
	}
}

func (e end) isReady() bool {
	if e.socket != nil {
		return e.socket.ready
	}
	return e.listener.ready
}

func (e end) set() *set {
	if e.socket != nil {
		return e.socket.set
	}
	return e.listener.set
}

func (e end) setReady(is bool) {
	if e.socket != nil {
		e.socket.ready = is
	} else {
		e.listener.ready = is
	}
}

func (e end) event() lane.Event {
	if e.socket != nil {
		return lane.Event{FD: int(e.socket.fd), Interest: e.socket.can()}
	}
	if len(e.listener.backlog) > 0 && !e.listener.closed {
		return lane.Event{FD: e.listener.FD, Interest: lane.Readable}
	}
	return lane.Event{}
}

// Poll implements lane.Sockets. What has an event is looked at again the next time, as what is done with it may not be all.
func (s *set) Poll(events []lane.Event) int {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.poll(events)
}

func (s *set) poll(events []lane.Event) (n int) {
	looked := 0
	for _, e := range s.ready {
		if n == len(events) {
			break
		}
		looked++
		if e.set() != s {
			continue // it was forgotten
		}
		event := e.event()
		if event.Interest == 0 {
			e.setReady(false)
			continue
		}
		events[n] = event
		n++
		s.ready = append(s.ready, e)
	}
	s.ready = s.ready[looked:]
	return n
}

// Wait implements lane.Sockets.
func (s *set) Wait(events []lane.Event, until time.Time) int {
	s.net.mu.Lock()
	n := s.poll(events)
	s.sleep = n == 0
	s.net.mu.Unlock()
	if n > 0 {
		return n
	}
	var alarm <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		alarm = timer.C
	}
	select {
	case <-s.wake:
	case <-alarm:
	}
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.sleep = false
	return s.poll(events)
}

// Wake implements lane.Sockets.
func (s *set) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Watch implements lane.Sockets.
func (s *set) Watch(fd int, interest lane.Interest) error {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	e := s.net.ends[fd]
	if e.socket != nil {
		e.socket.set, e.socket.interest = s, interest
	} else {
		e.listener.set = s
	}
	s.changed(e)
	return nil
}

// Forget implements lane.Sockets.
func (s *set) Forget(fd int) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.net.ends[fd].forget()
}

// forget takes e out of its set, in whose list it may stand until the set looks there.
func (e end) forget() {
	e.setReady(false)
	if e.socket != nil {
		e.socket.set, e.socket.interest = nil, 0
	} else {
		e.listener.set = nil
	}
}

// Accept implements lane.Sockets.
func (s *set) Accept(listener int) (int, error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	l := s.net.ends[listener].listener
	if len(l.backlog) == 0 {
		return 0, lane.ErrAgain
	}
	socket := l.backlog[0]
	l.backlog = l.backlog[1:]
	fd := s.net.number(end{socket: socket})
	socket.fd = int32(fd)
	return fd, nil
}

// Read implements lane.Sockets.
func (s *set) Read(fd int, into []byte) (int, error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	return s.net.ends[fd].socket.read(into)
}

// Write implements lane.Sockets.
func (s *set) Write(fd int, from []byte) (int, error) {
	s.net.mu.Lock()
	socket := s.net.ends[fd].socket
	s.net.mu.Unlock()
	return socket.write(from)
}

// Close implements lane.Sockets.
func (s *set) Close(fd int) {
	s.net.mu.Lock()
	e := s.net.ends[fd]
	s.net.ends[fd] = end{}
	s.net.spare = append(s.net.spare, fd)
	e.forget()
	var closed []*Socket
	if e.socket != nil {
		closed = []*Socket{e.socket}
	} else {
		e.listener.closed = true
		closed, e.listener.backlog = e.listener.backlog, nil
	}
	for _, socket := range closed {
		socket.closed = true
	}
	s.net.mu.Unlock()
	for _, socket := range closed {
		socket.Written(socket, nil)
	}
}

// Peer implements lane.Sockets.
func (s *set) Peer(int) string { return "127.0.0.1:1" }

// Release implements lane.Sockets.
func (s *set) Release() error { return nil }

// Reserve makes room for so many descriptors at once, so that measurements have it before them.
func (n *Net) Reserve(descriptors int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ends = slices.Grow(n.ends, descriptors)
}
