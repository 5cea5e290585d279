package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstActivated is the descriptor of the first socket that systemd gives a process; the others follow.
const firstActivated = 3

// activatedSockets returns the sockets that systemd opened for this process, as sd_listen_fds(3) says. There are none unless
// it was started by a socket unit. What it starts itself is not told of them.
func activatedSockets() ([]*socket, error) {
	pid, count, names := os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for _, name := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		_ = os.Unsetenv(name) // which cannot fail for these
	}
	if pid != strconv.Itoa(os.Getpid()) || count == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > 1000 {
		return nil, fmt.Errorf("systemd's sockets: LISTEN_FDS is %q", count)
	}
	var sockets []*socket
	for i := range n {
		name := "unknown"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		l, err := listenerOf(firstActivated + i)
		if err != nil {
			closeUntaken(sockets)
			return nil, fmt.Errorf("systemd's sockets: %q: %w", name, err)
		}
		sockets = append(sockets, &socket{name: name, listener: l})
	}
	return sockets, nil
}

// listenerOf makes a listener of a descriptor, which is closed.
func listenerOf(fd int) (*net.TCPListener, error) {
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil {
		return nil, fmt.Errorf("it is no socket: %w", err)
	} else if listens == 0 {
		return nil, errors.New("it does not listen; the unit must have ListenStream= and not Accept=yes")
	}
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("it listens at %v, which is no TCP address", l.Addr()), l.Close())
	}
	return tcp, nil
}

// descriptorsOf duplicates the descriptors of sockets, so that they can be sent. The caller closes them.
func descriptorsOf(listeners []*net.TCPListener) (fds []int, err error) {
	for _, l := range listeners {
		raw, err := l.SyscallConn()
		if err != nil {
			return fds, err
		}
		// Not by File and Fd, which would have the socket block, here as well.
		fd, dupErr := -1, error(nil)
		err = raw.Control(func(original uintptr) { fd, dupErr = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0) })
		if err = errors.Join(err, dupErr); err != nil {
			return fds, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

func closeDescriptors(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd) // a duplicate of what is open elsewhere
	}
}

// monotonicNow is the line by which systemd tells a reload from those before.
func monotonicNow() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // Linux has this clock
	return fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000)
}

// inodeOf returns the number of a socket, which is its own as long as some process has it.
func inodeOf(l *net.TCPListener) (inode uint64) {
	raw, err := l.SyscallConn()
	if err != nil {
		return unknownSocket
	}
	inode = unknownSocket
	_ = raw.Control(func(fd uintptr) {
		var status unix.Stat_t
		if unix.Fstat(int(fd), &status) == nil {
			inode = status.Ino
		}
	})
	return inode
}
