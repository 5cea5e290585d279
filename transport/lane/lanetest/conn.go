package lanetest

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// served is a socket that a loop has given to net/http: the server's end as a net.Conn. The network's lock guards it.
type served struct {
	set    *set
	socket *Socket
	fd     int
	change *sync.Cond // of the socket, of a deadline, or of closed
	read   deadline
	write  deadline
	closed bool
}

// Conn implements lane.Sockets.
func (s *set) Conn(fd int) (net.Conn, error) {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	c := &served{set: s, socket: s.net.ends[fd].socket, fd: fd, change: sync.NewCond(&s.net.mu)}
	c.socket.served = c
	return c, nil
}

// Read implements net.Conn.
func (c *served) Read(into []byte) (int, error) {
	c.change.L.Lock()
	defer c.change.L.Unlock()
	for {
		if err := c.broken(&c.read); err != nil {
			return 0, err
		}
		n, err := c.socket.read(into)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case !errors.Is(err, lane.ErrAgain):
			return 0, err
		}
		c.change.Wait()
	}
}

// broken says why nothing may be read or written.
func (c *served) broken(d *deadline) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case d.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// Write implements net.Conn.
func (c *served) Write(b []byte) (written int, err error) {
	for written < len(b) {
		if err := c.awaitRoom(); err != nil {
			return written, err
		}
		n, err := c.socket.write(b[written:])
		if err != nil && !errors.Is(err, lane.ErrAgain) {
			return written, err
		}
		written += n
	}
	return written, nil
}

// awaitRoom returns when the client may have room, or is gone.
func (c *served) awaitRoom() error {
	c.change.L.Lock()
	defer c.change.L.Unlock()
	for {
		if err := c.broken(&c.write); err != nil || !c.socket.full || c.socket.reset {
			return err
		}
		c.change.Wait()
	}
}

// CloseWrite is for net/http, which reads a little more before it closes.
func (c *served) CloseWrite() error {
	c.socket.Written(c.socket, nil)
	return nil
}

// Close implements net.Conn.
func (c *served) Close() error {
	c.change.L.Lock()
	closed := c.closed
	c.closed = true
	c.read.stop()
	c.write.stop()
	c.change.Broadcast()
	c.change.L.Unlock()
	if closed {
		return net.ErrClosed
	}
	c.set.Close(c.fd)
	return nil
}

// LocalAddr implements net.Conn.
func (c *served) LocalAddr() net.Addr { return address }

// RemoteAddr implements net.Conn.
func (c *served) RemoteAddr() net.Addr { return address }

// SetDeadline implements net.Conn.
func (c *served) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *served) SetReadDeadline(t time.Time) error { return c.setDeadline(&c.read, t) }

// SetWriteDeadline implements net.Conn.
func (c *served) SetWriteDeadline(t time.Time) error { return c.setDeadline(&c.write, t) }

func (c *served) setDeadline(d *deadline, t time.Time) error {
	c.change.L.Lock()
	defer c.change.L.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	d.set(t, c.change)
	return nil
}

// deadline is a time after which nobody waits any longer. The lock of who waits guards it.
type deadline struct {
	at    time.Time // zero for none
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set changes the deadline. change is told of that, and when it passes.
func (d *deadline) set(at time.Time, change *sync.Cond) {
	d.stop()
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			change.L.Lock()
			defer change.L.Unlock()
			change.Broadcast()
		})
	}
	change.Broadcast()
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
