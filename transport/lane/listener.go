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
	lingers chan struct{} // holds a token for each refused connection that is still being closed
}

// Refused connections are closed with care, for a second each, but no more than this many at a time: whoever floods the
// port gets a reset.
const maxLingers = 64

const busyAnswer = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nConnection: close\r\n" +
	"Retry-After: 5\r\nContent-Length: 115\r\n\r\n" +
	`{"title":"Service Unavailable","status":503,"reason":"connections","detail":"too many connections; try again soon"}`

// NewLimitListener has l accept at most max connections at a time; refused counts the others, as "connections".
func NewLimitListener(l net.Listener, max int, refused *Tally) *LimitListener {
	limited := &LimitListener{Listener: l, refused: refused, lingers: make(chan struct{}, maxLingers)}
	limited.max.Store(int64(max))
	return limited
}

// SetMax changes how many connections may be open. Those that are stay open.
func (l *LimitListener) SetMax(max int) { l.max.Store(int64(max)) }

// Open returns how many connections are open.
func (l *LimitListener) Open() int { return int(l.open.Load()) }

// Accept waits for the next connection that is within the limit.
func (l *LimitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.max.Load() {
			return &limitedConn{Conn: conn, listener: l}, nil
		}
		l.open.Add(-1)
		l.refused.Add("connections")
		l.refuse(conn)
	}
}

// refuse answers conn without waiting for its request. A close with bytes unread would reset the connection, and the
// answer could be lost with it, so what the client sends is read for a moment.
func (l *LimitListener) refuse(conn net.Conn) {
	select {
	case l.lingers <- struct{}{}:
	default:
		conn.Close()
		return
	}
	go func() {
		defer func() { conn.Close(); <-l.lingers }()
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte(busyAnswer)); err != nil {
			return
		}
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		var scratch [1024]byte
		for {
			if _, err := conn.Read(scratch[:]); err != nil {
				return
			}
		}
	}()
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	listener *LimitListener
	once     sync.Once
}

func (c *limitedConn) Close() error {
	c.once.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}
