package lane

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// LimitListener accepts connections up to a limit. One that is too many is answered 503 and closed, so that its owner
// sees why rather than a connection that hangs.
type LimitListener struct {
	net.Listener
	open    atomic.Int64
	max     atomic.Int64
	refused *Tally
	running sync.WaitGroup // goroutines of refuse; added to with mu held

	mu      sync.Mutex            // guards what follows
	lingers map[net.Conn]struct{} // refused connections that are still being closed; nil once the listener is closed
}

const (
	// maxLingers is how many refused connections are closed with care at a time. Whoever floods the port gets a reset.
	maxLingers = 64
	// lingerTime is how long one of them may take to begin its request, and to take its answer.
	lingerTime = time.Second
)

// busyAnswer says nothing that a page of any origin may not read, on whichever port.
const busyAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nConnection: close\r\n" +
	"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n" +
	"Retry-After: 5\r\nContent-Length: 116\r\n\r\n" +
	`{"title":"Service Unavailable","status":503,"reason":"connections","detail":"too many connections; try again soon"}` + "\n"

// NewLimitListener has l accept at most max connections at a time; refused counts the others, as "connections".
func NewLimitListener(l net.Listener, max int, refused *Tally) *LimitListener {
	limited := &LimitListener{Listener: l, refused: refused, lingers: make(map[net.Conn]struct{})}
	limited.max.Store(int64(max))
	return limited
}

// SetMax changes how many connections may be open. Those that are stay open.
func (l *LimitListener) SetMax(max int) { l.max.Store(int64(max)) }

// Open returns how many connections are open.
func (l *LimitListener) Open() int { return int(l.open.Load()) }

// Accept waits for the next connection that is within the limit. Its error is the listener's own.
func (l *LimitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.enter() {
			return &limitedConn{Conn: conn, listener: l}, nil
		}
		l.refuse(conn)
	}
}

// enter takes a place for a connection, if there is one; leave gives it back.
func (l *LimitListener) enter() bool {
	if l.open.Add(1) <= l.max.Load() {
		return true
	}
	l.open.Add(-1)
	l.refused.Add("connections")
	return false
}

func (l *LimitListener) leave() { l.open.Add(-1) }

// Close stops listening and ends the connections that are being refused. Those that were accepted stay open.
func (l *LimitListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	for conn := range l.lingers {
		conn.Close()
	}
	l.lingers = nil
	l.mu.Unlock()
	l.running.Wait()
	return err
}

// refuse answers conn, without holding up Accept.
func (l *LimitListener) refuse(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lingers == nil || len(l.lingers) >= maxLingers {
		conn.Close()
		return
	}
	l.lingers[conn] = struct{}{}
	l.running.Go(func() {
		sayBusy(conn)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.lingers, conn)
	})
}

// sayBusy answers conn and closes it. It waits for the request to begin: an answer before that is nobody's, and Go's own
// client throws it away. A close with bytes unread would reset the connection, and the answer could be lost with it, so
// what the client sends is read for a moment.
func sayBusy(conn net.Conn) {
	defer conn.Close()
	var scratch [1024]byte
	_ = conn.SetDeadline(time.Now().Add(lingerTime))
	_, _ = conn.Read(scratch[:])
	_ = conn.SetDeadline(time.Now().Add(lingerTime))
	if _, err := conn.Write([]byte(busyAnswer)); err != nil {
		return
	}
	_ = closeWrite(conn)
	for {
		if _, err := conn.Read(scratch[:]); err != nil {
			return
		}
	}
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	listener *LimitListener
	once     sync.Once
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.once.Do(c.listener.leave)
	return c.Conn.Close()
}

// CloseWrite says that nothing more will be written. net/http looks for it, so that a client that still sends its body
// can read the answer that refuses it.
func (c *limitedConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends the writing half of conn, where that can be done alone.
func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
