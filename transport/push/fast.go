package push

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// This file is push on the event loops. A connection that waits is parked with its session, and nothing else; what is
// said there, and who may have it, is decided by the same code as on net/http.

// Fast returns what serves clients on event loops, below prefix and, as a proxy may have taken that off, without it.
func (p *Push) Fast(prefix string) lane.Fast {
	return fast{Push: p, prefix: prefix, whole: lane.WithPrefix(prefix, p)}
}

type fast struct {
	*Push
	prefix string
	whole  http.Handler // p on net/http
}

// visitor is parked instead of its session where the header of answers depends on who asks.
type visitor struct {
	*Session
	cors string // lines of the header
}

// Lines of headers.
const (
	anyOriginLine = "Access-Control-Allow-Origin: *\r\n"
	varyLine      = "Vary: Origin\r\n"
	noStoreLine   = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
	answerHead    = "Content-Type: application/json\r\n" + noStoreLine
	anyAnswerHead = answerHead + anyOriginLine // what nearly all answers have
	eventsHead    = "Content-Type: text/event-stream\r\n" + noStoreLine + "X-Accel-Buffering: no\r\n"
)

// ServeFast implements [lane.Fast]. Clients that come to wait are served here, and all else, which is answered at once,
// as on net/http but in place.
func (f fast) ServeFast(c *lane.Conn, r *lane.Request) bool {
	a := f.arrival(c, r)
	if b, ok := f.beside(a.path); ok {
		return b.Quick && c.ServeHTTP(f.whole, r)
	}
	if r.Method != http.MethodGet || asksForHealth(r.Method, a.path) {
		return c.ServeHTTP(f.whole, r)
	}
	cors, err := f.corsLines(&a)
	if err == nil {
		err = checkAddress(a.path)
	}
	if err == nil && a.form == Frames {
		err = checkHandshake(r.Version, r.Key)
	}
	if err != nil {
		f.refuse(c, cors, err)
		return true
	}
	s, fresh, err := f.admit(&a, c, c.Now())
	if a.form == Frames && turnsAway(err) {
		_ = f.handler.Note(err, "remote", c.Peer())
		c.Upgrade(nil, appendUpgrade(nil, r.Key))
		c.Send(appendTurnedAway(c.Room()))
		c.End()
		return true
	}
	if err != nil {
		f.refuse(c, cors, err)
		return true
	}
	f.park(c, s, &a, cors, r.Key)
	if a.form == Poll && fresh {
		f.answer(c, s, cors, a.pace)
	} else {
		f.Woken(c)
	}
	return true
}

// arrival makes an arrival of a request. It is good as long as the request is.
func (f fast) arrival(c *lane.Conn, r *lane.Request) arrival {
	path := r.Path[1:]
	if rest, ok := strings.CutPrefix(r.Path, f.prefix); ok && f.prefix != "" {
		path = rest
	}
	a := arrival{path: path, query: strings.Clone(r.Query), origin: r.Origin, host: r.Host, lastEventID: r.LastEventID,
		from: c, forwarded: r.Forwarded()}
	switch {
	case r.Upgrade:
		a.form = Frames
	case len(r.Accept) >= len("text/event-stream") && lists([]string{r.Accept}, "text/event-stream"):
		a.form = Events
	}
	return a
}

// corsLines returns the lines that let the page of a's origin read the answer.
func (f fast) corsLines(a *arrival) (string, error) {
	origin, vary, err := f.allow(a.origin, a.host)
	switch {
	case err != nil:
		return varyLine, err
	case origin == "*" && !vary:
		return anyOriginLine, nil
	case origin == "":
		return varyLine, nil
	}
	return varyLine + "Access-Control-Allow-Origin: " + origin + "\r\n", nil
}

// park begins what the client came for.
func (f fast) park(c *lane.Conn, s *Session, a *arrival, cors, key string) {
	var what any = s
	if cors != anyOriginLine {
		what = &visitor{s, cors}
	}
	switch a.form {
	case Poll:
		c.Park(what)
		return
	case Events:
		c.Stream(what, eventsHead+cors)
	case Frames:
		c.SetNote(0)
		c.Upgrade(what, appendUpgrade(nil, key))
	}
	c.Send(s.Greeting(c.Room(), a.form, a.pace))
}

// parked returns the session that waits at c, and the lines of the header that its answer has.
func parked(c *lane.Conn) (s *Session, cors string) {
	switch what := c.Parked().(type) {
	case *Session:
		return what, anyOriginLine
	case *visitor:
		return what.Session, what.cors
	}
	return nil, ""
}

