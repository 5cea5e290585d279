//go:build !unix

package main

import (
	"errors"
	"io/fs"
	"os"
)

// canKeepState says whether this system has what a state file needs: owners and modes, and names that can be removed while
// the file is read.
const canKeepState = false

func openPlain(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func private(fs.FileInfo, fs.FileMode) error { return errors.ErrUnsupported }

func syncDirectory(string) error { return errors.ErrUnsupported }
