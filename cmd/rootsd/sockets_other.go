//go:build !linux

package main

// activatedSockets is for systemd, and so for Linux.
func activatedSockets() ([]*socket, error) { return nil, nil }

// monotonicNow is for systemd.
func monotonicNow() string { return "" }
