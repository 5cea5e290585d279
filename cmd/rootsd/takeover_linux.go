package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// longestSocketPath is what fits into a sockaddr_un, with the byte 0 behind it.
	longestSocketPath = 107
	// longestTalk is more than either side ever says.
	longestTalk = 64 << 10
	// mostPassed sockets are read.
	mostPassed = 32
)

// handoverPath returns the path of the socket beside a state file.
func handoverPath(stateFile string) string { return stateFile + ".sock" }

// errSilent says that the other has said nothing: it has looked whether somebody is here, and left.
var errSilent = errors.New("nothing was said")

// handover waits on a socket for a rootsd that is to take this one's place.
type handover struct {
	listener  *net.UnixListener
	introduce introducer
	log       *slog.Logger
	running   sync.WaitGroup
	ready     chan struct{} // closed when next is there

	mu     sync.Mutex // guards what follows
	talks  *talk      // with one that is not ready yet
	closes bool
	next   *talk // with the one that waits for this daemon's end
}

// listenHandover begins to wait. It is errRunning if another rootsd does so at the same path; an heir takes that one's name
// away, which has left.
func listenHandover(stateFile string, heir bool, log *slog.Logger, introduce introducer) (*handover, error) {
	path := handoverPath(stateFile)
	unlock, err := enterDirectory(path)
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch t, err := dialHandover(path); {
	case err == nil && heir:
		_ = t.Close() // there was nothing said
	case err == nil:
		return nil, errors.Join(errRunning, t.Close())
	case !errors.Is(err, errNobody):
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &handover{listener: listener, introduce: introduce, log: log, ready: make(chan struct{})}, nil
}

// enterDirectory sees that a socket is out of others' reach, and keeps other rootsds from making theirs at the same time,
// until unlock is called.
func enterDirectory(path string) (unlock func(), err error) {
	if len(path) > longestSocketPath {
		return nil, fmt.Errorf("the path %s is longer than the %d bytes that a socket may have; set a shorter state.file", path, longestSocketPath)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	info, err := dir.Stat()
	if err == nil {
		if why := private(info, 0o700); why != nil {
			err = fmt.Errorf("the directory %s must be of the user of rootsd alone: %w", dir.Name(), why)
		}
	}
	if err == nil {
		err = unix.Flock(int(dir.Fd()), unix.LOCK_EX)
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return func() { _ = dir.Close() }, nil // which unlocks it
}

// start begins to talk to those who come. All ports must be open. What it starts, close ends.
func (h *handover) start() { h.running.Go(h.serve) }

// serve talks to those who come, one after the other, until one of them is ready to take over.
func (h *handover) serve() {
	for {
		conn, err := h.listener.AcceptUnix()
		if err != nil {
			return
		}
		t := newTalk(conn)
		if !h.begin(t) {
			return
		}
		err = h.talk(t)
		if h.end(t, err == nil) {
			return
		}
		if errors.Is(err, errSilent) {
			continue
		}
		h.log.Warn("a takeover has failed; this rootsd goes on", "by", t.pid, "err", err)
	}
}

// begin notes that t is talked to. It reports false when this daemon does not listen any more.
func (h *handover) begin(t *talk) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closes {
		_ = t.Close() // there was nothing said
		return false
	}
	h.talks = t
	return true
}

// end notes what came of the talk, and reports whether it was the last.
func (h *handover) end(t *talk, isReady bool) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.talks = nil
	if !isReady {
		_ = t.Close() // the error that matters is there
		return h.closes
	}
	h.next = t
	close(h.ready)
	return true
}

// talk tells one that has come what it needs, and waits until it is ready.
func (h *handover) talk(t *talk) error {
	var who introduction
	if err := t.hear(&who, talkTime); errors.Is(err, io.EOF) {
		return errSilent
	} else if err != nil {
		return err
	}
	if who.Protocol != takeoverProtocol {
		refusal := fmt.Sprintf("it is rootsd %s, which hands over in another way than %s; stop it and start this one", version, who.Version)
		return errors.Join(errors.New("its version hands over in another way"), t.say(welcome{Refusal: refusal}))
	}
	w, listeners, err := h.introduce()
	if err != nil {
		return errors.Join(err, t.say(welcome{Refusal: err.Error()}))
	}
	fds, err := descriptorsOf(listeners)
	defer closeDescriptors(fds)
	if err != nil {
		return err
	}
	if err := t.say(w, fds...); err != nil {
		return err
	}
	var r ready
	if err := t.hear(&r, readyTime); err != nil {
		return fmt.Errorf("it was not ready: %w", err)
	}
	if !r.Go {
		return errors.New("it has said that it is not ready")
	}
	return nil
}

// close ends the waiting, and tells the one that is ready that this daemon has left; problem says why it has left nothing.
func (h *handover) close(problem error) error {
	h.mu.Lock()
	h.closes = true
	if h.talks != nil {
		_ = h.talks.Close() // it finds that nobody answers
	}
	if h.next != nil {
		h.listener.SetUnlinkOnClose(false) // its name is the next one's, and whoever comes before that has it is told to wait
		h.mu.Unlock()
		return errors.Join(h.next.bow(problem), h.listener.Close())
	}
	h.mu.Unlock()
	err := h.listener.Close() // which removes the socket
	if h.running.Wait(); h.next != nil {
		err = errors.Join(err, h.next.bow(problem))
	}
	return err
}

// bow tells the one that is ready that this daemon has left, and waits until that has all that it needs.
func (t *talk) bow(problem error) error {
	var f farewell
	if problem != nil {
		f.Problem = problem.Error()
	}
	if err := t.say(f); err != nil {
		return errors.Join(fmt.Errorf("the rootsd %d that was to take over has gone, and nobody serves: %w", t.pid, err), t.Close())
	}
	_, _ = t.lines.ReadByte() // there comes nothing but the end, or it takes too long
	return t.Close()
}

// pid returns the process that takes over.
func (h *handover) pid() int { return h.next.pid }

// predecessor is the rootsd whose place this one takes.
type predecessor struct {
	*talk
	welcome welcome
	sockets []*socket
}

// callPredecessor asks the rootsd with this state file for what it has. It is errNobody where there is none.
func callPredecessor(stateFile string) (*predecessor, error) {
	path := handoverPath(stateFile)
	unlock, err := enterDirectory(path)
	if err != nil {
		return nil, err
	}
	unlock()
	t, err := dialHandover(path)
	if err != nil {
		return nil, err
	}
	p := &predecessor{talk: t}
	if err := p.ask(); err != nil {
		return nil, errors.Join(fmt.Errorf("the running rootsd: %w", err), t.Close())
	}
	return p, nil
}

func (p *predecessor) ask() error {
	if err := p.say(introduction{Protocol: takeoverProtocol, Version: version}); err != nil {
		return err
	}
	if err := p.hear(&p.welcome, talkTime); err != nil {
		return err
	}
	fds := p.fds
	p.fds = nil
	if p.welcome.Refusal != "" {
		return errors.New(p.welcome.Refusal)
	}
	if len(fds) != len(p.welcome.Sockets) {
		closeDescriptors(fds)
		return fmt.Errorf("it named %d sockets and passed %d", len(p.welcome.Sockets), len(fds))
	}
	for i, fd := range fds {
		l, err := listenerOf(fd)
		if err != nil {
			closeDescriptors(fds[i+1:])
			closeUntaken(p.sockets)
			return err
		}
		passed := p.welcome.Sockets[i]
		p.sockets = append(p.sockets, &socket{name: passed.Key, asked: passed.Address, listener: l})
	}
	return nil
}

// dismiss tells the old one to go.
func (p *predecessor) dismiss() error { return p.say(ready{Go: true}) }

// leave waits until the old one has left; problem says why it has left no state.
func (p *predecessor) leave() (problem string, err error) {
	var f farewell
	if err := p.hear(&f, p.welcome.Drain+leaveTime); err != nil {
		return "", err
	}
	return f.Problem, nil
}

// talk is one side's end of a connection between the old rootsd and the new one.
type talk struct {
	*net.UnixConn
	lines *bufio.Reader
	pid   int   // of the other
	fds   []int // that came and were not used yet
}

// reserve sees that a state of so many bytes could be written.
func (f *stateFile) reserve(size int64) error {
	file, err := f.create()
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(file.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = nil // this file system does not tell
	}
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

func newTalk(conn *net.UnixConn) *talk {
	t := &talk{UnixConn: conn}
	t.lines = bufio.NewReaderSize(io.LimitReader(receiver{t}, 2*longestTalk), longestTalk)
	return t
}

// dialHandover connects to a rootsd that waits at path; errNobody if none does.
func dialHandover(path string) (*talk, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNobody
	}
	if err == nil && info.Mode().Type() != fs.ModeSocket {
		err = fmt.Errorf("%s is no socket", path)
	}
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, errNobody // it is left over
	}
	if err != nil {
		return nil, err
	}
	return newTalk(conn), nil
}

