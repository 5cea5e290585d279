package lane

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// LimitListener accepts connections up to a limit, and up to one for each address. One that is too many is answered
// 503, or 429, and closed, so that its owner sees why rather than a connection that hangs.
type LimitListener struct {
	net.Listener
	open      atomic.Int64
	max       atomic.Int64
	each      atomic.Pointer[eachAddress] // nil: no limit for each address
	addresses Accounts[netip.Addr]        // of open connections that count for an address
	refused   *Tally
	met       *Met
	port      string         // its name, for met
	setting   string         // that max is, likewise
	running   sync.WaitGroup // goroutines of refuse; added to with mu held
	noted     atomic.Int64   // how many there are in whose

	mu      sync.Mutex            // guards what follows
	lingers map[net.Conn]struct{} // refused connections that are still being closed; nil once the listener is closed
	whose   map[int]netip.Addr    // by descriptor: for which address connections of event loops count, if for any
}

// eachAddress is the limit for each address.
type eachAddress struct {
	max     int
	proxies Proxies
}

// lingerTime is how long a refused connection may take to begin its request, and to take its answer.
const lingerTime = time.Second

// Lingers returns how many refused connections are closed with care at a time where max may be open. Whoever floods the
// port gets a reset.
func Lingers(max int) int { return min(maxLingers, 4+max/4) }

const maxLingers = 64

// The answers to those that are too many.
var (
	busyAnswers    = refusals(http.StatusServiceUnavailable, "connections", "too many connections; try again soon")
	addressAnswers = refusals(http.StatusTooManyRequests, "address_connections", "one address has too many connections")
)

// refusalsBySecond are the same answer for each of the seconds that [Soon] returns.
type refusalsBySecond [mostSeconds]string

func refusals(status int, reason, detail string) (all refusalsBySecond) {
	for i := range all {
		all[i] = refusal(status, reason, detail, i+1)
	}
	return all
}

// any returns one of them.
func (r *refusalsBySecond) any() string { return r[Soon()-1] }

// refusal is an answer that says nothing that a page of any origin may not read, on whichever port.
func refusal(status int, reason, detail string, after int) string {
	title := http.StatusText(status)
	body := fmt.Sprintf(`{"title":%q,"status":%d,"reason":%q,"detail":%q}`+"\n", title, status, reason, detail)
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"+
		"Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n"+
		"Retry-After: %d\r\nContent-Length: %d\r\n\r\n%s", status, title, after, len(body), body)
}

// NewLimitListener has l accept at most max connections at a time; refused counts the others, as "connections".
func NewLimitListener(l net.Listener, max int, refused *Tally) *LimitListener {
	limited := &LimitListener{Listener: l, refused: refused, lingers: make(map[net.Conn]struct{})}
	limited.max.Store(int64(max))
	return limited
}

// SetMax changes how many connections may be open. Those that are stay open.
func (l *LimitListener) SetMax(max int) { l.max.Store(int64(max)) }

// SetAddressMax changes how many connections each address may have that is not one of the proxies; 0 for no limit.
// Those that are open stay open, and those that were accepted while there was no limit are never counted.
func (l *LimitListener) SetAddressMax(max int, proxies Proxies) {
	if max <= 0 {
		l.each.Store(nil)
		return
	}
	l.each.Store(&eachAddress{max, proxies})
}

// Report has met told when the limit is met, which is that of setting, and that of "limits.address_connections", and when
// the system has no more connections for port. It is called before anything is accepted.
func (l *LimitListener) Report(met *Met, port, setting string) {
	l.met, l.port, l.setting = met, port, setting
}

// Open returns how many connections are open.
func (l *LimitListener) Open() int { return int(l.open.Load()) }

// Accept waits for the next connection that is within the limit. Its error is the listener's own.
func (l *LimitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			l.failed(err)
			return nil, err
		}
		address, refusal := l.enter(func() string { return conn.RemoteAddr().String() })
		if refusal == "" {
			return &limitedConn{Conn: conn, listener: l, address: address}, nil
		}
		l.refuse(conn, refusal)
	}
}

// failed says that a connection could not be accepted, unless l is closed. Whoever accepts tries again soon.
func (l *LimitListener) failed(err error) {
	if errors.Is(err, net.ErrClosed) {
		return
	}
	l.refused.Add("accept")
	l.met.Trouble("cannot accept connections; trying again", l.port, "port", l.port, "err", err,
		"help", "allow more descriptors (ulimit -n, LimitNOFILE=), or fewer connections (limits.connections)")
}

// enter takes a place for a connection from peer, if there is one, and returns for which address it counts, if for any;
// leave gives it back. Otherwise refusal is what it is answered.
func (l *LimitListener) enter(peer func() string) (address netip.Addr, refusal string) {
	if l.open.Add(1) > l.max.Load() {
		l.open.Add(-1)
		l.refused.Add("connections")
		l.met.Note(l.setting)
		return address, busyAnswers.any()
	}
	each := l.each.Load()
	if each == nil {
		return address, ""
	}
	address, proxy := each.proxies.peerAddress(peer())
	if proxy || !address.IsValid() {
		return netip.Addr{}, ""
	}
	if l.addresses.Enter(address, each.max, 0) {
		return address, ""
	}
	l.open.Add(-1)
	l.refused.Add("address_connections")
	l.met.NoteOf("limits.address_connections", address)
	return netip.Addr{}, addressAnswers.any()
}

