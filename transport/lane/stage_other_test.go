//go:build !linux

package lane_test

import "syscall"

// smallWindow is for Linux, where the loops are.
func smallWindow(_, _ string, _ syscall.RawConn) error { return nil }

// smallQueue is for Linux, where the loops are.
func smallQueue(_, _ string, _ syscall.RawConn) error { return nil }
