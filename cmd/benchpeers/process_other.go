//go:build !linux

package main

import (
	"context"
	"errors"
	"time"
)

var errPlatform = errors.New("measuring needs Linux")

// A process is a server that this program has started.
type process struct{}

func startProcess(context.Context, int, string, []string, ...string) (*process, error) {
	return nil, errPlatform
}

func (*process) stop()                       {}
func (*process) cpu() (time.Duration, error) { return 0, errPlatform }
func (*process) resident() (int64, error)    { return 0, errPlatform }

func twoCores() (server, generator int, err error) { return 0, 0, errPlatform }
func pinSelf(int) error                            { return errPlatform }
func raiseFiles() (int, error)                     { return 0, errPlatform }
