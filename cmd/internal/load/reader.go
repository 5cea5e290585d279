package load

import (
	"encoding/binary"
	"errors"
)

// Sink takes what was made out of the bytes of a connection. What it is given is good until it returns. Its error ends the
// reading: [ErrGone] if it has closed the connection itself.
type Sink interface {
	Hear(in *Input, last bool) error // last: the server closes the connection after this answer
	Ping(payload []byte) error       // of a WebSocket; a pong is to be sent
}

// ErrGone is what a [Sink] returns when it has closed the connection that it was given something of.
var ErrGone = errors.New("the connection was closed on purpose")

// CloseError is the end of a WebSocket by a close frame.
type CloseError struct {
	Code   int // of RFC 6455, section 7.4; 0 where there was none
	Reason string
}

func (e *CloseError) Error() string { return errClosed.Error() }

// Unwrap makes it what the end of any other stream is.
func (e *CloseError) Unwrap() error { return errClosed }

var (
	errClosed = errors.New("closed")           // the server ended a stream, or closed a WebSocket
	errCut    = errors.New("closed in answer") // the connection ended in the midst of something
)

// reader makes answers, events or messages out of the bytes of one connection, in whatever pieces they come. It does no
// I/O. Its zero value reads answers of long-poll.
type reader struct {
	transport Transport
	begun     bool   // the head of a stream was read
	body      body   // of an event stream
	held      []byte // bytes that make no whole thing yet
	need      int    // so many bytes are needed to look at them again
	joined    []byte // what has come of a body in chunks, an event or a message
	in        Input
}

// reset prepares for a new connection, and keeps the memory.
func (r *reader) reset(transport Transport) {
	*r = reader{transport: transport, held: r.held[:0], joined: r.joined[:0]}
}

// feed takes what was read.
func (r *reader) feed(b []byte, to Sink) error {
	if len(r.held) > 0 {
		r.held = append(r.held, b...)
		b = r.held
	}
	if len(b) < r.need {
		return r.keep(b)
	}
	r.need = 0
	for len(b) > 0 {
		n, err := r.take(b, to)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	return r.keep(b)
}

// keep holds what could not be taken yet.
func (r *reader) keep(b []byte) error {
	if len(b) > maxAnswer {
		return errLarge
	}
	if len(r.held) == 0 || len(b) < len(r.held) {
		r.held = append(r.held[:0], b...)
	}
	return nil
}

// take takes one whole thing from b, and returns its size; 0 where more is needed.
func (r *reader) take(b []byte, to Sink) (int, error) {
	switch {
	case r.transport != SSE && r.transport != WebSocket:
		return r.takeAnswer(b, to)
	case !r.begun:
		return r.takeHead(b, to)
	case r.transport == SSE:
		return r.takeEvents(b, to)
	default:
		return r.takeFrame(b, to)
	}
}

// takeAnswer takes a whole answer.
func (r *reader) takeAnswer(b []byte, to Sink) (int, error) {
	h, n, err := readHead(b)
	if n == 0 || err != nil || h.body.kind == untilClose {
		return 0, err
	}
	data := b[n:]
	if h.body.kind == sized {
		if len(data) < h.body.left {
			r.need = n + h.body.left
			return 0, nil
		}
		data = data[:h.body.left]
		n += len(data)
	} else {
		used, err := r.join(&h.body, data)
		if err != nil || !h.body.done() {
			return 0, err
		}
		data = r.joined
		n += used
	}
	r.in = Input{Status: h.status, Head: h.fields, Data: data}
	return n, to.Hear(&r.in, h.last)
}

// join puts the chunks of a body together.
func (r *reader) join(d *body, b []byte) (used int, err error) {
	r.joined = r.joined[:0]
	for used < len(b) && !d.done() {
		payload, n, err := d.next(b[used:])
		if err != nil {
			return 0, err
		}
		r.joined = append(r.joined, payload...)
		used += n
	}
	return used, nil
}

// takeHead takes the head of the answer that a stream begins with. That of a refusal is all that is heard of it.
func (r *reader) takeHead(b []byte, to Sink) (int, error) {
	h, n, err := readHead(b)
	if n == 0 || err != nil {
		return 0, err
	}
	r.begun, r.body = true, h.body
	r.in = Input{Status: h.status, Head: h.fields}
	return n, to.Hear(&r.in, h.last)
}

// takeEvents takes a piece of an event stream.
func (r *reader) takeEvents(b []byte, to Sink) (int, error) {
	payload, n, err := r.body.next(b)
	if err == nil && len(payload) > 0 {
		err = r.events(payload, to)
	}
	if err == nil && r.body.done() {
		err = errClosed
	}
	return n, err
}

// events hands on what is whole together with what was left before, and keeps the rest.
func (r *reader) events(b []byte, to Sink) error {
	if len(r.joined) > 0 {
		r.joined = append(r.joined, b...)
		b = r.joined
	}
	left, err := r.eachEvent(b, to)
	if err != nil {
		return err
	}
	if len(left) > maxAnswer {
		return errLarge
	}
	r.joined = append(r.joined[:0], left...)
	return nil
}

// eachEvent hands on the events of b, and returns what is left.
func (r *reader) eachEvent(b []byte, to Sink) ([]byte, error) {
	for len(b) > 0 {
		in, n := nextEvent(b)
		if n == 0 {
			return b, nil
		}
		b = b[n:]
		if in.Data == nil && in.Retry == nil {
			continue
		}
		r.in = in
		if err := to.Hear(&r.in, false); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// takeFrame takes a WebSocket frame.
func (r *reader) takeFrame(b []byte, to Sink) (int, error) {
	f, n, err := nextFrame(b)
	if n == 0 || err != nil {
		return 0, err
	}
	switch f.op {
	case OpPing:
		return n, to.Ping(f.payload)
	case OpPong:
		return n, nil
	case OpClose:
		return 0, closeError(f.payload)
	case OpText, OpBinary, OpContinuation:
		return n, r.message(f, to)
	default:
		return 0, errFrame
	}
}

func closeError(payload []byte) error {
	if len(payload) < 2 {
		return &CloseError{}
	}
	return &CloseError{Code: int(binary.BigEndian.Uint16(payload)), Reason: string(payload[2:])}
}

// message puts the frames of a message together.
func (r *reader) message(f frame, to Sink) error {
	if len(r.joined)+len(f.payload) > maxAnswer {
		return errLarge
	}
	if !f.final || f.op == OpContinuation {
		r.joined = append(r.joined, f.payload...)
		f.payload = r.joined
	}
	if !f.final {
		return nil
	}
	r.in = Input{Data: f.payload}
	err := to.Hear(&r.in, false)
	if err == nil {
		r.joined = r.joined[:0]
	}
	return err
}

// end takes the end of the connection. It is an error wherever something was to come, but not after a last answer.
func (r *reader) end(to Sink) error {
	if r.begun || len(r.held) == 0 {
		return errClosed
	}
	if r.transport == SSE || r.transport == WebSocket {
		return errCut
	}
	h, n, err := readHead(r.held)
	if err != nil || n == 0 || h.body.kind != untilClose {
		return errCut
	}
	r.in = Input{Status: h.status, Head: h.fields, Data: r.held[n:]}
	return to.Hear(&r.in, true)
}
