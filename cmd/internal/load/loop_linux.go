package load

import (
	"errors"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	bufferSize  = 256 << 10
	eventsAWait = 256
)

// Loop is an epoll set and the connections in it. It and its links belong to one goroutine.
type Loop struct {
	Busy bool // never sleep: the server then does not pay for waking this process

	epoll  int
	events []unix.EpollEvent
	buffer []byte  // what was read last; shared by all connections
	links  []*Link // by slot
}

// NewLoop makes a loop without connections. Close it when it is done with.
func NewLoop() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &Loop{epoll: epoll, events: make([]unix.EpollEvent, eventsAWait), buffer: make([]byte, bufferSize)}, nil
}

// Add makes a link one of the loop's, for as long as that is. It is not connected yet; what happens to it its owner is told.
func (e *Loop) Add(l *Link, owner Peer) {
	l.loop, l.owner, l.slot, l.fd = e, owner, int32(len(e.links)), -1
	e.links = append(e.links, l)
}

// Close closes all connections, and tells nobody.
func (e *Loop) Close() {
	for _, l := range e.links {
		l.Close()
	}
	_ = unix.Close(e.epoll)
}

// watch has epoll tell of whatever happens to a link, once each time.
func (e *Loop) watch(l *Link) error {
	event := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     l.slot, Pad: l.life,
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(e.epoll, unix.EPOLL_CTL_ADD, l.fd, &event))
}

// Turn waits for at most this long, or not at all, and takes what has come: the links' owners are told.
func (e *Loop) Turn(most time.Duration) error {
	n, err := e.wait(most)
	if err != nil {
		return err
	}
	for _, event := range e.events[:n] {
		if l := e.links[event.Fd]; l.fd >= 0 && l.life == event.Pad {
			l.event(event.Events)
		}
	}
	return nil
}

// wait asks epoll, first without waiting.
func (e *Loop) wait(most time.Duration) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.epoll), uintptr(unsafe.Pointer(&e.events[0])),
		uintptr(len(e.events)), 0, 0, 0)
	if errno == 0 && n == 0 && !e.Busy && most >= time.Millisecond {
		slept, err := unix.EpollWait(e.epoll, e.events, int(most/time.Millisecond))
		n, errno = uintptr(max(slept, 0)), 0
		if err != nil && !errors.As(err, &errno) {
			return 0, err
		}
	}
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, os.NewSyscallError("epoll_wait", errno)
}
