package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// stateFile is the file in which a daemon that stops leaves its sessions for the next. It holds
//
//	rootsd state\n               what every such file begins with
//	{"format":1,"node":…}\n      a stateHeader
//	…                            what is kept, in that format
//	32 bytes                     the SHA-256 of all that
//
// and secrets, so that nobody else may read it. The first three are the same in every version of rootsd.
type stateFile struct {
	path   string        // absolute
	format int           // of what is written, and the only one that is read
	node   string        // the daemon's name, which its clients' IDs begin with
	age    time.Duration // how old what is read may be

	sockets map[string]uint64 // see stateHeader
}

// stateHeader is what a state file says of itself.
type stateHeader struct {
	Format  int       `json:"format"`
	Node    string    `json:"node"`
	Version string    `json:"version"` // of the rootsd that wrote it, for people
	Saved   time.Time `json:"saved"`

	// Sockets are the inodes of the sockets on which the ports of back-ends listened, by the ports' keys.
	Sockets map[string]uint64 `json:"sockets,omitempty"`
}

const (
	stateMagic = "rootsd state\n"
	// longestStateHeader is more than a header will ever need, and little enough to be read from any file.
	longestStateHeader = 4 << 10
	// stateSkew is how far ahead the clock may have been that a file was written by.
	stateSkew = time.Minute
)

// foreignState is the error about something that stands at the state file's path and is none: nothing may happen to it.
type foreignState struct {
	path string
	why  error
}

func (f *foreignState) Error() string {
	return fmt.Sprintf("%s is not a state file of rootsd's (%v), and is left alone; move it away, or set state.file to another path", f.path, f.why)
}

var (
	errOtherContent = errors.New("it begins otherwise")
	errDamagedState = errors.New("it is damaged")
)

// examine returns a [foreignState] if what stands at the path must not be replaced.
func (f *stateFile) examine() error {
	file, err := f.open()
	if err != nil {
		return err
	}
	return file.Close()
}

// open opens the file that is there, which then is one of rootsd's or a piece of one. The error is fs.ErrNotExist where
// there is none, and a [foreignState] where there is something else.
func (f *stateFile) open() (*os.File, error) {
	file, err := openPlain(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, &foreignState{f.path, withoutName(err)}
	}
	begin := make([]byte, len(stateMagic))
	n, err := io.ReadFull(file, begin)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.Join(&foreignState{f.path, withoutName(err)}, file.Close())
	}
	if !bytes.HasPrefix([]byte(stateMagic), begin[:n]) {
		return nil, errors.Join(&foreignState{f.path, errOtherContent}, file.Close())
	}
	return file, nil
}

// state is a state file that was read, and is gone from the disk. Read gives what is kept.
type state struct {
	io.Reader
	header stateHeader
	size   int64
	file   *os.File
}

func (s *state) Close() error { return s.file.Close() }

