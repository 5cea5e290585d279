package lane

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Port is an address whose connections the loops serve. As a net.Listener it accepts those that they do not understand,
// with what was read of them put back: an http.Server serves these.
type Port struct {
	net.Listener // for its address; nobody accepts from it
	loops        *Loops
	name         string
	fast         Fast
	limit        *LimitListener
	fd           int
	unlistened   atomic.Bool
	draining     atomic.Bool // answers are the last of their connections
	open         atomic.Int64

	mu     sync.Mutex // guards what follows
	handed []net.Conn // not accepted yet
	closes bool
	change *sync.Cond // of either, or of open being 0
}

// Open has the loops accept connections of l, and fast serve them. name is for logs and counters.
func (s *Loops) Open(name string, l *LimitListener, fast Fast) (*Port, error) {
	fd, err := listenerFD(l.Listener)
	if err != nil {
		return nil, err
	}
	return s.OpenFD(name, l, fast, fd)
}

// OpenFD is Open for a descriptor that listens already, which is the port's from then on.
func (s *Loops) OpenFD(name string, l *LimitListener, fast Fast, fd int) (*Port, error) {
	p := &Port{Listener: l, loops: s, name: name, fast: fast, limit: l, fd: fd}
	p.change = sync.NewCond(&p.mu)
	s.mu.Lock()
	s.ports[fd] = p
	s.mu.Unlock()
	first := s.all[0]
	done := make(chan error)
	first.do(func() { done <- first.sockets.Watch(fd, Readable) })
	if err := <-done; err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// Accept implements net.Listener.
func (p *Port) Accept() (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.handed) == 0 {
		if p.closes {
			return nil, net.ErrClosed
		}
		p.change.Wait()
	}
	conn := p.handed[0]
	p.handed = p.handed[1:]
	p.change.Broadcast()
	return conn, nil
}

// Close implements net.Listener: no more connections are accepted, neither by the loops nor from p.
func (p *Port) Close() error {
	p.mu.Lock()
	closes, handed := p.closes, p.handed
	p.closes, p.handed = true, nil
	p.change.Broadcast()
	p.mu.Unlock() // the loop, which is waited for, takes it as well
	for _, conn := range handed {
		_ = conn.Close()
	}
	if closes {
		return nil
	}
	return p.Unlisten()
}

// Unlisten has no more connections accepted by the loops. Those that there are go on, and may still be accepted from p.
func (p *Port) Unlisten() error {
	if p.unlistened.Swap(true) {
		return nil
	}
	first := p.loops.all[0]
	done := make(chan struct{})
	first.do(func() {
		defer close(done)
		first.sockets.Forget(p.fd)
		p.loops.mu.Lock()
		delete(p.loops.ports, p.fd)
		p.loops.mu.Unlock()
		first.sockets.Close(p.fd)
	})
	<-done
	return p.limit.Close()
}

// NewcomerTime is how long a connection may be there without a request before it no longer holds up a stop: whoever opens
// one is about to ask, but browsers open some in advance.
const NewcomerTime = 500 * time.Millisecond

// Settle is the beginning of [Port.Shutdown], in which connections may still be accepted from p: it listens no more, and
// those that wait for their next request are closed. It gives those that are about to ask a moment to do so, leaves to
// net/http whose body is still on its way, and returns when all that net/http is to serve has been accepted.
func (p *Port) Settle(ctx context.Context) error {
	err := p.Unlisten()
	if p.draining.Swap(true) {
		return err
	}
	p.each((*Conn).dismissed)
	p.moment(ctx, p.served)
	p.each((*Conn).parted)
	p.moment(ctx, p.accepted)
	return err
}

// Shutdown closes p and waits for its connections: one that waits for its next request is closed, any other after its
// answer. When ctx ends, all are closed; the error is that of ctx then.
func (p *Port) Shutdown(ctx context.Context) error {
	err := errors.Join(p.Settle(ctx), p.Close())
	p.wait(ctx, p.served)
	if p.open.Load() == 0 {
		return err
	}
	p.each(func(*Conn) bool { return true })
	return errors.Join(err, ctx.Err())
}

// dismissed tells whether a connection is not needed any more: it is between two requests, or was opened in advance. A
// request that has come and was not read yet is served now.
func (c *Conn) dismissed() bool {
	if c.state != idle || c.Busy() {
		return false
	}
	l := c.home()
	l.readable(c)
	isNew := c.flags&asked == 0 && c.deadline > l.since()+l.loops.bounds.Header-NewcomerTime
	return c.state == idle && !c.Busy() && c.spare == nil && !isNew
}

// parted tells whether a connection has had its moment: it is closed, unless the header of a request is there. What is
// missing of its body has the time that net/http gives it.
func (c *Conn) parted() bool {
	if c.state != idle || c.Busy() {
		return false
	}
	if c.spare == nil || !headerEnds(c.spare.in) {
		return true
	}
	c.home().handOver(c, c.spare.in)
	return false
}

