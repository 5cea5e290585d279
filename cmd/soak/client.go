//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// client is one that listens, as docs/protocol.md and the client for browsers have it: it keeps its token, comes back with
// it, and asks to be connected wherever its ID is a new one.
type client struct {
	load.Link
	ledger
	crowd     *crowd
	number    int
	transport load.Transport
	state     clientState
	token     []byte // "" before the first session
	tries     int    // connections that failed, one after the other
	heardHere int    // updates since the last confirmation over a WebSocket
	turn      int    // tells alarms of an earlier turn of life from those of this one
	since     time.Duration
	hint      time.Duration // that the daemon gave for coming back
	waiting   int           // asks that are not answered yet
	served    time.Duration // when it was first answered after [crowd.watch]
}

type clientState uint8

const (
	away    clientState = iota // there is no connection
	coming                     // there is none that listens yet
	here                       // it listens
	stalled                    // it reads nothing
	leaving                    // it says goodbye
	gone                       // and comes no more
)

// never is since when a client listens that does not.
const never = time.Duration(math.MaxInt64)

// come connects, with what token it has.
func (c *client) come() {
	if c.state != away {
		return
	}
	c.state, c.since, c.hint = coming, never, 0
	c.Dial(c.crowd.push, c.transport)
}

// goAway closes the connection, and comes back after so long.
func (c *client) goAway(d time.Duration) {
	c.Close()
	c.rest(d)
}

// rest waits without a connection.
func (c *client) rest(d time.Duration) {
	c.state, c.since = away, never
	c.later(d, c.come)
}

// later calls do after so long, unless the client has done something else by then.
func (c *client) later(d time.Duration, do func()) {
	c.turn++
	turn := c.turn
	c.crowd.after(d, func() {
		if c.turn == turn {
			do()
		}
	})
}

// Connected implements [load.Peer].
func (c *client) Connected() {
	b := c.crowd.scratch[:0]
	switch {
	case c.state == leaving && c.number%2 == 0:
		b = c.appendRequest(b, "DELETE ", "", "")
	case c.state == leaving:
		b = c.appendRequest(b, "POST ", "/leave", "Content-Length: 0\r\n")
	case c.transport == load.SSE:
		b = c.appendRequest(b, "GET ", "", "Accept: text/event-stream\r\n")
	case c.transport == load.WebSocket:
		b = load.AppendUpgrade(b, "localhost", "/"+string(c.token), "")
	default:
		b = c.appendRequest(b, "GET ", "", "")
	}
	c.crowd.scratch = b
	if c.Send(b); c.state == coming && c.transport == load.LongPoll {
		c.listens()
	}
}

func (c *client) appendRequest(b []byte, method, after, fields string) []byte {
	b = append(append(append(b, method...), '/'), c.token...)
	b = append(append(b, after...), " HTTP/1.1\r\nHost: localhost\r\n"...)
	return append(append(b, fields...), "\r\n"...)
}

// listens notes that whatever is published from now on should come soon.
func (c *client) listens() {
	if c.state == coming {
		c.state = here
		c.crowd.arrived(c)
	}
	if c.state == here && c.since == never {
		c.since = c.crowd.now()
	}
}

// Broken implements [load.Peer].
func (c *client) Broken(err error) {
	c.crowd.broken(err, c.state)
	if c.state == leaving {
		c.left()
		return
	}
	wait := c.hint
	if end := new(load.CloseError); errors.As(err, &end) {
		if wait = milliseconds([]byte(end.Reason)); wait > 0 {
			c.crowd.tally.hints++
		}
	}
	if wait == 0 {
		wait = c.crowd.backoff(c.tries)
	}
	c.tries++
	c.rest(wait)
}

// Ping implements [load.Sink].
func (c *client) Ping(payload []byte) error { return c.frame(load.OpPong, payload) }

// frame sends over a WebSocket.
func (c *client) frame(op byte, payload []byte) error {
	b := load.AppendFrame(c.crowd.scratch[:0], op, payload)
	c.crowd.scratch = b
	c.Send(b)
	if c.Idle() {
		return load.ErrGone
	}
	return nil
}

