package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// This file is what a client says, beside waiting: it publishes, connects itself to open paths, and leaves.

// talkPath is where the client publishes. After an answer was lost it publishes at another: what it said may still be
// on its way.
func (c *Client) talkPath() string { return fmt.Sprintf("talk/%s/%d", c.name, c.talks) }

// talk publishes.
func (c *Client) talk(ctx context.Context, s Step) {
	count, _ := strconv.Atoi(s.arg(0))
	for range count {
		if c.session == nil || ctx.Err() != nil {
			return
		}
		path := c.talkPath()
		u := newUpdate(path, c.history.number(path), 0, false)
		u.Wire = fmt.Sprintf(`{"path":"%s","message":%s,"from":"%s"}`, path, message(u.Number, 0, false), c.session.ID)
		body := fmt.Appendf(nil, `{"path":"%s","message":%s}`, path, message(u.Number, 0, false))
		c.history.begin([]*Update{u})
		if r := c.request; r != nil && r.form == formFrames && r.at != nil && r.came.heard > 0 {
			c.talked = append(c.talked, u)
			r.tell(ws.NewTextFrame(body))
			continue
		}
		c.publish(ctx, u, body)
	}
}

// publish posts one update.
func (c *Client) publish(ctx context.Context, u *Update, body []byte) {
	conn, err := c.link.dial(ctx)
	if err != nil {
		c.settle(u, refused, 0)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	status, _, _ := post(conn, bufio.NewReader(conn), "POST", "/"+c.at.Token, body)
	c.settle(u, fateOf(status), status)
}

// fateOf tells by a status what became of a request; 0 is an answer that was lost.
func fateOf(status int) fate {
	switch {
	case status == 0:
		return unknown
	case status/100 == 2:
		return done
	}
	return refused
}

// replied settles the first update that was said over a WebSocket and not answered yet.
func (c *Client) replied(h heard) {
	if len(c.talked) == 0 {
		c.history.violated(Violation{Session: c.session, What: "a reply to nothing", Got: h.reason})
		return
	}
	u := c.talked[0]
	c.talked = c.talked[1:]
	c.settle(u, fateOf(h.status), h.status)
}

// settleTalk settles what will not be answered any more.
func (c *Client) settleTalk(f fate) {
	for _, u := range c.talked {
		c.settle(u, f, 0)
	}
	c.talked = nil
}

// settle notes what became of something that the client said, and compares it with what it was permitted.
func (c *Client) settle(u *Update, f fate, status int) {
	c.history.settle([]*Update{u}, f)
	if f == unknown {
		c.history.locked(func() { u.When.to = never })
		c.talks++
		return
	}
	c.history.locked(func() {
		may := c.session.held("permit", "forbid", u.Path, u.When, true)
		mayNot := !c.session.held("permit", "forbid", u.Path, u.When, false)
		if may && status == http.StatusForbidden || mayNot && f == done {
			c.history.Found = append(c.history.Found, Violation{
				Session: c.session, What: "a permit was not kept", Want: "to publish where that is permitted, and nowhere else",
				Got: fmt.Sprintf("%d for %s", status, u.Wire),
			})
		}
	})
}

// join has the client connect itself. What is open stands in its address from then on, for the next session.
func (c *Client) join(ctx context.Context, patterns []string) {
	if c.history.Rules.allOpen(patterns) {
		c.paths = append(without(c.paths, patterns), patterns...)
	}
	c.command(ctx, "connect", patterns)
}

// part has it disconnect itself.
func (c *Client) part(ctx context.Context, patterns []string) {
	c.paths = without(c.paths, patterns)
	c.command(ctx, "disconnect", patterns)
}

// without returns those of list that are not in others.
func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(p string) bool { return slices.Contains(others, p) })
}

// command gives a command of the client's own. It does not wait for the answer, so that others' commands, updates and
// the end of the daemon come beside it.
func (c *Client) command(ctx context.Context, verb string, patterns []string) {
	s := c.session
	if s == nil {
		return
	}
	target := "/" + c.at.Token + "/" + verb
	body, err := json.Marshal(patterns)
	if err != nil {
		panic(err) // texts can always be encoded
	}
	conn, err := c.link.dial(ctx)
	if err != nil {
		return
	}
	ops := make([]*Op, len(patterns))
	for i, p := range patterns {
		ops[i] = &Op{Verb: verb, By: byItself, Pattern: p}
		c.history.op(s, ops[i])
	}
	c.idle.Add(1)
	c.group.Go(func() {
		defer c.idle.Add(-1)
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		status, text, _ := post(conn, bufio.NewReader(conn), "POST", target, body)
		for _, o := range ops {
			c.history.settleOp(o, fateOf(status))
		}
		want := `{"paths":` + string(body) + "}"
		c.history.commanded(s, status, strings.TrimSpace(string(text)), want, c.history.Rules.allOpen(patterns))
	})
}

// commanded compares what a client's own command was answered with what it is to be where all of it is open, or not.
func (h *History) commanded(s *Session, status int, text, want string, open bool) {
	h.locked(func() {
		what := ""
		switch {
		case status == http.StatusOK && !open:
			what = "a path was opened that is not open"
		case status == http.StatusOK && text != want:
			what = "a command was answered for other paths"
		case status == http.StatusForbidden && open:
			what = "an open path was refused"
		case status == http.StatusForbidden:
			h.Faults["not open"]++
		case status == http.StatusNotFound && !s.mayBeGone(h, h.now()):
			what = "the token of a live session is not known"
		}
		if what != "" {
			h.Found = append(h.Found, Violation{s, what, want, fmt.Sprint(status, " ", text), h.now()})
		}
	})
}

// leave ends the session.
func (c *Client) leave(ctx context.Context) {
	if c.session == nil {
		return
	}
	conn, err := c.link.dial(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	o := &Op{Verb: "leave", By: byItself}
	c.history.op(c.session, o)
	status, _, _ := post(conn, bufio.NewReader(conn), "DELETE", "/"+c.at.Token, nil)
	c.history.settleOp(o, fateOf(status))
}