// hear reads what the other says next, if it is of the same user.
func (t *talk) hear(into any, within time.Duration) error {
	if err := t.SetDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	if err := t.identify(); err != nil {
		return err
	}
	line, err := t.lines.ReadSlice('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

// identify asks the system who the other is.
func (t *talk) identify() error {
	raw, err := t.SyscallConn()
	if err != nil {
		return err
	}
	var who *unix.Ucred
	control := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(control, err); err != nil {
		return err
	}
	if t.pid = int(who.Pid); int(who.Uid) != os.Geteuid() {
		return fmt.Errorf("process %d belongs to the user with the number %d, and this one to %d", who.Pid, who.Uid, os.Geteuid())
	}
	return nil
}

// say says what, and passes descriptors along.
func (t *talk) say(what any, fds ...int) error {
	line, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if err := t.SetDeadline(time.Now().Add(talkTime)); err != nil {
		return err
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	_, _, err = t.WriteMsgUnix(append(line, '\n'), rights, nil)
	return err
}

// receiver reads a talk, and keeps the descriptors that come along.
type receiver struct{ *talk }

func (r receiver) Read(into []byte) (int, error) {
	rights := make([]byte, unix.CmsgSpace(mostPassed*4))
	n, rn, _, _, err := r.ReadMsgUnix(into, rights)
	n, rn = max(n, 0), max(rn, 0) // they are -1 with an error
	messages, parseErr := unix.ParseSocketControlMessage(rights[:rn])
	for _, m := range messages {
		fds, rightsErr := unix.ParseUnixRights(&m)
		parseErr = errors.Join(parseErr, rightsErr)
		r.fds = append(r.fds, fds...)
	}
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, errors.Join(err, parseErr)
}

// Close closes the connection and what came over it.
func (t *talk) Close() error {
	closeDescriptors(t.fds)
	t.fds = nil
	return t.UnixConn.Close()
}