// Hear implements [load.Sink].
func (c *client) Hear(in *load.Input, last bool) error {
	switch {
	case c.state == leaving:
		c.Close()
		c.left()
		return load.ErrGone
	case in.Status != 0 && in.Status != 200 && in.Status != 101:
		return c.refused(in)
	case in.Status != 0 && c.transport != load.LongPoll:
		return nil // the stream follows
	}
	c.tries = 0
	if c.transport == load.SSE {
		return c.event(in)
	}
	a := &c.crowd.answer
	if err := a.parse(in.Data); err != nil {
		c.flaw(flawUnread, fmt.Sprintf("%v: %.200s", err, in.Data))
		return nil
	}
	c.isServed()
	c.adopt(a.token, a.pace)
	for i := range a.updates {
		c.take(&a.updates[i])
	}
	if c.transport == load.WebSocket {
		c.listens()
		return c.confirm(len(a.updates))
	}
	return c.again(a.retry, last)
}

// refused takes an answer that is none to listen by.
func (c *client) refused(in *load.Input) error {
	if in.Status != 503 && in.Status != 429 {
		c.flaw(flawStatus, fmt.Sprintf("%s: %d %s", c.transport, in.Status, bytes.TrimSpace(in.Data)))
	}
	c.crowd.tally.later++
	seconds, _ := strconv.Atoi(string(in.Field("Retry-After")))
	c.goAway(time.Duration(seconds)*time.Second + c.crowd.backoff(c.tries))
	c.tries++
	return load.ErrGone
}

// again polls again.
func (c *client) again(retry time.Duration, last bool) error {
	switch {
	case retry > 0:
		c.crowd.tally.hints++
		c.goAway(retry)
		return load.ErrGone
	case last:
		c.Close()
		c.state = away
		c.come()
		return load.ErrGone
	}
	b := c.appendRequest(c.crowd.scratch[:0], "GET ", "", "")
	c.crowd.scratch = b
	c.Send(b)
	if c.Idle() {
		return load.ErrGone
	}
	c.listens()
	return nil
}

// event takes a server-sent event.
func (c *client) event(in *load.Input) error {
	if retry := milliseconds(in.Retry); retry > 0 && len(in.Data) == 0 {
		c.crowd.tally.hints++
		c.hint = retry
		return nil
	}
	c.isServed()
	switch string(in.Event) {
	case "session":
		var greeting struct {
			ID   string
			Pace int
		}
		if err := json.Unmarshal(in.Data, &greeting); err != nil || !strings.HasPrefix(string(in.ID), greeting.ID) {
			c.flaw(flawUnread, string(in.Data))
		}
		c.adopt(in.ID, time.Duration(greeting.Pace)*time.Millisecond)
		c.listens()
		return nil
	case "superseded", "ended":
		return nil // the end of the stream follows
	}
	u, rest, ok := nextUpdate(in.Data)
	if !ok || len(rest) > 0 {
		c.flaw(flawUnread, string(in.Data))
		return nil
	}
	c.take(&u)
	c.adopt(in.ID, 0)
	return nil
}

// confirmEvery is after how many updates a client on a WebSocket says how far it has come.
const confirmEvery = 16

func (c *client) confirm(updates int) error {
	if c.heardHere += updates; c.heardHere < confirmEvery {
		return nil
	}
	c.heardHere = 0
	return c.frame(load.OpText, fmt.Appendf(nil, "%q", c.token))
}

// take hears one update.
func (c *client) take(u *update) {
	w := c.crowd
	if u.gap != nil {
		w.tally.marks[string(u.gap)]++
	}
	f, detail, again := c.hear(u)
	if f != "" {
		c.flaw(f, detail)
		return
	}
	for _, topic := range again {
		w.tally.lapsed++
		c.ask(topic)
	}
	if _, due, ok := u.stamp(); ok {
		if w.tally.deliveries++; due >= c.since {
			w.measure(w.now() - due)
		}
	}
	w.heard(c, u)
}

// id is the first segment of the token.
func (c *client) id() string {
	id, _, _ := strings.Cut(string(c.token), "/")
	return id
}

