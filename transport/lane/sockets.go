package lane

import (
	"errors"
	"net"
	"time"
)

// Sockets is what one event loop asks of the system: a set of descriptors that it watches, and calls on them that never
// wait. It is all that the loops know of sockets, so that tests and benchmarks can put a stand-in in its place. Wake may be
// called from any goroutine, the others by the loop alone.
type Sockets interface {
	// Wait fills events with descriptors for which something is to be done, and returns how many those are. With none it
	// waits until there is one, Wake is called, or until comes; the zero time never comes.
	Wait(events []Event, until time.Time) int
	// Poll is Wait without waiting.
	Poll(events []Event) int
	// Wake has a Wait return, or the next one.
	Wake()

	// Watch says what is of interest about a descriptor from now on. An end of the connection always is.
	Watch(fd int, interest Interest) error
	// Forget takes a descriptor out of the set.
	Forget(fd int)

	// Accept takes the next connection of a listening descriptor.
	Accept(listener int) (fd int, err error)
	// Read reads what has come: 0 and no error at its end.
	Read(fd int, into []byte) (int, error)
	// Write writes as much as the system takes now.
	Write(fd int, from []byte) (int, error)
	// CloseWrite says to the other side that nothing more is written.
	CloseWrite(fd int)
	// Close closes a descriptor that is watched or not.
	Close(fd int)
	// Conn makes a descriptor that is not watched into a net.Conn, which owns it from then on. With an error it is closed.
	Conn(fd int) (net.Conn, error)
	// Peer returns the address at the other end, for logs.
	Peer(fd int) string

	// Release gives back what the set itself holds. It is called once, when nothing else will be.
	Release() error
}

// Interest is what a loop wants to hear of about a descriptor.
type Interest uint8

// They may be combined.
const (
	Readable Interest = 1 << iota // there is something to read, or to accept, or the other side has ended
	Writable                      // there is room to write
)

// Event says that something may be done with a descriptor without waiting.
type Event struct {
	FD int
	Interest
}

// ErrAgain is what a call of [Sockets] returns that would have to wait.
var ErrAgain = errors.New("the socket is not ready")
