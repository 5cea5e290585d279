//go:build !linux

package main

import (
	"errors"
	"fmt"
	"log/slog"
)

// errTakeover says that nobody takes a place here: it is for Linux, where sockets and the user at the other end of one can
// be asked for in the ways that it needs.
var errTakeover = fmt.Errorf("it works on Linux alone: %w", errors.ErrUnsupported)

// handover is for Linux.
type handover struct{ ready chan struct{} }

func listenHandover(string, bool, *slog.Logger, introducer) (*handover, error) {
	return nil, errTakeover
}

func (h *handover) start() {}

func (h *handover) close(error) error { return nil }

func (h *handover) pid() int { return 0 }

// predecessor is for Linux.
type predecessor struct {
	welcome welcome
	sockets []*socket
	pid     int
}

func callPredecessor(string) (*predecessor, error) { return nil, errTakeover }

func (p *predecessor) dismiss() error { return errTakeover }

func (p *predecessor) leave() (problem string, err error) { return "", errTakeover }

// Close is there for what Linux has to close.
func (p *predecessor) Close() error { return nil }

func (f *stateFile) reserve(int64) error { return errTakeover }
