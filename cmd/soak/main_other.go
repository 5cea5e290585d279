//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "soak: it needs Linux: clients wait on epoll, and memory is read from /proc")
	os.Exit(1)
}
