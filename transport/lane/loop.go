package lane

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// loop serves connections, one thing at a time. It reads what has come into a buffer that all its connections share,
// serves it, sends what those that were woken have to say, and waits when there is nothing to do.
type loop struct {
	loops   *Loops
	index   uint8
	sockets Sockets
	log     *slog.Logger
	now     time.Time
	stopped bool
	done    chan struct{}

	events  [maxEvents]Event
	in      [maxInput]byte
	room    []byte // see Conn.Room
	head    []byte // scratch for headers
	request Request
	date    dateLine
	inline  inlineReader
	wheel   *Wheel[*Conn] // connections that have a deadline, or may have had one
	later   laterList
	woken   []*Conn // taken from dirty, to be served in rounds
	served  int     // of these

	mu     sync.Mutex // guards what follows; nothing is taken under it
	dirty  []*Conn    // woken since the loop looked last
	jobs   []func()   // to be done on the loop
	sleeps bool       // the loop waits: who adds something wakes it

	rousing sync.WaitGroup // calls of Sockets.Wake; added to with mu held
}

const (
	maxEvents = 64
	maxInput  = 64 << 10
	maxWaits  = 64 << 10 // bytes of input that are kept while a connection is parked; more is left to the system
	headRoom  = 1 << 10  // for the header of an answer, before its text
	keptRoom  = 1 << 20  // the largest buffer that is kept for the next answer

	// round is how many of those that were woken are served before the loop looks for events again. Small enough that a
	// publisher's next update comes along in the same write to most, and large enough to cost nothing.
	round = 32
	// maxTurn is how many requests of one connection are served, where they come all at once, before others have their turn.
	maxTurn = 32
	// maxAccepts is how many connections are accepted before others have their turn.
	maxAccepts = 64
	// bodyPatience is how long a loop waits for the rest of a body before it leaves the connection to net/http.
	bodyPatience = time.Second
)

func newLoop(loops *Loops, index int, sockets Sockets, log *slog.Logger) *loop {
	now := time.Now()
	return &loop{
		loops: loops, index: uint8(index), sockets: sockets, log: log, now: now, done: make(chan struct{}),
		room: make([]byte, headRoom, 16<<10), head: make([]byte, 0, headRoom),
		wheel: NewWheel[*Conn](loops.tick(), now),
	}
}

func (l *loop) run() {
	defer close(l.done)
	for !l.stopped {
		l.turn()
	}
}

// turn does once what there is to do.
func (l *loop) turn() {
	n := l.wait()
	l.now = time.Now()
	for _, event := range l.events[:n] {
		l.handle(event)
	}
	l.doJobs()
	l.serveWoken()
	l.lookAtTimes()
}

// survive keeps the daemon alive when the code that serves c panics: c is closed, and the log says why. It is deferred.
func (l *loop) survive(c *Conn) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		l.log.Error("request panicked", "panic", v, "stack", string(debug.Stack()))
	}
	l.close(c)
}

// wait returns how many events there are, and waits for the first if there is nothing else to do.
func (l *loop) wait() int {
	l.mu.Lock()
	if l.served == len(l.woken) {
		// The list that was served is the next to be filled, so that neither is made anew.
		l.woken, l.dirty, l.served = l.dirty, l.woken[:0], 0
	}
	l.sleeps = len(l.woken) == 0 && len(l.jobs) == 0
	sleeps := l.sleeps
	l.mu.Unlock()
	if !sleeps {
		return l.sockets.Poll(l.events[:])
	}
	n := l.sockets.Wait(l.events[:], l.alarm())
	l.mu.Lock()
	l.sleeps = false
	l.mu.Unlock()
	return n
}

// alarm returns when the loop has to look at the times again; the zero time for never.
func (l *loop) alarm() time.Time {
	at, soon := l.wheel.Next(), l.later.next()
	if at.IsZero() || !soon.IsZero() && soon.Before(at) {
		return soon
	}
	return at
}

// do has the loop call job. Jobs are done in order.
func (l *loop) do(job func()) {
	l.mu.Lock()
	l.jobs = append(l.jobs, job)
	sleeps := l.sleepsLocked()
	l.mu.Unlock()
	if sleeps {
		l.rouse()
	}
}

