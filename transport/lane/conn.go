package lane

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

// Fast is what a component does on the event loops. Its methods are called by the loop that a connection belongs to, and
// must not block: while they run, no other client of that loop is served.
type Fast interface {
	// ServeFast serves a request: it answers it ([Conn.Answer], [Conn.ServeHTTP]), or parks the connection until there is
	// an answer ([Conn.Park]), or makes it a stream ([Conn.Stream]). Where it returns false it has done none of that, and
	// the connection is net/http's from this request on.
	ServeFast(c *Conn, r *Request) bool
	// Woken is called after [Conn.Wake], and when a stream whose client was slow can take more.
	Woken(c *Conn)
	// Heard is given what the client of a parked stream has sent and was not used before. It returns how much is used; the
	// bytes are good until it returns, and may be changed.
	Heard(c *Conn, data []byte) (used int)
	// Left says that the client of a parked connection will send nothing more, and may have gone. What is still written
	// is sent; then the connection is closed.
	Left(c *Conn)
	// Gone says that a parked connection is closed.
	Gone(c *Conn)
}

// Conn is a connection that an event loop serves. Wake may be called from any goroutine; all else is for the loop: for the
// methods of a [Fast] to which the Conn is given.
//
// A Conn that waits holds no buffer and no goroutine: it is these few words.
type Conn struct {
	port     *Port
	parked   any    // what waits here; nil between requests
	spare    *spare // what few have; nil for most
	deadline time.Duration
	place    Place
	fd       int32
	dirty    atomic.Bool // stands in the loop's list of those that were woken
	loop     uint8
	state    state
	flags    flags
	note     uint8 // the component's; see Note
}

// spare is what a connection has that cannot go on: input that is not whole or must wait, and output that the system did
// not take.
type spare struct {
	in      []byte
	out     []byte
	written func() // called when out was taken
}

type state uint8

const (
	idle    state = iota // the next request is awaited
	waiting              // a request waits for its answer
	stream               // the answer goes on and on
	lingers              // all is said, and the client is to close
	closed               // it is no more
)

type flags uint16

const (
	keepAlive flags = 1 << iota // after the answer another request may come
	http10                      // the client speaks HTTP/1.0
	chunked                     // the stream is sent in chunks
	ending                      // it is closed once all is written
	later                       // stands in the loop's list of those to wake at a time
	deaf                        // more input waits than is read while it is parked
	upgraded                    // the stream is not HTTP
	finished                    // the client has closed its side: it sends no more
	posted                      // the last request was a POST, behind whose body some send an empty line
	asked                       // a request has come
)

// WheelPlace is for [Wheel].
func (c *Conn) WheelPlace() *Place { return &c.place }

func (c *Conn) home() *loop { return c.port.loops.all[c.loop] }

// Parked returns what waits here, as it was given to [Conn.Park] or [Conn.Stream].
func (c *Conn) Parked() any { return c.parked }

// Note returns a number that the component keeps here with [Conn.SetNote]; 0 for a new connection.
func (c *Conn) Note() uint8 { return c.note }

// SetNote keeps a number for the component.
func (c *Conn) SetNote(n uint8) { c.note = n }

// Now returns the time: that of the loop's last look at a clock, which is good enough for what is done at once.
func (c *Conn) Now() time.Time { return c.home().now }

// Peer returns the client's address.
func (c *Conn) Peer() string { return c.home().sockets.Peer(int(c.fd)) }

// Wake has [Fast.Woken] called soon. It may be called from any goroutine, also when the connection is closed.
func (c *Conn) Wake() {
	if c.dirty.Swap(true) {
		return
	}
	l := c.home()
	l.mu.Lock()
	l.dirty = append(l.dirty, c)
	sleeps := l.sleepsLocked()
	l.mu.Unlock()
	if sleeps {
		l.rouse()
	}
}

// WakeIn is Wake after some time, to a few milliseconds, and after a tenth of a second at the latest: whoever is woken
// looks whether it is time. It is for a parked connection, on the loop.
func (c *Conn) WakeIn(d time.Duration) {
	if c.flags&later == 0 {
		c.flags |= later
		c.home().later.add(c, d)
	}
}

// Park leaves the request without an answer until there is one. what is for [Conn.Parked].
func (c *Conn) Park(what any) { c.become(waiting, what) }

// over tells whether nothing more is said.
func (c *Conn) over() bool { return c.state == lingers || c.state == closed }

// become notes what c does from now on, unless it is over.
func (c *Conn) become(s state, what any) {
	if !c.over() {
		c.state, c.parked, c.deadline = s, what, 0
	}
}

// Room returns a buffer to append the text of an answer to, behind what it holds: that is the room for the header. It is
// the loop's own, and good until the next call of any method.
func (c *Conn) Room() []byte { return c.home().room[:headRoom] }

// Answer answers the request with status 200. head holds lines of the header, each with its CR LF; text is Room and what
// was appended to it. It reports whether all was given to the system.
func (c *Conn) Answer(head string, text []byte) (written bool) {
	l := c.home()
	l.keepRoom(text)
	c.become(idle, nil)
	return c.write(c.prepend(l, head, text))
}

// prepend puts the header before the text, at the end of the room for it.
func (c *Conn) prepend(l *loop, head string, text []byte) []byte {
	dst := append(append(l.head[:0], c.statusLine()...), head...)
	dst = append(dst, l.date.line(l.now)...)
	dst = c.appendConnection(dst)
	dst = append(dst, "Content-Length: "...)
	dst = appendInt(dst, len(text)-headRoom)
	dst = append(dst, "\r\n\r\n"...)
	l.head = dst
	if len(dst) > headRoom {
		return append(dst, text[headRoom:]...)
	}
	start := headRoom - len(dst)
	copy(text[start:], dst)
	return text[start:]
}

