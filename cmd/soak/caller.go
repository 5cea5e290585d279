//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// caller is a back-end's keep-alive connection: it makes one call after the other, and each again until it is answered by
// more than "come back later". So what one caller is given stands on the timeline in that order.
type caller struct {
	load.Link
	crowd *crowd
	calls []*call
	busy  bool // the first call was sent
	rests bool // it waits for a moment before it tries again
}

// call is one request of a back-end.
type call struct {
	target string
	body   []byte
	notes  []note                      // the updates in it
	done   func(status int, in []byte) // with the answer; nil where nobody wants to know
}

// retryAfter is how long a caller waits before it makes a call again.
const retryAfter = 20 * time.Millisecond

func (c *caller) add(one *call) {
	c.calls = append(c.calls, one)
	c.proceed()
}

// proceed makes the next call if that can be.
func (c *caller) proceed() {
	switch {
	case c.busy || c.rests || len(c.calls) == 0:
	case c.Idle():
		c.Dial(c.crowd.ingest, load.LongPoll)
	case c.Up():
		c.busy = true
		c.Send(c.request(c.calls[0]))
	}
}

// request is good until the next one.
func (c *caller) request(one *call) []byte {
	b := fmt.Appendf(c.crowd.scratch[:0], "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n",
		one.target, len(one.body))
	b = append(b, one.body...)
	c.crowd.scratch = b
	return b
}

// Connected implements [load.Peer].
func (c *caller) Connected() { c.proceed() }

// Broken implements [load.Peer]. A call that was sent and not answered may have been heard, or not.
func (c *caller) Broken(err error) {
	t := &c.crowd.tally
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		t.callsRefused++
	case c.busy:
		t.callsCut++
		for _, n := range c.calls[0].notes {
			c.crowd.world.doubt(n)
		}
	}
	c.rest()
}

// rest tries again in a moment.
func (c *caller) rest() {
	c.busy, c.rests = false, true
	c.crowd.after(retryAfter, func() {
		c.rests = false
		c.proceed()
	})
}

// Ping implements [load.Sink].
func (c *caller) Ping([]byte) error { return nil }

// Hear implements [load.Sink].
func (c *caller) Hear(in *load.Input, last bool) error {
	if last {
		c.Close()
	}
	if !c.busy {
		return load.ErrGone
	}
	if in.Status == 503 || in.Status == 429 {
		c.crowd.tally.callsLater++
		c.rest()
	} else {
		c.answered(in)
	}
	if last {
		return load.ErrGone
	}
	return nil
}

// answered ends a call.
func (c *caller) answered(in *load.Input) {
	one := c.calls[0]
	c.calls[0] = nil
	c.calls, c.busy = c.calls[1:], false
	if c.crowd.tally.calls++; one.notes != nil {
		c.crowd.publishing--
	}
	switch {
	case one.done != nil:
		one.done(in.Status, in.Data)
	case in.Status != 200:
		c.crowd.flaw(flawStatus, fmt.Sprintf("POST %s: %d %s", one.target, in.Status, bytes.TrimSpace(in.Data)))
	}
	c.proceed()
}

// command is the body of connect and its like.
type command struct {
	ID    string   `json:"id"`
	Paths []string `json:"paths,omitempty"`
	For   string   `json:"for,omitempty"`
}

func (c command) encode() []byte {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err) // texts are always JSON
	}
	return b
}
