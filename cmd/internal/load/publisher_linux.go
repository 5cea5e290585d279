package load

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// publisher is a keep-alive connection that sends one request after the other.
type publisher struct {
	Link
	e       *engine
	queue   []order // what waits
	first   int     // where in queue it begins
	busy    bool
	current order
}

// order is one request: to publish, or a client's set-up.
type order struct {
	control   []byte // the request; nil to publish
	path      int
	seq       int
	due       time.Duration
	listeners int
}

// tell publishes the next message of a path to so many listeners. All of one path goes through one publisher, which
// keeps its order.
func (e *engine) tell(path, listeners int, due time.Duration) {
	for path >= len(e.seqs) {
		e.seqs = append(e.seqs, 0)
	}
	o := order{path: path, seq: e.seqs[path], due: due, listeners: listeners}
	e.seqs[path]++
	e.missing += listeners
	e.counts.messages++
	e.place(path, o)
}

// control sends a client's set-up request.
func (e *engine) control(c *client, request []byte) {
	e.place(c.Index, order{control: slices.Clone(request)})
}

func (e *engine) place(key int, o order) {
	p := &e.writers[key%len(e.writers)]
	p.queue = append(p.queue, o)
	e.inFlight++
	p.proceed()
}

// proceed sends the next order if it can.
func (p *publisher) proceed() {
	if p.busy || p.first == len(p.queue) {
		return
	}
	if p.fd < 0 {
		p.Dial(p.e.publish, "")
		return
	}
	if !p.up {
		return
	}
	p.current = p.queue[p.first]
	p.queue[p.first] = order{}
	if p.first++; p.first == len(p.queue) {
		p.queue, p.first = p.queue[:0], 0
	}
	p.busy = true
	p.Send(p.request())
}

// request is that of the current order. It is good until the next one.
func (p *publisher) request() []byte {
	e, o := p.e, &p.current
	if o.control != nil {
		return o.control
	}
	e.text = appendText(e.text[:0], e.name, stamp{o.path, o.seq, int64(o.due)}, e.Size)
	e.scratch = e.Dialect.Publish(e.scratch[:0], e.path(o.path), e.text)
	return e.scratch
}

// Connected implements [Peer].
func (p *publisher) Connected() { p.proceed() }

// Broken implements [Peer]. A server may close a connection on which nothing is under way.
func (p *publisher) Broken(err error) {
	if !p.busy && p.first == len(p.queue) {
		return
	}
	p.e.fail("publisher: "+kindOf(err), fmt.Errorf("the publisher's connection: %w", err))
	if !p.busy {
		p.drop() // it could not connect
		return
	}
	p.finish()
	p.proceed()
}

// drop gives up what waits, after a connection that failed.
func (p *publisher) drop() {
	p.e.inFlight -= len(p.queue) - p.first
	p.queue, p.first = p.queue[:0], 0
}

// finish ends the current order.
func (p *publisher) finish() {
	p.busy = false
	p.e.inFlight--
	p.e.moves++
}

// Ping implements [Sink].
func (p *publisher) Ping([]byte) error { return nil }

// Hear implements [Sink]: the answer to the current order.
func (p *publisher) Hear(in *Input, last bool) error {
	e := p.e
	if p.busy {
		p.finish()
		e.answered(&p.current, in)
	}
	life := p.life
	if last {
		p.Close()
	}
	p.proceed()
	if p.life != life {
		return ErrGone
	}
	return nil
}

// answered takes the answer to an order.
func (e *engine) answered(o *order, in *Input) {
	if !e.Dialect.Published(in) {
		kind := "refused: status " + strconv.Itoa(in.Status)
		e.fail(kind, &AnswerError{kind, in.Status, shorten(in.Data)})
		e.missing -= o.listeners
		return
	}
	if e.Work == Publish {
		e.latency.record(e.now() - o.due)
	}
}