func (c *Conn) statusLine() string {
	if c.flags&http10 != 0 {
		return "HTTP/1.0 200 OK\r\n"
	}
	return "HTTP/1.1 200 OK\r\n"
}

// appendConnection says what becomes of the connection where that is not what the version of HTTP means.
func (c *Conn) appendConnection(dst []byte) []byte {
	switch {
	case c.flags&keepAlive == 0 || c.port.draining.Load():
		c.flags |= ending
		return append(dst, "Connection: close\r\n"...)
	case c.flags&http10 != 0:
		return append(dst, "Connection: keep-alive\r\n"...)
	}
	return dst
}

// Close has the connection closed after what is written to it, as by an answer that comes next.
func (c *Conn) Close() { c.flags &^= keepAlive }

// Stream begins an answer of status 200 that goes on until [Conn.End]. what is for [Conn.Parked], and head holds lines of
// the header. What [Conn.Send] is given is framed as HTTP wants it.
func (c *Conn) Stream(what any, head string) {
	l := c.home()
	dst := append(append(l.head[:0], c.statusLine()...), head...)
	dst = append(dst, l.date.line(l.now)...)
	if c.flags&http10 == 0 {
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		c.flags |= chunked
	}
	// After its end the connection is closed. A proxy that was not told would use it again just then.
	dst = append(dst, "Connection: close\r\n\r\n"...)
	l.head = dst
	c.begin(what, dst)
}

// Upgrade begins a stream of another protocol than HTTP: answer is the whole answer that says so.
func (c *Conn) Upgrade(what any, answer []byte) {
	c.flags |= upgraded
	c.begin(what, answer)
}

// Streams tells whether a stream was begun, by [Conn.Stream] or [Conn.Upgrade].
func (c *Conn) Streams() bool { return c.state == stream }

// Upgraded tells whether it was by [Conn.Upgrade].
func (c *Conn) Upgraded() bool { return c.flags&upgraded != 0 }

func (c *Conn) begin(what any, header []byte) {
	c.become(stream, what)
	c.write(header)
}

// Send sends a part of a stream: Room and what was appended to it. It reports whether all was given to the system.
func (c *Conn) Send(part []byte) (written bool) {
	c.home().keepRoom(part)
	if len(part) == headRoom {
		return !c.Busy() // an empty chunk would be the last
	}
	if c.flags&chunked == 0 {
		return c.write(part[headRoom:])
	}
	var size [20]byte
	head := append(appendHex(size[:0], len(part)-headRoom), "\r\n"...)
	part = append(part, "\r\n"...)
	start := headRoom - len(head)
	copy(part[start:], head)
	return c.write(part[start:])
}

// End ends a stream, after all that was sent. The client is given a moment to close the connection: closed with something
// unread, it would be reset, and the client might never read the end.
func (c *Conn) End() {
	c.parked = nil
	c.flags |= ending
	if c.flags&chunked == 0 {
		c.write(nil)
		return
	}
	c.write(lastChunk)
}

var lastChunk = []byte("0\r\n\r\n")

// Busy tells whether the client of a stream has not yet taken what was sent before. What is sent meanwhile has to be kept;
// better wait until [Fast.Woken] is called.
func (c *Conn) Busy() bool { return c.spare != nil && len(c.spare.out) > 0 }

// WhenWritten has then called, on the loop, when all of what [Conn.Answer] or [Conn.Send] could not give to the system at
// once was given. Where the connection ends before that it is not called; nor is what was to be called before.
func (c *Conn) WhenWritten(then func()) {
	if c.Busy() {
		c.spare.written = then
	}
}

// ServeHTTP has h, which must not wait for anything, serve r here and now, as net/http would. It reports whether it could
// be read as net/http reads requests.
func (c *Conn) ServeHTTP(h http.Handler, r *Request) bool {
	request, err := c.home().parsed(c, r)
	if err != nil {
		return false // net/http says what it does not like
	}
	c.Reply(func(w http.ResponseWriter) { h.ServeHTTP(w, request) })
	return true
}

// Reply answers the request with what answer writes.
func (c *Conn) Reply(answer func(w http.ResponseWriter)) {
	l := c.home()
	w := &inlineWriter{header: make(http.Header)}
	answer(w)
	if w.header.Get("Connection") == "close" {
		c.Close()
	}
	c.become(idle, nil)
	text := w.appendTo(l.head[:0], c, l)
	if cap(text) <= keptRoom {
		l.head = text
	}
	c.write(text)
}

// write gives b to the system, and keeps what that does not take. It reports whether it took all.
func (c *Conn) write(b []byte) (all bool) {
	if c.over() {
		return false
	}
	if c.Busy() {
		c.spare.out = append(c.spare.out, b...)
		return false
	}
	l := c.home()
	if len(b) > 0 {
		n, err := l.sockets.Write(int(c.fd), b)
		switch {
		case err != nil && !errors.Is(err, ErrAgain):
			l.close(c)
			return false
		case n < len(b):
			l.keepOutput(c, b[n:])
			return false
		}
	}
	l.wrote(c)
	return true
}

// NeverParks is for a [Fast] that answers every request at once, to embed.
type NeverParks struct{}

// Woken implements Fast.
func (NeverParks) Woken(*Conn) {}

// Heard implements Fast.
func (NeverParks) Heard(*Conn, []byte) int { return 0 }

// Left implements Fast.
func (NeverParks) Left(*Conn) {}

// Gone implements Fast.
func (NeverParks) Gone(*Conn) {}
