//go:build !linux

package proxytest

import (
	"os"
	"os/exec"
)

func group(*exec.Cmd) {}

func stop(cmd *exec.Cmd) { _ = cmd.Process.Signal(os.Interrupt) }

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
