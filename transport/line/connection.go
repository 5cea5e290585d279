package line

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// readSize is how much is read at a time, in bytes: a hundred lines or so.
const readSize = 16 << 10

// firstLine is how long the first line may be where it has to bring a token. Who has none yet is given no room for more.
const firstLine = 4 << 10

// connection is one client of a Receiver. All but the fields that mu guards belongs to the goroutine that runs serve.
type connection struct {
	receiver *Receiver
	conn     net.Conn
	opened   bool   // the first line has come
	buf      []byte // what was read and is not a whole line yet

	// The Receiver's mu guards what follows.
	admitted bool   // the first line was such that the connection may go on
	secret   string // what it gave for a token, if it did
}

// awaitFirstLocked sets the time by which the first line must have come.
func (c *connection) awaitFirstLocked(s *settings) {
	deadline := time.Time{}
	if s.guarded() {
		deadline = time.Now().Add(s.Header)
	}
	// A connection that takes no deadline is closed, and the next read says so.
	_ = c.conn.SetReadDeadline(deadline)
}

// serve reads lines until the connection ends.
func (c *connection) serve() {
	defer c.receiver.drop(c)
	c.buf = make([]byte, 0, readSize)
	for {
		held := len(c.buf)
		n, err := c.conn.Read(c.buf[held:cap(c.buf)])
		c.buf = c.buf[:held+n]
		if !c.takeLines(held) {
			return
		}
		if err != nil {
			c.end(err)
			return
		}
		if !c.makeRoom() {
			return
		}
	}
}

// takeLines takes the whole lines in c.buf and keeps the rest. The first newline is not before from: looking at a long
// line once for each of its pieces would take time that grows with its square.
func (c *connection) takeLines(from int) (more bool) {
	start := 0
	for {
		i := bytes.IndexByte(c.buf[from:], '\n')
		if i < 0 {
			c.buf = c.buf[:copy(c.buf, c.buf[start:])]
			return true
		}
		end := from + i + 1
		if !c.takeLine(c.buf[start:end]) {
			return false
		}
		start, from = end, end
	}
}

// takeLine takes one line; more tells whether the connection may go on.
func (c *connection) takeLine(line []byte) (more bool) {
	r := c.receiver
	if limit := c.longest(); len(trimEnd(line)) > limit {
		return c.tooLong(limit)
	}
	if !c.opened {
		c.opened = true
		if !c.open(line) {
			return false
		}
	}
	return !r.give(line, c.conn.RemoteAddr())
}

// open judges the connection by its first line.
func (c *connection) open(line []byte) (more bool) {
	r := c.receiver
	if foreign(line) {
		r.count.foreign.Add(1)
		r.settings.Load().Met.Trouble("line: this is not the line protocol", "", "remote", c.conn.RemoteAddr())
		return false
	}
	if !c.admit(line) {
		c.unauthorized("no good token in the first line")
		return false
	}
	return true
}

// admit lets the connection go on if its first line has what the settings want. It is one step with SetConfig, so that a
// connection cannot slip in with a token that was just withdrawn.
func (c *connection) admit(line []byte) bool {
	c.receiver.mu.Lock()
	defer c.receiver.mu.Unlock()
	s := c.receiver.settings.Load()
	if s.guarded() {
		path, secret, err := split(line)
		if err != nil || path != pathToken {
			return false
		}
		c.secret = secret
	}
	if !s.admits(c.secret) {
		return false
	}
	c.admitted = true
	_ = c.conn.SetReadDeadline(time.Time{})
	return true
}

// end takes leave of a connection that cannot be read any more.
func (c *connection) end(err error) {
	switch {
	case errors.Is(err, io.EOF):
		if len(c.buf) > 0 {
			c.takeLine(c.buf)
		}
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.receiver.settings.Load().Met.Note("limits.header")
		c.unauthorized("no first line in time")
	default:
		c.receiver.debug("line: connection broke", c.conn.RemoteAddr(), err)
	}
}

// makeRoom makes sure that there is room for more of a line, up to the limit.
func (c *connection) makeRoom() (more bool) {
	limit := c.longest()
	most := limit + len("\r\n")
	if len(c.buf) >= most {
		return c.tooLong(limit)
	}
	if len(c.buf) == cap(c.buf) {
		grown := make([]byte, len(c.buf), min(2*cap(c.buf), most))
		copy(grown, c.buf)
		c.buf = grown
	}
	return true
}

// longest is how long a line may be now.
func (c *connection) longest() int {
	s := c.receiver.settings.Load()
	if s.guarded() && !c.opened {
		return min(s.MaxLine, firstLine)
	}
	return s.MaxLine
}

func (c *connection) tooLong(limit int) (more bool) {
	c.receiver.tooLong(c.conn.RemoteAddr(), limit)
	return false
}

func (c *connection) unauthorized(reason string) {
	c.receiver.count.unauthorized.Add(1)
	c.receiver.settings.Load().Met.Trouble("line: connection is not authorized", reason,
		"remote", c.conn.RemoteAddr(), "reason", reason)
}

// foreign tells whether a first line is of another protocol: what looks like METHOD target HTTP/x, as a page can have its
// browser send it, with lines of ours in the body; and what begins with a control character, as TLS and STUN do, for
// which a page can choose some bytes too.
func foreign(line []byte) bool {
	line = trimEnd(line)
	if len(line) == 0 {
		return false
	}
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	return isControl(line[0]) || first < last && isToken(line[:first]) && bytes.HasPrefix(line[last+1:], []byte("HTTP/"))
}

// isToken tells whether text is a token of RFC 9110, section 5.6.2: pages can make up methods of their own.
func isToken(text []byte) bool {
	for _, c := range text {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return len(text) > 0
}
