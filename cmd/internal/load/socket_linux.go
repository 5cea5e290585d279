package load

import (
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sourceAddresses is over how many addresses of 127.0.1.0/24 clients are spread: each has some 28,000 ports of its own.
const sourceAddresses = 8

// Target is where connections go.
type Target struct {
	name   string // as it was given
	family int
	to     unix.Sockaddr
	spread bool // the target is on IPv4's loopback, so that any other address of that may be the source
}

// Resolve finds an address of host:port.
func Resolve(name string) (*Target, error) {
	a, err := net.ResolveTCPAddr("tcp", name)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", name, err)
	}
	if ip := a.IP.To4(); ip != nil {
		return &Target{name, unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}, ip.IsLoopback()}, nil
	}
	to := &unix.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())}
	return &Target{name: name, family: unix.AF_INET6, to: to}, nil
}

// dial begins to connect a non-blocking socket, with a buffer of so many bytes for what comes, if that is not 0.
// Connections of different numbers have different source addresses, where that is possible.
func (t *Target) dial(number, window int) (fd int, err error) {
	fd, err = unix.Socket(t.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err = t.connect(fd, number, window); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("connecting to %s: %w", t.name, err)
	}
	return fd, nil
}

func (t *Target) connect(fd, number, window int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if window > 0 {
		const smallSegment = 536 // of RFC 9293, where nothing else was said
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, smallSegment); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, window); err != nil {
			return err
		}
	}
	if t.spread {
		// The port is chosen by connect then, which may use one again for another source address.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
			return err
		}
		from := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + number%sourceAddresses)}}
		if err := unix.Bind(fd, from); err != nil {
			return err
		}
	}
	if err := unix.Connect(fd, t.to); err != nil && err != unix.EINPROGRESS {
		return err
	}
	return nil
}

// The calls below never wait, so they spare the scheduler the announcement that a system call might.

// read reads what has come; n is 0 at the end of the connection.
func read(fd int, b []byte) (n int, err unix.Errno) {
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// write writes what there is room for.
func write(fd int, b []byte) (n int, err unix.Errno) {
	for {
		r, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != unix.EINTR {
			return int(r), errno
		}
	}
}

// MakeRoom raises the limit of open files as far as it goes, and says for how many more connections there is room.
func MakeRoom() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			return 0, os.NewSyscallError("setrlimit", err)
		}
	}
	used, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	const spare = 16 // for the run time and the host program
	return max(int(min(limit.Cur, 1<<30))-len(used)-spare, 0), nil
}
