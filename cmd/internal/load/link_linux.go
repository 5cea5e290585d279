package load

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Peer is whom a link is for. Its methods are called by [Loop.Turn], and by those of the link itself where they fail.
type Peer interface {
	Sink
	Connected()       // the link may send now
	Broken(err error) // the link is closed, and not because its peer wanted that
}

// Link is one connection of a [Loop], or the place for one. Make it one of a loop's by [Loop.Add].
type Link struct {
	// Window is the size of the system's buffer for what comes, in bytes [whatever the system takes]. With one, packets are
	// small as well, so that the server's system does not keep much either, and the server notices soon that nobody
	// reads. It counts from the next Dial.
	Window int

	loop   *Loop
	owner  Peer
	to     *Target
	slot   int32
	life   int32 // how often it was closed: tells events of an earlier connection
	fd     int   // -1 where there is none
	up     bool
	deaf   bool   // nothing is read
	ended  bool   // the end has come while nothing was read
	out    []byte // what there was no room for
	reader reader
}

// Dial begins to connect; the owner's Connected or Broken follows. There must be no connection.
func (l *Link) Dial(to *Target, transport Transport) {
	l.reader.reset(transport)
	l.to = to
	fd, err := to.dial(int(l.slot), l.Window)
	if err == nil {
		l.fd, l.up = fd, false
		err = l.loop.watch(l)
	}
	if err != nil {
		l.fail(err)
	}
}

// Close closes the connection, if there is one, without a word to the owner.
func (l *Link) Close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
	}
	l.fd, l.up, l.deaf, l.ended, l.out = -1, false, false, false, l.out[:0]
	l.life++
}

// Reset is Close by a RST, as when a machine is turned off and another answers in its place.
func (l *Link) Reset() {
	if l.fd >= 0 {
		_ = unix.SetsockoptLinger(l.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	l.Close()
}

// Idle tells whether there is no connection, and none is on its way.
func (l *Link) Idle() bool { return l.fd < 0 }

// Up tells whether there is a connection that may send.
func (l *Link) Up() bool { return l.up }

// Deafen has the link read nothing more, until Listen.
func (l *Link) Deafen() { l.deaf = true }

// Listen reads what has come since Deafen, and goes on reading.
func (l *Link) Listen() {
	if !l.deaf {
		return
	}
	if l.deaf = false; l.up {
		l.read(l.ended)
	}
}

func (l *Link) fail(err error) {
	l.Close()
	l.owner.Broken(err)
}

// Send sends b, or keeps what there is no room for.
func (l *Link) Send(b []byte) {
	if len(l.out) > 0 {
		l.out = append(l.out, b...)
		return
	}
	n, errno := write(l.fd, b)
	switch {
	case errno == unix.EAGAIN:
		n = 0
	case errno != 0:
		l.fail(os.NewSyscallError("write", errno))
		return
	}
	l.out = append(l.out, b[n:]...)
}

// event takes what epoll says. Events are edges, so all that has come is read.
func (l *Link) event(flags uint32) {
	if !l.up && !l.arrive() {
		return
	}
	life := l.life
	if flags&unix.EPOLLOUT != 0 && len(l.out) > 0 {
		rest := l.out
		l.out = nil
		l.Send(rest)
	}
	ended := flags&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	switch {
	case life != l.life || !ended && flags&unix.EPOLLIN == 0:
	case l.deaf:
		l.ended = l.ended || ended
	default:
		l.read(ended)
	}
}

// arrive ends the connecting, and tells whether there is a connection to go on with.
func (l *Link) arrive() bool {
	code, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		l.fail(fmt.Errorf("connecting to %s: %w", l.to.name, err))
		return false
	}
	life := l.life
	l.up = true
	l.owner.Connected()
	return life == l.life
}

// read reads all that has come. A short read empties the socket, unless its end has come too.
func (l *Link) read(ended bool) {
	life, b := l.life, l.loop.buffer
	for {
		n, errno := read(l.fd, b)
		switch {
		case errno == unix.EAGAIN:
			return
		case errno != 0:
			l.fail(os.NewSyscallError("read", errno))
			return
		}
		var err error
		if n == 0 {
			err = l.reader.end(l.owner)
		} else {
			err = l.reader.feed(b[:n], l.owner)
		}
		if l.life != life {
			return // its owner has closed it
		}
		if err != nil {
			l.fail(err)
			return
		}
		if n == 0 || n < len(b) && !ended {
			return
		}
	}
}
