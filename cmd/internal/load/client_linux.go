package load

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// client is one that listens.
type client struct {
	Client
	Link
	e     *engine
	path  int // its number
	state clientState
	began time.Duration
	heard tally
	next  []byte // what to send when the connection stands; empty for the dialect's first request
}

type clientState uint8

const (
	away clientState = iota
	opening
	subscribed
	dead
)

// open begins to listen to a path.
func (c *client) open(path int) {
	c.Client = Client{Index: c.Index, Path: c.e.path(path), State: c.State[:0]}
	c.path, c.state, c.began, c.next = path, opening, c.e.now(), c.next[:0]
	c.heard.reset()
	c.e.opening++
	c.Dial(c.e.listen, c.e.Transport)
}

// Connected implements [Peer].
func (c *client) Connected() {
	e := c.e
	if len(c.next) == 0 {
		e.scratch = e.Dialect.Open(e.scratch[:0], &c.Client)
		c.Send(e.scratch)
		return
	}
	c.Send(c.next)
	c.next = c.next[:0]
}

// Broken implements [Peer].
func (c *client) Broken(err error) { c.die(kindOf(err), fmt.Errorf("a client's connection: %w", err)) }

// kindOf names an error for the counts.
func kindOf(err error) string {
	for err != nil {
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
			continue
		}
		return err.Error()
	}
	return ""
}

// die ends a client that cannot go on.
func (c *client) die(kind string, err error) {
	if c.state == opening {
		c.e.opening--
	}
	c.Close()
	c.state = dead
	c.e.fail(kind, err)
	c.e.left(c)
}

// Ping implements [Sink].
func (c *client) Ping(payload []byte) error {
	c.e.scratch = AppendFrame(c.e.scratch[:0], OpPong, payload)
	return c.sendOn(c.e.scratch)
}

// sendOn sends, and tells the reader if that has ended the connection.
func (c *client) sendOn(b []byte) error {
	life := c.life
	c.Send(b)
	if c.life != life {
		return ErrGone
	}
	return nil
}

// Hear implements [Sink].
func (c *client) Hear(in *Input, last bool) error {
	e := c.e
	if in.Status == 0 && in.Data == nil {
		return nil // a word about coming back, which it does not
	}
	if begin := e.firstStatus(); in.Status != 0 && begin != 0 && in.Status != begin {
		kind := fmt.Sprintf("status %d instead of %d", in.Status, begin)
		c.die(kind, &AnswerError{Kind: kind, Status: in.Status})
		return ErrGone
	}
	life := c.life
	r := &e.reply
	r.reset()
	e.Dialect.Hear(&c.Client, in, r)
	now := e.now()
	for _, text := range r.texts {
		c.take(text, now)
	}
	if r.ready && c.state == opening {
		c.subscribed(now)
	}
	if c.life == life && e.Transport == LongPoll && len(r.Send) == 0 {
		kind := cmp.Or(r.failure, "no next poll")
		c.die(kind, &AnswerError{kind, in.Status, shorten(in.Data)})
		return ErrGone
	}
	if r.failure != "" {
		e.fail(r.failure, &AnswerError{r.failure, in.Status, shorten(in.Data)})
	}
	if len(r.Control) > 0 {
		e.control(c, r.Control)
	}
	if c.life != life {
		return ErrGone // its visit is over
	}
	return c.follow(r.Send, last)
}

// firstStatus is what a stream begins with; 0 for long-poll.
func (e *engine) firstStatus() int {
	switch e.Transport {
	case SSE:
		return 200
	case WebSocket:
		return 101
	}
	return 0
}

// follow sends what the dialect wants.
func (c *client) follow(next []byte, last bool) error {
	switch {
	case c.e.Transport == WebSocket && len(next) > 0:
		c.e.scratch = AppendFrame(c.e.scratch[:0], OpText, next)
		return c.sendOn(c.e.scratch)
	case c.e.Transport != LongPoll:
		return nil
	case last:
		c.Close()
		c.next = append(c.next[:0], next...)
		c.Dial(c.e.listen, LongPoll)
		return ErrGone
	}
	return c.sendOn(next)
}

// subscribed notes that a client hears from now on.
func (c *client) subscribed(now time.Duration) {
	e := c.e
	c.state = subscribed
	e.opening--
	e.ready++
	e.moves++
	e.openings.record(now - c.began)
	e.arrived(c)
}

// take counts one message.
func (c *client) take(text []byte, now time.Duration) {
	e := c.e
	s, ok := parseText(text, e.name, e.Size)
	switch {
	case !ok:
		return // another run's
	case s.path != c.path:
		e.fail("another client's message", fmt.Errorf("a client heard path %d instead of %d", s.path, c.path))
		return
	}
	switch c.heard.take(s.seq) {
	case repeated:
		e.counts.duplicates++
		return
	case late:
		e.counts.outOfOrder++
	}
	e.counts.deliveries++
	e.missing--
	e.moves++
	e.latency.record(now - time.Duration(s.due))
	e.served(c)
}

const shownBody = 400

func shorten(b []byte) string { return string(b[:min(len(b), shownBody)]) }
