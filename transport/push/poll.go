package push

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// This file is the long-poll on net/http: a goroutine for each request that waits.

// poll gives a client one answer: at once if it has no session yet, and otherwise when there is something for it.
func (p *Push) poll(w http.ResponseWriter, r *http.Request, a *arrival) error {
	poller := newPoller()
	s, fresh, err := p.admit(a, poller, time.Now())
	if err != nil || fresh && p.answer(w, s, poller, a.pace) {
		return err
	}
	for {
		switch state, wait := s.Ready(poller, time.Now()); state {
		case Answer:
			if p.answer(w, s, poller, 0) {
				return nil
			}
		case Superseded:
			return superseded()
		case Hold:
			if poller.wait(r, wait) {
				continue
			}
			s.Unpark(poller, time.Now())
			fallthrough
		default:
			p.nothing(w, s)
			return nil
		}
	}
}

// nothing sends an answer without updates. Nobody may be there to read it: net/http says that a client has gone also of
// one that has closed its own side of the connection and reads on.
func (p *Push) nothing(w http.ResponseWriter, s *Session) {
	_ = p.write(w, s.Nothing(nil))
}

// scratch holds buffers in which answers are built.
var scratch = sync.Pool{New: func() any { return new([]byte) }}

// keptScratch is the largest buffer that is kept for the next answer.
const keptScratch = 64 << 10

// answer takes what waits in s and sends it, with the pace of a new session. It reports whether it did; if not, s has
// another answer for the poller now.
func (p *Push) answer(w http.ResponseWriter, s *Session, poller *poller, pace time.Duration) bool {
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	body, seq, ok := s.Take((*buf)[:0], poller, time.Now())
	if !ok {
		return false
	}
	body = withHint(body, paceHint, pace)
	// What a client did not get stays in its session until a token says that it did.
	if err := p.write(w, body); err == nil {
		s.Wrote(seq, time.Now())
	}
	if cap(body) <= keptScratch {
		*buf = body
	}
	return true
}

// write sends an answer.
func (p *Push) write(w http.ResponseWriter, body []byte) error {
	p.stats.Answers.Add(1)
	if p.draining.Load() {
		body = withHint(body, retryHint, p.retry())
	}
	header := w.Header()
	header["Content-Type"] = contentType
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	if p.draining.Load() {
		header.Set("Connection", "close")
	}
	// A ResponseWriter that knows no deadlines, as in tests, has no slow reader either. After the request net/http takes
	// the deadline away.
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(p.config().WriteTime))
	if _, err := w.Write(body); err != nil {
		return err
	}
	return control.Flush()
}

var (
	contentType = []string{"application/json"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"} // what clients publish is never taken for a page or a script
)

// poller is a request that waits. Waking it never blocks.
type poller struct{ woken chan struct{} }

func newPoller() *poller { return &poller{make(chan struct{}, 1)} }

// Wake implements [Waiter].
func (p *poller) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// wait returns when the poller is woken or, if atMost is above 0, when that much time has passed. It reports whether the
// client is still there.
func (p *poller) wait(r *http.Request, atMost time.Duration) bool {
	var later <-chan time.Time
	if atMost > 0 {
		timer := time.NewTimer(atMost)
		defer timer.Stop()
		later = timer.C
	}
	select {
	case <-p.woken:
	case <-later:
	case <-r.Context().Done():
		return false
	}
	return true
}
