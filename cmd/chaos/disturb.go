package main

import (
	"bufio"
	"context"
	"strconv"
	"time"
)

// This file is the steps of a client that disturb how it waits.

// obey does a step.
func (c *Client) obey(ctx context.Context, s Step) {
	c.history.note(c.session, "step: %s", s)
	switch s.Verb {
	case "again", "open", "paths", "confirm", "link": // counted where they happen, or no faults
	default:
		c.history.fault(s.Verb)
	}
	switch s.Verb {
	case "again":
		c.again = true
	case "back":
		c.back(s)
	case "twice":
		c.aside()
	case "older":
		c.older(ctx)
	case "move":
		c.move(s)
	case "break":
		c.leaveRequest(s.arg(0) == "rst")
	case "half":
		if c.request != nil {
			c.request.conn.half()
		}
	case "stall":
		term, _ := time.ParseDuration(s.arg(0))
		c.rest(ctx, term)
	case "confirm":
		c.confirm, _ = strconv.Atoi(s.arg(0))
	case "link":
		c.relink(s)
	case "talk":
		c.talk(ctx, s)
	case "join":
		c.join(ctx, s.plain())
	case "part":
		c.part(ctx, s.plain())
	case "paths":
		c.paths = s.plain()
	case "leave":
		c.leave(ctx)
	}
}

// relink has the next connection go as s says, and makes it the next.
func (c *Client) relink(s Step) {
	if err := c.link.set(s); err != nil {
		c.history.violated(Violation{What: "the step cannot be done", Got: err.Error()})
	}
	c.leaveRequest(false)
}

// back breaks the stream and goes back by some parts, no further than to what was confirmed.
func (c *Client) back(s Step) {
	if c.session == nil || c.request == nil || c.request.form == formPoll {
		c.again = true // which is what goes back by a poll
		return
	}
	began := c.request.came.From
	count, _ := strconv.Atoi(s.arg(0))
	c.leaveRequest(false)
	for ; count > 0 && c.at != began && c.at.Parent != nil && !c.isConfirmed(c.at.Parent); count-- {
		c.at = c.at.Parent
	}
	c.history.went(c.session, c.at)
}

// isConfirmed tells whether something after g was confirmed, so that its token is used up.
func (c *Client) isConfirmed(g *Got) (is bool) {
	c.history.locked(func() {
		for _, confirmed := range c.session.Confirms {
			is = is || confirmed.Cursor > g.Cursor
		}
	})
	return is
}

// aside leaves the request open, and has another begun. What comes for it is written down.
func (c *Client) aside() {
	r := c.request
	if r == nil || c.session == nil {
		return
	}
	c.request = nil
	c.settleTalk(unknown)
	c.group.Go(func() { c.listen(r) })
}

// listen writes down what comes for a request that is not the client's own any more.
func (c *Client) listen(r *request) {
	limit := time.After(c.history.Rules.Hold + 2*time.Second)
	for {
		select {
		case h := <-r.heard:
			c.overhear(r, h)
			if h.over == "" {
				continue
			}
		case <-limit:
		}
		r.drop(false)
		return
	}
}

// overhear writes down one thing that came for it. It may open a session, which nobody goes on with.
func (c *Client) overhear(r *request, h heard) {
	s := r.came.Session
	switch {
	case h.reply:
	case h.status != 0:
		c.history.refusal(r.came, h.reason)
	case h.id == "":
	case h.id != s.ID:
		s = c.history.open(h.id, c.name+" (aside)", r.came)
		r.came.Session, r.came.From = s, nil
		r.at = c.history.got(s, r.came, nil, h.token, h.entries)
	case len(h.entries) == 0 && cursorOf(h.token) == r.at.Cursor:
		c.history.heard(r.came)
	default:
		r.at = c.history.got(s, r.came, r.at, h.token, h.entries)
	}
}

// older asks with a token that was used up, beside the request that waits.
func (c *Client) older(ctx context.Context) {
	if c.at == nil || c.at.Parent == nil || c.session == nil {
		return
	}
	conn, err := c.link.dial(ctx)
	if err != nil {
		return
	}
	from := c.at.Parent
	r := send(conn, bufio.NewReader(conn), c.history.came(c.session, from, formPoll, nil), from.Token, false)
	c.group.Go(func() { c.listen(r) })
}

// move goes on with another transport.
func (c *Client) move(s Step) {
	if s.arg(1) == "keep" {
		c.aside()
	} else {
		c.leaveRequest(false)
	}
	if c.kept != nil {
		_ = c.kept.conn.Close()
		c.kept = nil
	}
	c.form = s.arg(0)
}
