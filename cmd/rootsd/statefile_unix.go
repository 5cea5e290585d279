//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// canKeepState says whether this system has what a state file needs: owners and modes, and names that can be removed while
// the file is read.
const canKeepState = true

// openPlain opens a file for reading, and nothing but a file: a symbolic link is not followed, and a FIFO not waited for.
func openPlain(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) {
		return nil, errors.New("it is a symbolic link")
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// private says why a file, or what is in a directory, may have been read or written by others; mode is what it should have.
func private(info fs.FileInfo, mode fs.FileMode) error {
	if owner := int(info.Sys().(*syscall.Stat_t).Uid); owner != os.Geteuid() {
		return fmt.Errorf("it belongs to the user with the number %d, and rootsd runs as %d", owner, os.Geteuid())
	}
	if has := info.Mode().Perm(); has&0o077 != 0 {
		return fmt.Errorf("others may read or change it: its mode is %#o, not %#o", has, mode)
	}
	return nil
}

// syncDirectory has the names in a directory survive a power failure.
func syncDirectory(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
