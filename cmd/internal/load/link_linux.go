package load

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// peer is who a link is for: a client or a publisher.
type peer interface {
	sink
	connected()       // the link may send now
	broken(err error) // the link is closed, and not because its peer wanted that
}

// link is one connection of the engine, or the place for one.
type link struct {
	e      *engine
	owner  peer
	slot   int32
	life   int32 // how often it was closed: tells events of an earlier connection
	fd     int   // -1 where there is none
	up     bool
	out    []byte // what there was no room for
	reader reader
}

// dial begins to connect; connected or broken follows.
func (l *link) dial(to *target, transport Transport) {
	l.reader.reset(transport)
	fd, err := to.dial(int(l.slot))
	if err == nil {
		l.fd, l.up = fd, false
		err = l.e.watch(l)
	}
	if err != nil {
		l.fail(err)
	}
}

// close closes without a word to the owner.
func (l *link) close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd)
	}
	l.fd, l.up, l.out = -1, false, l.out[:0]
	l.life++
}

func (l *link) fail(err error) {
	l.close()
	l.owner.broken(err)
}

// send sends b, or keeps what there is no room for.
func (l *link) send(b []byte) {
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
func (l *link) event(flags uint32) {
	if !l.up && !l.arrive() {
		return
	}
	life := l.life
	if flags&unix.EPOLLOUT != 0 && len(l.out) > 0 {
		rest := l.out
		l.out = nil
		l.send(rest)
	}
	ended := flags&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
	if life == l.life && (ended || flags&unix.EPOLLIN != 0) {
		l.read(ended)
	}
}

// arrive ends the connecting, and tells whether there is a connection to go on with.
func (l *link) arrive() bool {
	code, err := unix.GetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		l.fail(fmt.Errorf("connecting to %s: %w", l.e.targetOf(l).name, err))
		return false
	}
	life := l.life
	l.up = true
	l.owner.connected()
	return life == l.life
}

// read reads all that has come. A short read empties the socket, unless its end has come too.
func (l *link) read(ended bool) {
	life, b := l.life, l.e.buffer
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
