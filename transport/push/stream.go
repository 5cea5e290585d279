package push

import (
	"net/http"
	"time"
)

// This file is server-sent events on net/http, and what they have in common with WebSockets there: a goroutine for each
// stream that waits.

// part takes what there is for a stream, and writes it. It does nothing if another has taken the stream's place; the
// error is that of write. What the client did not get stays in its session.
func (p *Push) part(s *Session, poller *poller, write func([]byte) error) error {
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	text, seq, ok := s.Take((*buf)[:0], poller, time.Now())
	if !ok {
		return nil
	}
	if cap(text) <= keptScratch {
		*buf = text
	}
	p.stats.Answers.Add(1)
	if err := write(text); err != nil {
		return err
	}
	s.Wrote(seq, time.Now())
	return nil
}

// events streams what there is for a client as long as it stays, the session lasts and nothing else takes its place.
func (p *Push) events(w http.ResponseWriter, r *http.Request, a *arrival) error {
	poller := newPoller()
	s, _, err := p.admit(a, poller, time.Now())
	if err != nil {
		return err
	}
	defer func() { s.Unpark(poller, time.Now()) }()
	header := w.Header()
	header["Content-Type"] = eventType
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	header["X-Accel-Buffering"] = noBuffering // of nginx
	if r.ProtoMajor == 1 {
		header.Set("Connection", "close") // as on the event loops; over HTTP/2 it would end all streams
	}
	write := func(text []byte) error { return p.writePart(w, text) }
	if write(s.Greeting(nil, Events, a.pace)) != nil {
		return nil
	}
	for {
		switch state, wait := s.Ready(poller, time.Now()); state {
		case Answer:
			if p.part(s, poller, write) != nil {
				return nil
			}
		case Hold:
			if !poller.wait(r, wait) {
				return nil
			}
		default:
			_ = write(p.farewell(nil, Events, state))
			return nil
		}
	}
}

var (
	eventType   = []string{"text/event-stream"}
	noBuffering = []string{"no"}
)

// writePart sends a part of an event stream, which the client has to take in time. The deadline is taken away afterwards:
// over HTTP/2 it would end the stream when it comes, whether anything is written then or not.
func (p *Push) writePart(w http.ResponseWriter, text []byte) error {
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(time.Now().Add(p.config().WriteTime))
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := control.Flush(); err != nil {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{})
	return nil
}
