package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/push"
)

// errNoState says that state.file is off, or means that it is.
var errNoState = errors.New("nothing is kept across a restart")

// newStateFile returns where state is kept, and has made the directory. Where nothing is kept, the file is nil; the error
// is errNoState if that is as the configuration says, and else what is in the way.
func newStateFile(c *Config) (*stateFile, error) {
	path, err := statePath(c)
	if err != nil {
		return nil, err
	}
	f := &stateFile{path: path, format: push.StateVersion, node: c.Name, age: c.State.Age}
	if !canKeepState {
		return nil, fmt.Errorf("sessions cannot be kept on %s", runtime.GOOS)
	}
	if err := prepareDirectory(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("cannot keep sessions in %s: %w", filepath.Dir(path), withoutName(err))
	}
	if err := f.examine(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return f, nil
}

// statePath returns the absolute path of the state file. It is errNoState where nothing is to be kept, as for "auto" on a
// port that is another with each start.
func statePath(c *Config) (string, error) {
	_, number, _ := net.SplitHostPort(c.Push.Listen)
	switch {
	case c.State.File == "off" || c.Push.Listen == "":
		return "", errNoState
	case c.State.File != "auto":
		return filepath.Abs(c.State.File)
	case number == "0":
		return "", errNoState
	}
	if own, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(own) {
		return filepath.Join(own, "rootsd.state"), nil
	}
	shared := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(shared) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return "", errors.New("neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME names a directory; set state.file")
		}
		shared = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(shared, "rootsd", c.Name+"-"+number+".state"), nil
}

// findState chooses the daemon's state file. That sessions cannot be kept is an error where a file was named.
func (d *daemon) findState() error {
	f, err := newStateFile(d.config)
	var foreign *foreignState
	switch {
	case err == nil:
		d.state = f
	case errors.Is(err, errNoState):
	case errors.As(err, &foreign) || d.config.State.File != "auto":
		return fmt.Errorf("state.file: %w", err)
	default:
		d.log.Warn("sessions will not survive a restart: " + err.Error())
	}
	return nil
}

// noteNames notes what the daemon's components are called. They are gone when the state is written.
func (d *daemon) noteNames() {
	d.names = map[dispatch.ID]string{d.controller.ID(): "rootsd"}
	for id, component := range d.controller.Registered() {
		if name, ok := d.senders[component]; ok {
			d.names[id] = name
		}
	}
}

// namedID returns the ID that the component of a name has, or "".
func (d *daemon) namedID(name string) dispatch.ID {
	for id, other := range d.names {
		if other == name {
			return id
		}
	}
	return ""
}

// restore takes over what another daemon left, if it did. Whatever is wrong with that, this one starts: then it is as if
// there were nothing.
func (d *daemon) restore() {
	if d.state == nil {
		return
	}
	began := time.Now()
	s, err := d.state.take(began)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		d.refuse(err)
		return
	}
	defer func() { _ = s.Close() }() // it was only read
	saved, err := d.push.Restore(s, d.namedID)
	if err != nil {
		d.refuse(err)
		return
	}
	age := began.Sub(s.header.Saved)
	told := d.deaf(s.header.Sockets, age)
	if told {
		d.push.MarkAll()
	}
	d.log.Info("state read", append(countsOf(saved), "bytes", s.size, "age", age.Round(time.Millisecond),
		"took", time.Since(began).Round(time.Millisecond), "marked", told)...)
}

// patientBackEnd is for how long at the least a back-end waits for an answer, as connectors do.
const patientBackEnd = 5 * time.Second

// deaf tells whether back-ends may have been refused since the state was written, so long ago: where one of their ports does
// not have the socket that it had, or where those who came to that socket have given up by now. Clients are told then, as
// what was refused would be missing for ever. The demo has begun anew in any case.
func (d *daemon) deaf(before map[string]uint64, age time.Duration) bool {
	now := d.hearing()
	return d.withDemo || age > patientBackEnd || slices.ContainsFunc(backEnds, func(key string) bool { return now[key] != before[key] || now[key] == unknownSocket })
}

// backEnds are the ports that updates come by.
var backEnds = []string{"ingest.listen", "line.listen", "line.http"}

// unknownSocket is for a socket that cannot be told from others.
const unknownSocket = 1

// hearing returns which sockets the ports of back-ends have, by their keys.
func (d *daemon) hearing() map[string]uint64 {
	sockets := make(map[string]uint64)
	for _, p := range d.ports {
		if slices.Contains(backEnds, p.key) {
			sockets[p.key] = p.inode
		}
	}
	return sockets
}

func (d *daemon) refuse(why error) {
	d.log.Warn("state refused; clients begin afresh", "file", d.state.path, "why", why)
}

// save leaves what there is to the next daemon. The components must be closed.
func (d *daemon) save() error {
	if d.state == nil {
		return nil
	}
	began := time.Now()
	var saved push.Saved
	d.state.sockets = d.hearing()
	size, err := d.state.write(began, func(w io.Writer) (err error) {
		saved, err = d.push.Save(w, func(id dispatch.ID) string { return d.names[id] })
		return err
	})
	if err != nil {
		return fmt.Errorf("state: not written, so that clients will begin afresh: %w", err)
	}
	d.log.Info("state written", append(countsOf(saved), "bytes", size, "took", time.Since(began).Round(time.Millisecond))...)
	return nil
}

func countsOf(s push.Saved) []any {
	return []any{
		slog.Int("sessions", s.Sessions), slog.Int("subscriptions", s.Subscriptions),
		slog.Int("permits", s.Permits), slog.Int("messages", s.Messages),
	}
}
