package lane_test

import "syscall"

// smallWindow has the system keep little that a client has not read.
func smallWindow(_, _ string, raw syscall.RawConn) error { return bound(raw, syscall.SO_RCVBUF) }

// smallQueue has the system keep little that is to be sent on the connections of a listener.
func smallQueue(_, _ string, raw syscall.RawConn) error { return bound(raw, syscall.SO_SNDBUF) }

func bound(raw syscall.RawConn, buffer int) (err error) {
	if failed := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, buffer, 16<<10)
	}); failed != nil {
		return failed
	}
	return err
}