// adopt takes the token to come back with. That of another session means that everything is to be asked for again.
func (c *client) adopt(token []byte, pace time.Duration) {
	end := bytes.IndexByte(token, '/')
	if end > 0 && bytes.HasPrefix(c.token, token[:end+1]) {
		c.token = append(c.token[:0], token...)
		return
	}
	if len(c.token) > 0 {
		c.crowd.tally.lost++
	}
	c.token = append(c.token[:0], token...)
	c.heardHere = 0
	c.forget()
	if pace == 0 {
		c.askAll()
		return
	}
	c.crowd.tally.paced++
	id := c.id()
	c.crowd.after(pace, func() {
		if c.id() == id {
			c.askAll()
		}
	})
}

// askAll has the back-end connect the client to all that it wants: what has no lease with one call.
func (c *client) askAll() {
	c.crowd.asks = append(c.crowd.asks, c.crowd.now())
	var standing []int
	for i, t := range c.topics {
		if t.lease > 0 {
			c.ask(i)
		} else {
			standing = append(standing, i)
		}
	}
	c.ask(standing...)
}

// ask has the back-end connect the client to topics with the same lease.
func (c *client) ask(topics ...int) {
	if len(topics) == 0 {
		return
	}
	cmd := command{ID: c.id()}
	for _, i := range topics {
		cmd.Paths = append(cmd.Paths, c.topics[i].pattern)
		if lease := c.topics[i].lease; lease > 0 {
			cmd.For = lease.String()
		}
	}
	c.waiting++
	c.crowd.call(c.number, &call{target: "/connect", body: cmd.encode(), done: func(status int, in []byte) {
		c.waiting--
		c.asked(cmd.ID, topics, status, in)
	}})
}

// asked takes the back-end's answer. A session that has ended meanwhile is one that the client hears of otherwise.
func (c *client) asked(id string, topics []int, status int, in []byte) {
	switch {
	case status == 404 || c.id() != id:
	case status != 200:
		c.flaw(flawStatus, fmt.Sprintf("connect: %d %s", status, bytes.TrimSpace(in)))
	default:
		for _, i := range topics {
			c.stands(i)
			c.renew(id, i)
		}
	}
}

// renew asks again before a lease runs out, for half of the clients. Those of the others lapse, and are asked for then.
func (c *client) renew(id string, topic int) {
	lease := c.topics[topic].lease
	if lease == 0 || c.number%2 == 0 {
		return
	}
	c.crowd.after(lease*3/4, func() {
		if c.id() == id {
			c.ask(topic)
		}
	})
}

// leave says goodbye, on a connection of its own.
func (c *client) leave() {
	c.Close()
	c.turn++
	if len(c.token) == 0 {
		c.left()
		return
	}
	c.state, c.since = leaving, never
	c.Dial(c.crowd.push, load.LongPoll)
}

// vanish breaks the connection off, and forgets the session, which nobody ends.
func (c *client) vanish() {
	c.Reset()
	c.turn++
	c.left()
}

// left forgets the session, and comes anew later, if there is a later.
func (c *client) left() {
	c.token = c.token[:0]
	c.forget()
	if c.crowd.closing {
		c.state = gone
		c.crowd.goneBy++
		return
	}
	c.rest(c.crowd.upTo(5 * time.Second))
}

// stall reads nothing for so long.
func (c *client) stall(d time.Duration) {
	c.Deafen()
	c.state, c.since = stalled, never
	c.later(d, c.recover)
}

// recover reads again. What was sent meanwhile comes late, and is not measured.
func (c *client) recover() {
	if c.state != stalled {
		return
	}
	if c.Listen(); c.state == stalled {
		c.state = coming
		c.listens()
	}
}

func (c *client) flaw(f flaw, detail string) {
	c.crowd.flaw(f, fmt.Sprintf("client %d (%s, %s): %s", c.number, c.transport, c.id(), detail))
}

// isServed notes when the client was first answered since it is watched.
func (c *client) isServed() {
	if c.served == 0 && c.crowd.watched > 0 {
		c.served = c.crowd.now()
		c.crowd.served++
	}
}

// kindOf names what broke a connection.
func kindOf(err error) string {
	var end *load.CloseError
	switch {
	case errors.As(err, &end):
		return "closed with " + strconv.Itoa(end.Code)
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused"
	case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return "reset"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}
