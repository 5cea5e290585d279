package push

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// This file is WebSockets on net/http: two goroutines for each, of which one reads and one writes.

// frames makes a WebSocket of a request's connection. What is wrong with the request is answered before that, as on every
// other address.
func (p *Push) frames(w http.ResponseWriter, r *http.Request, a *arrival) error {
	if !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1 {
		return lane.Refuse(http.StatusBadRequest, "websocket", "WebSockets are opened over HTTP/1.1 here, not %s", r.Proto)
	}
	if r.ContentLength != 0 || len(r.Header.Values("Sec-WebSocket-Key")) > 1 || len(r.Header.Values("Sec-WebSocket-Version")) > 1 {
		// A body would be taken for frames, which something in front of the daemon does not.
		return lane.Refuse(http.StatusBadRequest, "websocket", "the opening of a WebSocket has no body, and each of its fields once")
	}
	key := r.Header.Get("Sec-WebSocket-Key")
	if err := checkHandshake(r.Header.Get("Sec-WebSocket-Version"), key); err != nil {
		return err
	}
	poller := newPoller()
	s, fresh, refused := p.admit(a, poller, time.Now())
	if refused != nil && !turnsAway(refused) {
		return refused
	}
	if s != nil {
		defer func() { s.Unpark(poller, time.Now()) }()
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil && fresh {
		p.leave(s)
	}
	if err != nil {
		return lane.Refuse(http.StatusNotImplemented, "websocket", "this connection cannot become a WebSocket")
	}
	defer conn.Close()
	if !p.sockets.add(conn) {
		return nil // p is closed
	}
	defer p.sockets.remove(conn)
	_ = conn.SetDeadline(time.Time{})
	if refused != nil {
		_ = p.handler.Note(refused, "remote", r.RemoteAddr)
		p.turnAway(conn, appendUpgrade(nil, key))
		return nil
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	c := &socket{poller: poller, push: p, session: s, conn: conn, pace: a.pace, replies: make(chan reply)}
	c.serve(append([]byte(nil), early...), appendUpgrade(nil, key))
	return nil
}

// turnAway writes first and the close frame of a stale token, and waits a little for the client to close the connection.
func (p *Push) turnAway(conn net.Conn, first []byte) {
	_ = conn.SetWriteDeadline(time.Now().Add(p.config().WriteTime))
	if _, err := conn.Write(appendTurnedAway(first)); err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingering))
	_, _ = io.Copy(io.Discard, conn)
}

// sockets are the connections that became WebSockets, which net/http does not look after any more.
type sockets struct {
	mu     sync.Mutex // guards conns; nothing is taken under it
	conns  map[net.Conn]bool
	closed bool
	group  sync.WaitGroup
}

// add notes conn, or reports false if they were closed.
func (s *sockets) add(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.conns == nil {
		s.conns = make(map[net.Conn]bool)
	}
	s.conns[conn] = true
	s.group.Add(1)
	return true
}

func (s *sockets) remove(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
	s.group.Done()
}

// close closes what is left of them, and returns when they have ended.
func (s *sockets) close() {
	s.mu.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

// socket is one WebSocket.
type socket struct {
	*poller
	push    *Push
	session *Session
	conn    net.Conn
	pace    time.Duration // for the greeting
	replies chan reply    // from the goroutine that reads; closed when it ends
	unheard atomic.Int32  // pings written since the client was last heard
}

// reply is what is to be written because of what was read.
type reply struct {
	frames []byte
	err    error // how the connection is to end after that, if not nil
}

// lingering is how long a client may take to answer a close frame.
const lingering = time.Second

// errSilent ends a connection whose client does not answer pings.
var errSilent = errors.New("the client answers no pings")

// serve reads and writes until either ends; early is what was read already, and first is to be written first.
func (c *socket) serve(early, first []byte) {
	go c.read(early)
	if c.send(c.session.Greeting(first, Frames, c.pace)) == nil {
		for c.step() {
		}
	}
	_ = c.conn.Close()
	for range c.replies { // until the goroutine that reads has ended
	}
}

// step writes one thing, when there is one. It reports whether the connection goes on.
func (c *socket) step() bool {
	select {
	case r, ok := <-c.replies:
		return ok && c.reply(r)
	default:
	}
	switch state, _ := c.session.Ready(c.poller, time.Now()); state {
	case Answer:
		return c.push.part(c.session, c.poller, c.sendPart) == nil
	case Hold:
		return c.wait()
	default:
		c.end(c.push.farewell(nil, Frames, state))
		return false
	}
}

// wait returns when the session or the client has something. It reports whether the connection goes on.
func (c *socket) wait() bool {
	select {
	case <-c.woken:
		return true
	case r, ok := <-c.replies:
		return ok && c.reply(r)
	}
}

func (c *socket) reply(r reply) bool {
	var end *closing
	if errors.As(r.err, &end) {
		frames := appendClose(r.frames, end.code, end.reason)
		if end.heard {
			_ = c.send(frames)
		} else {
			c.end(frames)
		}
		return false
	}
	return c.send(r.frames) == nil
}

// end sends the last frame, and waits a little for the client to close the connection: closed with something unread, it
// would be reset, and the client never read why.
func (c *socket) end(frames []byte) {
	if c.send(frames) != nil {
		return
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(lingering))
	for range c.replies {
	}
}

// sendPart sends what was taken from the session. A client that has not been heard since the ping before last is gone.
func (c *socket) sendPart(frames []byte) error {
	if isPing(frames) && c.unheard.Add(1) > 2 {
		return errSilent
	}
	return c.send(frames)
}

func (c *socket) send(frames []byte) error {
	_ = c.conn.SetWriteDeadline(time.Now().Add(c.push.config().WriteTime))
	_, err := c.conn.Write(frames)
	return err
}

// smallRead is how many bytes are read at once while nothing larger comes.
const smallRead = 512

// read reads what the client says, beginning with what is in buf, until it ends, and has it answered.
func (c *socket) read(buf []byte) {
	defer close(c.replies)
	for {
		frames, n, err := c.push.hearFrames(c.session, buf, nil, time.Now())
		if len(frames) > 0 || err != nil {
			c.replies <- reply{frames, err}
		}
		if err != nil {
			c.discard(err)
			return
		}
		if buf, err = c.more(buf[n:]); err != nil {
			return
		}
	}
}

// more reads on behind rest, which is moved to the beginning of its buffer, or of another if that is too small or large.
func (c *socket) more(rest []byte) ([]byte, error) {
	if cap(rest)-len(rest) < smallRead || len(rest) == 0 && cap(rest) > 8*smallRead {
		rest = append(make([]byte, 0, 2*len(rest)+smallRead), rest...)
	}
	n, err := c.conn.Read(rest[len(rest):cap(rest)])
	if n == 0 {
		return nil, err
	}
	c.unheard.Store(0)
	return rest[:len(rest)+n], nil
}

// discard reads what still comes from a client that was told to close, until it does or its time is up.
func (c *socket) discard(err error) {
	var end *closing
	if errors.As(err, &end) && end.heard {
		return
	}
	_, _ = io.Copy(io.Discard, c.conn)
}