// sleepsLocked tells whether the loop is to be roused, by the first who has something for it.
func (l *loop) sleepsLocked() bool {
	if !l.sleeps {
		return false
	}
	l.sleeps = false
	l.rousing.Add(1)
	return true
}

// rouse ends the loop's sleep. Its sockets are not released meanwhile: what Wake writes to could be another's by then.
func (l *loop) rouse() {
	defer l.rousing.Done()
	l.sockets.Wake()
}

func (l *loop) doJobs() {
	l.mu.Lock()
	jobs := l.jobs
	l.jobs = nil
	l.mu.Unlock()
	for _, job := range jobs {
		job()
	}
}

// serveWoken serves one round of those that were woken.
func (l *loop) serveWoken() {
	for n := min(len(l.woken)-l.served, round); n > 0; n-- {
		c := l.woken[l.served]
		l.woken[l.served] = nil
		l.served++
		c.dirty.Swap(false) // rather than Store: who found true before has what it wrote seen
		l.serveParked(c)
	}
}

// serveParked goes on with a connection that was woken. One that is busy is looked at when it is not.
func (l *loop) serveParked(c *Conn) {
	if c.Busy() || c.over() {
		return
	}
	defer l.survive(c)
	if c.parked != nil {
		c.port.fast.Woken(c)
	}
	l.proceed(c)
}

func (l *loop) handle(event Event) {
	c := l.loops.table.get(event.FD)
	if c == nil {
		if port := l.loops.listening(event.FD); port != nil {
			l.accept(port)
		}
		return
	}
	if c.loop != l.index {
		return // the descriptor was reused since
	}
	defer l.survive(c)
	if event.Interest&Writable != 0 {
		l.writable(c)
	}
	if event.Interest&Readable != 0 && c.state != closed {
		l.readable(c)
	}
}

// readable reads what has come, and serves it.
func (l *loop) readable(c *Conn) {
	n, err := l.sockets.Read(int(c.fd), l.in[:])
	switch {
	case errors.Is(err, ErrAgain):
		return
	case err != nil:
		l.close(c)
	case n == 0:
		l.left(c)
	case c.spare != nil && len(c.spare.in) > 0:
		l.consume(c, append(c.spare.in, l.in[:n]...))
	default:
		l.consume(c, l.in[:n])
	}
}

// left is called when the client has closed its side, and whenever something is done for one that has. What it sent before
// is served; one that waits has waited long enough; then the connection is closed.
func (l *loop) left(c *Conn) {
	c.flags |= finished | deaf // or the end would be reported again and again
	for {
		rest := c.spare != nil && len(c.spare.in) > 0
		switch {
		case c.state == closed:
			return
		case c.Busy() && (c.state != stream || c.parked == nil):
			l.listen(c)
			return
		case c.state == lingers:
			l.close(c)
			return
		case c.parked != nil:
			if c.state == stream || !rest {
				c.Close()
			}
			if c.port.fast.Left(c); c.parked != nil {
				l.close(c)
			}
		case rest:
			in := c.spare.in
			c.spare.in = nil
			if l.consume(c, in); c.state == idle && !c.Busy() && c.spare != nil && len(c.spare.in) > 0 {
				l.handOver(c, c.spare.in) // net/http says that it is not whole
			}
		default:
			l.close(c)
		}
	}
}

// consume serves what data holds, and keeps the rest.
func (l *loop) consume(c *Conn, data []byte) {
	begins := c.spare == nil || len(c.spare.in) == 0
	for turn := 0; len(data) > 0; turn++ {
		used := 0
		switch {
		case c.over():
			return
		case c.flags&ending != 0:
			used = len(data) // there is nobody who answers
		case c.waits():
		case c.state == stream:
			used = c.port.fast.Heard(c, data)
		case turn == maxTurn:
			c.Wake()
		default:
			used = l.serve(c, data)
		}
		if used == 0 {
			break
		}
		data, begins = data[used:], true
	}
	if !c.over() {
		l.keepInput(c, data, begins)
	}
}

// waits tells whether what the client sends has to wait: for an answer to what it sent before, or until it has taken some
// of what it was sent.
func (c *Conn) waits() bool {
	if c.state == stream {
		return c.spare != nil && len(c.spare.out) > maxWaits
	}
	return c.state != idle || c.Busy()
}