// take reads the state file and removes it first, so that neither another process nor this one after a crash reads it
// again. The error is fs.ErrNotExist where there is none; any other says why it is refused.
func (f *stateFile) take(now time.Time) (*state, error) {
	_ = os.Remove(f.beside()) // what a daemon that was killed while it wrote has left, if that is there
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	if err := removeDurably(f.path); err != nil {
		return nil, errors.Join(fmt.Errorf("it cannot be removed, and would be read again: %w", withoutName(err)), file.Close())
	}
	s, err := f.read(file, now)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

func (f *stateFile) read(file *os.File, now time.Time) (*state, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(info, 0o600); err != nil {
		return nil, err
	}
	header, payload, err := readState(file, info.Size())
	if err != nil {
		return nil, err
	}
	if err := f.refuses(header, now); err != nil {
		return nil, err
	}
	return &state{Reader: bufio.NewReaderSize(payload, 1<<16), header: *header, size: info.Size(), file: file}, nil
}

// refuses says why a state that is whole is not for this daemon.
func (f *stateFile) refuses(h *stateHeader, now time.Time) error {
	switch age := now.Sub(h.Saved); {
	case h.Format > f.format:
		return fmt.Errorf("it has format %d, of the newer rootsd %q; this one reads format %d", h.Format, h.Version, f.format)
	case h.Format < f.format:
		return fmt.Errorf("it has format %d, of the older rootsd %q; this one reads format %d", h.Format, h.Version, f.format)
	case h.Node != f.node:
		return fmt.Errorf("it is of a daemon with the name %q, and this one has %q", h.Node, f.node)
	case age > f.age:
		return fmt.Errorf("it is %v old, and state.age allows %v", age.Round(time.Second), f.age)
	case age < -stateSkew:
		return fmt.Errorf("it is from the future: it was written at %v", h.Saved.UTC().Format(time.RFC3339))
	}
	return nil
}

// readState checks the container of size bytes and returns what it holds. It reads all of it once.
func readState(r io.ReaderAt, size int64) (*stateHeader, io.Reader, error) {
	body := size - sha256.Size
	if body < int64(len(stateMagic)) {
		return nil, nil, fmt.Errorf("%w: it is cut off", errDamagedState)
	}
	if err := checkSum(r, body); err != nil {
		return nil, nil, err
	}
	begin := make([]byte, min(body, longestStateHeader))
	if _, err := r.ReadAt(begin, 0); err != nil {
		return nil, nil, err
	}
	text, ok := bytes.CutPrefix(begin, []byte(stateMagic))
	line, _, whole := bytes.Cut(text, []byte("\n"))
	header := new(stateHeader)
	if !ok || !whole || json.Unmarshal(line, header) != nil {
		return nil, nil, fmt.Errorf("%w: its header cannot be read", errDamagedState)
	}
	start := int64(len(stateMagic) + len(line) + 1)
	return header, io.NewSectionReader(r, start, body-start), nil
}

// checkSum compares what stands behind body bytes with their sum.
func checkSum(r io.ReaderAt, body int64) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, body)); err != nil {
		return err
	}
	want := make([]byte, sha256.Size)
	if n, err := r.ReadAt(want, body); n < len(want) {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return fmt.Errorf("%w: its checksum is wrong", errDamagedState)
	}
	return nil
}

// write puts a state file in place of the one before, or leaves that as it was. save writes what is kept. It returns the
// file's size.
func (f *stateFile) write(now time.Time, save func(io.Writer) error) (int64, error) {
	if err := f.examine(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	file, err := f.create()
	if err != nil {
		return 0, err
	}
	size, err := f.fill(file, now, save)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), f.path)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(file.Name()))
	}
	return size, syncDirectory(filepath.Dir(f.path))
}

// beside is where a state file is written before it is given its name.
func (f *stateFile) beside() string { return f.path + ".new" }

// create makes an empty file for the next state. One of that name is left over from a daemon that was killed.
func (f *stateFile) create() (*os.File, error) {
	if err := os.Remove(f.beside()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(f.beside(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

func (f *stateFile) fill(file *os.File, now time.Time, save func(io.Writer) error) (int64, error) {
	header, err := json.Marshal(stateHeader{Format: f.format, Node: f.node, Version: version, Saved: now.UTC(), Sockets: f.sockets})
	if err != nil {
		return 0, err
	}
	w := &summing{buffer: bufio.NewWriterSize(file, 1<<16), sum: sha256.New()}
	if _, err := fmt.Fprintf(w, "%s%s\n", stateMagic, header); err != nil {
		return 0, err
	}
	if err := save(w); err != nil {
		return 0, err
	}
	if _, err := w.buffer.Write(w.sum.Sum(nil)); err != nil {
		return 0, err
	}
	return w.size + sha256.Size, errors.Join(w.buffer.Flush(), file.Sync())
}

// summing writes, and keeps the sum and the size of what it has written.
type summing struct {
	buffer *bufio.Writer
	sum    hash.Hash
	size   int64
}

func (s *summing) Write(p []byte) (int, error) {
	n, err := s.buffer.Write(p)
	s.sum.Write(p[:n])
	s.size += int64(n)
	return n, err
}

// removeDurably removes a file so that it is gone even if the power fails the moment after.
func removeDurably(path string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}
