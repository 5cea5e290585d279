package line

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Lines at these paths are for the connection that they come by; they are not updates.
const (
	pathExit  dispatch.Path = "::exit"  // close this connection
	pathToken dispatch.Path = "::token" // the message is the secret that Config.Tokens want
)

// Receiver takes lines and gives them to the Dispatcher as updates. It is a component itself, for the sake of its ID,
// which is the sender of these updates. Its methods may be called from any goroutine.
type Receiver struct {
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	id         dispatch.ID
	settings   atomic.Pointer[settings] // changed with mu held
	count      counters
	done       chan struct{}  // closed by Close
	running    sync.WaitGroup // calls of Serve, and connections; added to with mu held

	// mu guards the fields below, and those of connection that say so.
	mu          sync.Mutex
	closed      bool
	listeners   map[net.Listener]struct{}
	connections map[*connection]struct{}
}

// NewReceiver makes a Receiver and registers it. It listens nowhere yet: see Serve and Handler.
func NewReceiver(config Config, controller *dispatch.Controller, dispatcher *dispatch.Dispatcher) *Receiver {
	r := &Receiver{
		controller:  controller,
		dispatcher:  dispatcher,
		done:        make(chan struct{}),
		listeners:   make(map[net.Listener]struct{}),
		connections: make(map[*connection]struct{}),
	}
	r.settings.Store(newSettings(config))
	r.id = controller.Register(r)
	return r
}

// Update implements dispatch.Component. Nothing that is said to a Receiver matters to it.
func (r *Receiver) Update(dispatch.ID, dispatch.Path, *dispatch.Message) {}

// SetConfig changes what is taken from the next line on. Connections that the new tokens would not have admitted are
// closed; those beyond a lower MaxConnections stay.
func (r *Receiver) SetConfig(config Config) {
	s := newSettings(config)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settings.Store(s)
	for c := range r.connections {
		switch {
		case !c.admitted:
			c.awaitFirstLocked(s)
		case !s.admits(c.secret):
			c.conn.Close()
		}
	}
}

// Serve takes connections from l, which it closes in the end, until Close is called, and returns nil then. Where the
// system is short of something, such as file descriptors, Serve waits a little and goes on; any other error ends it and
// is returned, while the connections that there are stay.
func (r *Receiver) Serve(l net.Listener) error {
	defer l.Close()
	if !r.listen(l) {
		return nil
	}
	defer r.running.Done()
	defer r.unlisten(l)
	for pause := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
			r.adopt(conn)
		case r.isClosed():
			return nil
		case !temporary(err):
			return fmt.Errorf("line: accept: %w", err)
		default:
			if pause == 0 {
				r.log().Warn("line: cannot accept connections for now", "err", err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			r.sleep(pause)
		}
	}
}

// Close stops listening, closes the connections, and returns when their goroutines and all calls of Serve have ended.
// Lines that were not read by then are lost. The error is always nil.
func (r *Receiver) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.done)
	}
	for l := range r.listeners {
		l.Close()
	}
	for c := range r.connections {
		c.conn.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
	r.controller.Unregister(r.id)
	return nil
}

// listen notes that l is being served; it reports false once r is closed.
func (r *Receiver) listen(l net.Listener) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.listeners[l] = struct{}{}
	r.running.Add(1)
	return true
}

func (r *Receiver) unlisten(l net.Listener) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.listeners, l)
}

func (r *Receiver) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// sleep waits, but not longer than until Close.
func (r *Receiver) sleep(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.done:
	}
}

// temporary tells whether accepting may work again in a while, as net/http's server does it. The method is deprecated
// because few errors have it, but those of accept, such as EMFILE, do.
func temporary(err error) bool {
	var t interface{ Temporary() bool }
	return errors.As(err, &t) && t.Temporary()
}

// adopt starts the goroutine of a connection, or closes it if there is no room.
func (r *Receiver) adopt(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.settings.Load()
	if r.closed {
		conn.Close()
		return
	}
	if len(r.connections) >= s.MaxConnections {
		r.count.surplus.Add(1)
		s.Met.Note("limits.control_connections")
		conn.Close()
		return
	}
	r.count.accepted.Add(1)
	c := &connection{receiver: r, conn: conn}
	c.awaitFirstLocked(s)
	r.connections[c] = struct{}{}
	r.running.Add(1)
	go c.serve()
}

// drop undoes adopt.
func (r *Receiver) drop(c *connection) {
	c.conn.Close()
	r.mu.Lock()
	delete(r.connections, c)
	r.mu.Unlock()
	r.running.Done()
}

// give passes one line on as an update, and counts what came of it. Lines about the connection pass nothing on; exit
// tells of the one that is to close it. remote is who the line came from.
func (r *Receiver) give(line []byte, remote any) (exit bool) {
	update, err := Decode(line)
	switch {
	case err != nil:
		r.count.malformed.Add(1)
		r.debug("line: malformed", remote, err)
		return false
	case update.Path == pathExit || update.Path == pathToken:
		return update.Path == pathExit
	}
	if limit := r.settings.Load().MaxMessage; len(update.Message.JSON()) > limit {
		r.count.tooLarge.Add(1)
		r.settings.Load().Met.Note("ingest.max_message")
		r.debug("line: refused", remote, fmt.Errorf("the message is larger than %d bytes", limit))
		return false
	}
	if err := r.dispatcher.Apply(r.id, update); err != nil {
		r.refused(err, remote)
		return false
	}
	r.count.lines.Add(1)
	return false
}

// tooLong notes a line that no message could make so long.
func (r *Receiver) tooLong(remote any, limit int) {
	r.count.tooLong.Add(1)
	r.settings.Load().Met.Note("ingest.max_message")
	r.debug("line: line is too long", remote, fmt.Errorf("it is longer than %d bytes", limit))
}

func (r *Receiver) refused(err error, remote any) {
	r.settings.Load().Met.NoteError(err)
	if errors.Is(err, dispatch.ErrUnknownID) {
		r.count.unknownID.Add(1)
	} else {
		r.count.refused.Add(1)
	}
	r.debug("line: refused", remote, withoutToken(err))
}

// withoutToken returns what an error says of a line for the log: nothing of what stands behind "::token", also where
// that is spelled wrong and no path of ours.
func withoutToken(err error) error {
	var at *dispatch.UpdateError
	if !errors.As(err, &at) || len(at.Path) <= len(pathToken) {
		return err
	}
	begin := at.Path[:len(pathToken)]
	if !strings.EqualFold(string(begin), string(pathToken)) {
		return err
	}
	return &dispatch.UpdateError{Path: begin, Err: at.Err}
}

func (r *Receiver) log() *slog.Logger { return r.settings.Load().Log }

func (r *Receiver) debug(text string, remote any, err error) {
	r.log().Debug(text, "remote", remote, "err", lane.Logged(err))
}