// Woken implements [lane.Fast].
func (f fast) Woken(c *lane.Conn) {
	s, cors := parked(c)
	for s != nil && !c.Busy() {
		state, wait := s.Ready(c, c.Now())
		switch {
		case state == Hold:
			if wait > 0 {
				c.WakeIn(wait)
			}
			return
		case c.Streams() && state == Answer:
			if !f.part(c, s) {
				return
			}
		case c.Streams():
			f.end(c, s, state)
			return
		case state == Answer:
			if f.answer(c, s, cors, 0) {
				return
			}
		case state == Superseded:
			f.refuse(c, cors, superseded())
			return
		default:
			f.send(c, cors, s.Nothing(c.Room()))
			return
		}
	}
}

// answer answers a poll with what waits in s, and with the pace of a new session. It reports whether it did; if not, s has
// another answer for it now.
func (f fast) answer(c *lane.Conn, s *Session, cors string, pace time.Duration) bool {
	text, seq, ok := s.Take(c.Room(), c, c.Now())
	if ok {
		noteWritten(c, s, seq, f.send(c, cors, withHint(text, paceHint, pace)))
	}
	return ok
}

// noteWritten notes that what was taken up to seq is written, when it is.
func noteWritten(c *lane.Conn, s *Session, seq uint64, all bool) {
	if all {
		s.Wrote(seq, c.Now())
	} else {
		c.WhenWritten(func() { s.Wrote(seq, c.Now()) })
	}
}

// send answers a poll with text. It reports whether the system took all of it.
func (f fast) send(c *lane.Conn, cors string, text []byte) bool {
	f.stats.Answers.Add(1)
	if f.draining.Load() {
		text = withHint(text, retryHint, f.retry())
		c.Close()
	}
	head := anyAnswerHead
	if cors != anyOriginLine {
		head = answerHead + cors
	}
	return c.Answer(head, text)
}

// part sends what there is for a stream. It reports whether the stream goes on.
func (f fast) part(c *lane.Conn, s *Session) bool {
	text, seq, ok := s.Take(c.Room(), c, c.Now())
	if !ok {
		return true
	}
	if isPing(text[len(c.Room()):]) {
		if c.Note() == 2 { // pings since the client was last heard
			s.Unpark(c, c.Now())
			c.End()
			return false
		}
		c.SetNote(c.Note() + 1)
	}
	f.stats.Answers.Add(1)
	noteWritten(c, s, seq, c.Send(text))
	return c.Parked() != nil
}

// end ends a stream, and says why.
func (f fast) end(c *lane.Conn, s *Session, state State) {
	form := Events
	if c.Upgraded() {
		form = Frames
	}
	s.Unpark(c, c.Now())
	c.Send(f.farewell(c.Room(), form, state))
	c.End()
}

// Heard implements [lane.Fast]: it hears what a WebSocket's client says. That of an event stream has nothing to say.
func (f fast) Heard(c *lane.Conn, data []byte) (used int) {
	s, _ := parked(c)
	if !c.Upgraded() {
		return len(data)
	}
	c.SetNote(0)
	room := c.Room()
	replies, used, err := f.hearFrames(s, data, room, c.Now())
	var end *closing
	if errors.As(err, &end) {
		replies = appendClose(replies, end.code, end.reason)
	}
	if len(replies) > len(room) {
		c.Send(replies)
	}
	if err != nil {
		s.Unpark(c, c.Now())
		c.End()
		return len(data)
	}
	return used
}

// Left implements [lane.Fast].
func (f fast) Left(c *lane.Conn) {
	s, cors := parked(c)
	s.Unpark(c, c.Now())
	if c.Streams() {
		c.End()
		return
	}
	f.send(c, cors, s.Nothing(c.Room()))
}

// Gone implements [lane.Fast].
func (f fast) Gone(c *lane.Conn) {
	s, _ := parked(c)
	s.Unpark(c, c.Now())
}

// refuse answers err.
func (f fast) refuse(c *lane.Conn, cors string, err error) {
	c.Reply(func(w http.ResponseWriter) {
		for line := range strings.SplitSeq(strings.TrimSuffix(cors, "\r\n"), "\r\n") {
			name, value, _ := strings.Cut(line, ": ")
			if name != "" {
				w.Header().Set(name, value)
			}
		}
		f.handler.Refuse(w, err, "remote", c.Peer())
	})
}
