package lanetest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Client is a client's end of a connection, a net.Conn. What it has not read is kept up to Window bytes; then the server
// has to wait, as with real sockets.
type Client struct {
	socket Socket

	mu       sync.Mutex // guards what follows
	change   *sync.Cond
	window   int
	in       []byte
	ended    bool // the server writes no more
	closed   bool
	deadline deadline
}

// Dial has a client come.
func (l *Listener) Dial() (*Client, error) {
	c := &Client{window: 256 << 10}
	c.change = sync.NewCond(&c.mu)
	c.socket.Written = func(_ *Socket, b []byte) int { return c.take(b) }
	if err := l.Connect(&c.socket); err != nil {
		return nil, err
	}
	return c, nil
}

// SetWindow changes how many bytes may wait to be read.
func (c *Client) SetWindow(bytes int) {
	c.mu.Lock()
	c.window = bytes
	room := len(c.in) < c.window
	c.mu.Unlock()
	if room {
		c.socket.Drained()
	}
}

// take is given what the server writes, and nil when it writes no more.
func (c *Client) take(b []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.change.Broadcast()
	if b == nil {
		c.ended = true
	}
	n := min(len(b), max(c.window-len(c.in), 0))
	c.in = append(c.in, b[:n]...)
	return n
}

// Read implements net.Conn.
func (c *Client) Read(into []byte) (int, error) {
	c.mu.Lock()
	for len(c.in) == 0 && !c.ended && !c.closed && !c.deadline.passed() {
		c.change.Wait()
	}
	n := copy(into, c.in)
	c.in = c.in[n:]
	room := len(c.in) < c.window
	ended, closed, late := c.ended, c.closed, c.deadline.passed()
	c.mu.Unlock()
	switch {
	case n > 0:
		if room {
			c.socket.Drained()
		}
		return n, nil
	case closed:
		return 0, net.ErrClosed
	case ended:
		return 0, io.EOF
	case late:
		return 0, os.ErrDeadlineExceeded
	}
	return 0, nil
}

// Write implements net.Conn. It never waits.
func (c *Client) Write(b []byte) (int, error) {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return 0, net.ErrClosed
	case c.socket.Closed():
		return 0, syscall.EPIPE
	}
	c.socket.Send(append([]byte(nil), b...))
	return len(b), nil
}

// CloseWrite says that nothing more is sent.
func (c *Client) CloseWrite() error {
	c.socket.End()
	return nil
}

// Close implements net.Conn.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.deadline.stop()
	c.change.Broadcast()
	c.mu.Unlock()
	c.socket.Reset()
	return nil
}

// LocalAddr implements net.Conn.
func (c *Client) LocalAddr() net.Addr { return address }

// RemoteAddr implements net.Conn.
func (c *Client) RemoteAddr() net.Addr { return address }

// SetDeadline implements net.Conn. Only reading waits.
func (c *Client) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline.set(t, c.change)
	return nil
}

// SetReadDeadline implements net.Conn.
func (c *Client) SetReadDeadline(t time.Time) error { return c.SetDeadline(t) }

// SetWriteDeadline implements net.Conn.
func (c *Client) SetWriteDeadline(time.Time) error { return nil }