// brims tells whether so much waits that no more is to be read. A part of a request is never that much; of what a stream
// hears the component says how much is too much, as long as it is heard.
func (c *Conn) brims() bool {
	switch {
	case c.spare == nil:
		return false
	case c.state == stream:
		return len(c.spare.in) > 0 && c.waits()
	}
	return len(c.spare.in) > maxWaits
}

// serve serves the request at the beginning of data and returns its length; 0 if it is not whole, or is not served here.
func (l *loop) serve(c *Conn, data []byte) (used int) {
	if c.flags&posted != 0 && bytes.HasPrefix(data, []byte("\r\n")) {
		c.flags &^= posted
		return 2
	}
	r := &l.request
	v, used := r.parse(data, l.loops.maxHeader)
	if v == partial {
		return 0
	}
	if v == whole {
		c.flags = c.flags&^(keepAlive|http10|posted) | asked
		if r.Method == http.MethodPost {
			c.flags |= posted
		}
		if r.keepAlive {
			c.flags |= keepAlive
		}
		if r.old {
			c.flags |= http10
		}
		if c.port.fast.ServeFast(c, r) {
			return used
		}
	}
	l.handOver(c, data)
	return 0
}

// keepInput keeps what cannot be served yet; begins tells whether it begins with what was not kept before.
func (l *loop) keepInput(c *Conn, data []byte, begins bool) {
	switch {
	case len(data) == 0 && c.spare == nil:
		return
	case len(data) == 0:
		c.spare.in = nil
		c.dropSpare()
		return
	case c.spare == nil:
		c.spare = new(spare)
	}
	if l.shares(data) {
		data = append([]byte(nil), data...)
	}
	c.spare.in = data
	switch {
	case c.brims():
		c.flags |= deaf
		l.listen(c)
	case c.state != idle || c.Busy() || !begins:
	case headerEnds(data):
		l.hurry(c, bodyPatience)
	default:
		l.hurry(c, l.loops.bounds.Header)
	}
}

// shares tells whether data is a part of the loop's own buffer, which the next read overwrites.
func (l *loop) shares(data []byte) bool {
	start := len(l.in) - cap(data)
	return start >= 0 && start < len(l.in) && &data[0] == &l.in[start]
}

// headerEnds tells whether data, which is not a whole request, lacks no more than a part of its body.
func headerEnds(data []byte) bool { return bytes.Contains(data, []byte("\r\n\r\n")) }

func (c *Conn) dropSpare() {
	if c.spare != nil && len(c.spare.in) == 0 && len(c.spare.out) == 0 {
		c.spare = nil
	}
}

// proceed goes on with what a connection sent that had to wait.
func (l *loop) proceed(c *Conn) {
	if c.spare != nil && len(c.spare.in) > 0 && !c.waits() && (c.state == idle || c.flags&deaf != 0) {
		in := c.spare.in
		c.spare.in = nil
		l.consume(c, in)
	}
	if c.flags&deaf != 0 && c.flags&finished == 0 && !c.over() && !c.brims() {
		c.flags &^= deaf
		l.listen(c)
	}
}

// listen says what is of interest about a connection. It can only fail for want of memory in the system.
func (l *loop) listen(c *Conn) {
	var interest Interest
	if c.flags&deaf == 0 {
		interest |= Readable
	}
	if c.Busy() {
		interest |= Writable
	}
	if err := l.sockets.Watch(int(c.fd), interest); err != nil {
		l.log.Error("a connection is lost", "err", err)
		l.close(c)
	}
}

// close ends a connection.
func (l *loop) close(c *Conn) {
	if c.state == closed {
		return
	}
	// The component forgets the connection while the descriptor is still its own.
	l.release(c)
	address := c.port.limit.forget(int(c.fd))
	l.sockets.Close(int(c.fd))
	c.port.closed(address)
}

// release takes a connection out of all that the loop has.
func (l *loop) release(c *Conn) {
	c.state, c.spare = closed, nil
	if c.parked != nil {
		l.gone(c)
		c.parked = nil
	}
	l.wheel.Remove(c)
	l.loops.table.put(int(c.fd), nil)
	l.loops.connections.Add(-1)
}

// gone tells the component that a parked connection is closed. Should it panic, the connection is closed all the same.
func (l *loop) gone(c *Conn) {
	defer l.survive(c)
	c.port.fast.Gone(c)
}