func (l *LimitListener) leave(address netip.Addr) {
	l.open.Add(-1)
	if address.IsValid() {
		l.addresses.Leave(address, 0)
	}
}

// note keeps for which address a connection of an event loop counts, until forget.
func (l *LimitListener) note(fd int, address netip.Addr) {
	if !address.IsValid() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.whose == nil {
		l.whose = make(map[int]netip.Addr)
	}
	l.whose[fd] = address
	l.noted.Store(int64(len(l.whose)))
}

// forget returns what was noted of a descriptor, which must still be the connection's own.
func (l *LimitListener) forget(fd int) (address netip.Addr) {
	if l.noted.Load() == 0 {
		return address
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	address = l.whose[fd]
	if delete(l.whose, fd); len(l.whose) == 0 {
		l.whose = nil
	}
	l.noted.Store(int64(len(l.whose)))
	return address
}

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
func (l *LimitListener) refuse(conn net.Conn, answer string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lingers == nil || len(l.lingers) >= Lingers(int(l.max.Load())) {
		conn.Close()
		return
	}
	l.lingers[conn] = struct{}{}
	l.running.Go(func() {
		sayBusy(conn, answer)
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.lingers, conn)
	})
}

// sayBusy gives conn the answer and closes it. It waits for the request to begin: an answer before that is nobody's,
// and Go's own client throws it away. A close with bytes unread would reset the connection, and the answer could be
// lost with it, so what the client sends is read for a moment.
func sayBusy(conn net.Conn, answer string) {
	defer conn.Close()
	var scratch [1024]byte
	_ = conn.SetDeadline(time.Now().Add(lingerTime))
	_, _ = conn.Read(scratch[:])
	_ = conn.SetDeadline(time.Now().Add(lingerTime))
	if _, err := conn.Write([]byte(answer)); err != nil {
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
	address  netip.Addr // for which it counts; invalid for none
	once     sync.Once
	state    atomic.Int32 // an http.ConnState
	came     atomic.Int64 // how many bytes came since the state is that
	large    atomic.Bool  // more came than a header may have, and no handler was called since
	reading  atomic.Bool  // whoever serves it waits for more to come
}

// limitedOf returns the connection of a LimitListener that an http.Server knows as conn; nil if it is none.
func limitedOf(conn net.Conn) *limitedConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if handed, ok := conn.(*handedConn); ok {
		conn = handed.Conn
	}
	limited, _ := conn.(*limitedConn)
	return limited
}

// Waits tells whether an http.Server that serves conn, between two requests, has nothing of the next one: it waits for more
// to come. Of a connection that no [LimitListener] has accepted that is not known, and true.
func Waits(conn net.Conn) bool {
	c := limitedOf(conn)
	return c == nil || c.reading.Load()
}

// noteState is for an http.Server's ConnState. It has connections of a LimitListener know which bound is met when
// nothing comes in time, or when a header has more bytes than most.
func noteState(conn net.Conn, state http.ConnState, most int) {
	c := limitedOf(conn)
	if c == nil || state == http.StateNew {
		return
	}
	if state == http.StateActive && c.came.Load() >= int64(most) && !speaksHTTP2(conn) {
		c.large.Store(true)
	}
	c.came.Store(0)
	c.state.Store(int32(state))
}

func speaksHTTP2(conn net.Conn) bool {
	secure, ok := conn.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// awaits tells whether net/http waits for a request.
func (c *limitedConn) awaits() bool {
	state := http.ConnState(c.state.Load())
	return state == http.StateNew || state == http.StateIdle
}

// Read implements net.Conn.
func (c *limitedConn) Read(into []byte) (int, error) {
	c.reading.Store(true)
	n, err := c.Conn.Read(into)
	c.reading.Store(false)
	c.came.Add(int64(n))
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && c.awaits() {
		c.noteLate()
	}
	return n, err
}

// noteLate says which bound is met where net/http waits for a request, once; for a body, its reader does.
func (c *limitedConn) noteLate() {
	state := http.ConnState(c.state.Swap(int32(http.StateClosed))) // as it will be soon
	switch {
	case c.came.Load() > 0:
		c.listener.met.Note("limits.header")
	case state == http.StateNew:
		c.listener.met.Routine("limits.header")
	default:
		c.listener.met.Routine("limits.idle")
	}
}

// Write implements net.Conn. What is written while no handler is called for what came says that it is too large.
func (c *limitedConn) Write(from []byte) (int, error) {
	if c.large.Swap(false) {
		c.listener.met.Note("limits.header_size")
	}
	n, err := c.Conn.Write(from)
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		c.listener.met.Note("limits.write")
	}
	return n, err
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.once.Do(func() { c.listener.leave(c.address) })
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