// served tells whether p has no connections, and none that nobody has accepted yet; accepted tells the latter alone.
// mu is held.
func (p *Port) served() bool { return p.open.Load() == 0 && p.accepted() }

func (p *Port) accepted() bool { return len(p.handed) == 0 }

// wait returns when p is so, which it is asked with mu held, or ctx ends.
func (p *Port) wait(ctx context.Context, so func() bool) {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.change.Broadcast()
	})
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !so() && ctx.Err() == nil {
		p.change.Wait()
	}
}

// moment is wait for no longer than those have who are about to ask.
func (p *Port) moment(ctx context.Context, so func() bool) {
	ctx, cancel := context.WithTimeout(ctx, NewcomerTime)
	defer cancel()
	p.wait(ctx, so)
}

// each closes the connections of p that are meant, each on its loop, and returns when that is done.
func (p *Port) each(meant func(*Conn) bool) {
	var done sync.WaitGroup
	for _, l := range p.loops.all {
		done.Add(1)
		l.do(func() {
			defer done.Done()
			l.closeSome(func(c *Conn) bool { return c.port == p && meant(c) })
		})
	}
	done.Wait()
}

func (l *loop) closeSome(meant func(*Conn) bool) {
	for i := range l.loops.table.pieces {
		p := l.loops.table.pieces[i].Load()
		if p == nil {
			continue
		}
		for j := range p {
			if c := p[j].Load(); c != nil && c.loop == l.index && meant(c) {
				l.close(c)
			}
		}
	}
}

// closed notes that one of p's connections is no more, which counted for an address.
func (p *Port) closed(address netip.Addr) {
	p.limit.leave(address)
	p.left()
}

func (p *Port) left() {
	if p.open.Add(-1) == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.change.Broadcast()
	}
}

// pause is how long a port accepts nothing when the system has no descriptor or memory for more connections.
const pause = 100 * time.Millisecond

// accept takes what connections there are.
func (l *loop) accept(p *Port) {
	for range maxAccepts {
		fd, err := l.sockets.Accept(p.fd)
		switch {
		case errors.Is(err, ErrAgain):
			return
		case err != nil:
			l.pause(p, err)
			return
		}
		address, refusal := p.limit.enter(func() string { return l.sockets.Peer(fd) })
		if refusal != "" {
			if conn, err := l.sockets.Conn(fd); err == nil {
				p.limit.refuse(conn, refusal)
			}
			continue
		}
		p.limit.note(fd, address)
		p.open.Add(1)
		if other := l.loops.next(); other != l {
			other.do(func() { other.adopt(p, fd) })
		} else {
			l.adopt(p, fd)
		}
	}
}

// pause leaves connections to wait in the system for a moment: there are no descriptors left for them.
func (l *loop) pause(p *Port, err error) {
	p.limit.failed(err)
	l.sockets.Forget(p.fd)
	time.AfterFunc(pause, func() {
		l.do(func() {
			if l.loops.listening(p.fd) == p {
				_ = l.sockets.Watch(p.fd, Readable)
			}
		})
	})
}

// adopt begins to serve a connection.
func (l *loop) adopt(p *Port, fd int) {
	c := &Conn{port: p, fd: int32(fd), loop: l.index}
	l.loops.connections.Add(1)
	if !l.loops.table.put(fd, c) {
		l.log.Error("a connection is refused: its descriptor's number is too large", "fd", fd)
		l.close(c)
		return
	}
	l.hurry(c, l.loops.bounds.Header)
	l.listen(c)
}

// handOver gives a connection to net/http, with what was read of it.
func (l *loop) handOver(c *Conn, data []byte) {
	p, fd := c.port, int(c.fd)
	l.loops.handed.Add(p.name)
	unread := append([]byte(nil), data...)
	l.release(c)
	l.sockets.Forget(fd)
	address := p.limit.forget(fd)
	conn, err := l.sockets.Conn(fd)
	if err != nil {
		l.log.Warn("a connection is lost", "err", err)
		p.closed(address)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open.Add(-1); p.closes {
		conn.Close()
		p.limit.leave(address)
		p.change.Broadcast()
		return
	}
	limited := &limitedConn{Conn: conn, listener: p.limit, address: address}
	limited.came.Store(int64(len(unread)))
	p.handed = append(p.handed, &handedConn{Conn: limited, unread: unread})
	p.change.Broadcast()
}

// handedConn is a connection of which something was read already.
type handedConn struct {
	net.Conn
	unread []byte
}

// Read implements net.Conn.
func (c *handedConn) Read(into []byte) (int, error) {
	if len(c.unread) == 0 {
		return c.Conn.Read(into)
	}
	n := copy(into, c.unread)
	if c.unread = c.unread[n:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return n, nil
}

// CloseWrite is for net/http; see [limitedConn.CloseWrite].
func (c *handedConn) CloseWrite() error { return closeWrite(c.Conn) }
