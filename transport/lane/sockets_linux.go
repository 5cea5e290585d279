package lane

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is the [Sockets] of Linux. Calls on sockets are made raw, without telling Go's scheduler: the sockets are
// non-blocking, so there is nothing that it could do meanwhile, and telling costs up to a third of a delivery. A loop
// that has nothing to do is parked in Go's own poller, which watches the epoll set itself like a socket.
type epoll struct {
	file   *os.File // the epoll set, in Go's poller
	raw    syscall.RawConn
	fd     int
	wake   int // an eventfd in the set
	until  time.Time
	native [maxEvents]unix.EpollEvent
}

// OpenSockets opens an empty set.
func OpenSockets() (Sockets, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	// os.NewFile gives Go's poller only what does not block.
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("setting the epoll set non-blocking: %w", err)
	}
	e := &epoll{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	if e.raw, err = e.file.SyscallConn(); err != nil {
		e.file.Close()
		return nil, fmt.Errorf("parking on the epoll set: %w", err)
	}
	if e.wake, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC); err != nil {
		e.file.Close()
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if err := e.Watch(e.wake, Readable); err != nil {
		_ = e.Release()
		return nil, err
	}
	return e, nil
}

// Wait implements Sockets.
func (e *epoll) Wait(events []Event, until time.Time) int {
	if !until.Equal(e.until) {
		_ = e.file.SetReadDeadline(until)
		e.until = until
	}
	n := 0
	_ = e.raw.Read(func(uintptr) bool {
		n = e.poll(events)
		return n != 0
	})
	return max(n, 0)
}

// Poll implements Sockets.
func (e *epoll) Poll(events []Event) int { return max(e.poll(events), 0) }

// poll is Poll that returns -1 when there was nothing but a Wake.
func (e *epoll) poll(events []Event) int {
	size := min(len(events), maxEvents)
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(e.fd),
		uintptr(unsafe.Pointer(&e.native[0])), uintptr(size), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	found := 0
	for i := range e.native[:n] {
		native := &e.native[i]
		if int(native.Fd) == e.wake {
			e.woken()
			continue
		}
		events[found] = Event{int(native.Fd), interestOf(native.Events)}
		found++
	}
	if n > 0 && found == 0 {
		return -1
	}
	return found
}

func interestOf(events uint32) (i Interest) {
	if events&^unix.EPOLLOUT != 0 {
		i |= Readable
	}
	if events&unix.EPOLLOUT != 0 {
		i |= Writable
	}
	return i
}

// Wake implements Sockets.
func (e *epoll) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(e.wake, one[:])
}

func (e *epoll) woken() {
	var count [8]byte
	_, _ = unix.Read(e.wake, count[:])
}

// Watch implements Sockets.
func (e *epoll) Watch(fd int, interest Interest) error {
	event := unix.EpollEvent{Fd: int32(fd)}
	if interest&Readable != 0 {
		event.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if interest&Writable != 0 {
		event.Events |= unix.EPOLLOUT
	}
	err := unix.EpollCtl(e.fd, unix.EPOLL_CTL_MOD, fd, &event)
	if err == unix.ENOENT {
		err = unix.EpollCtl(e.fd, unix.EPOLL_CTL_ADD, fd, &event)
	}
	if err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// Forget implements Sockets.
func (e *epoll) Forget(fd int) { _ = unix.EpollCtl(e.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// Accept implements Sockets. A connection that has ended before it was accepted is passed over.
func (e *epoll) Accept(listener int) (int, error) {
	for {
		fd, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		if errno != unix.ECONNABORTED && errno != unix.EPROTO {
			return result(fd, errno)
		}
	}
}

// Read implements Sockets.
func (e *epoll) Read(fd int, into []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&into[0])), uintptr(len(into)), 0, 0, 0)
	return result(n, errno)
}

// Write implements Sockets.
func (e *epoll) Write(fd int, from []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&from[0])), uintptr(len(from)), unix.MSG_NOSIGNAL, 0, 0)
	return result(n, errno)
}

func result(n uintptr, errno syscall.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, ErrAgain
	}
	return 0, errno
}

// CloseWrite implements Sockets.
func (e *epoll) CloseWrite(fd int) { _ = unix.Shutdown(fd, unix.SHUT_WR) }

// Close implements Sockets. A descriptor that is closed leaves the set by itself.
func (e *epoll) Close(fd int) { _ = unix.Close(fd) }

// Conn implements Sockets.
func (e *epoll) Conn(fd int) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "")
	defer file.Close()
	return net.FileConn(file)
}

// Peer implements Sockets.
func (e *epoll) Peer(fd int) string {
	switch a, _ := unix.Getpeername(fd); a := a.(type) {
	case *unix.SockaddrInet4:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	case *unix.SockaddrInet6:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String()
	}
	return ""
}

// Release implements Sockets.
func (e *epoll) Release() error {
	_ = unix.Close(e.wake)
	return e.file.Close()
}

// listenerFD returns a descriptor of l that loops can accept from. l stays as it is; closing it does not close the
// descriptor. What is set on it here, connections that are accepted inherit.
func listenerFD(l net.Listener) (int, error) {
	conn, ok := l.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("%T has no descriptor", l)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	fd := 0
	control := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err := firstOf(control, err); err != nil {
		return 0, fmt.Errorf("duplicating the listener: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
	return fd, nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
