//go:build unix

package main

import (
	"math"
	"syscall"
)

// descriptors returns how many this process may have. Go has raised that to what the system allows when it started.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}
