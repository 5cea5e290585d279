package main

import (
	"bufio"
	"context"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// Client is one that waits. It comes back by itself, for as long as the run goes on; steps disturb it. All of it but
// what mu guards belongs to the goroutine of run.
type Client struct {
	name    string
	history *History
	link    *link
	app     *Application
	steps   chan Step
	idle    atomic.Int64 // steps that wait, or are being done
	group   sync.WaitGroup

	form    string
	session *Session
	at      *Got     // whose token it brings next
	request *request // that waits; nil for none
	again   bool     // take the next answer for lost
	confirm int      // over a WebSocket: each so many frames
	frames  int
	kept    *request
	talked  []*Update // over this WebSocket, and not answered yet
	talks   int       // generations of the path that it publishes at
	paths   []string  // that its address names

	mu      sync.Mutex // guards current
	current *Session
	seen    map[string]time.Duration // wires, and paths of blank messages
}

// newClient makes one that has not begun.
func newClient(name string, h *History, l *link) *Client {
	return &Client{
		name: name, history: h, link: l, steps: make(chan Step, 1000), form: formPoll, seen: make(map[string]time.Duration),
	}
}

// now returns the session that it has.
func (c *Client) now() *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// run lives until ctx ends.
func (c *Client) run(ctx context.Context) {
	defer c.group.Wait()
	defer c.link.close()
	defer func() { c.leaveRequest(false) }()
	if !c.opened(ctx) {
		return
	}
	for ctx.Err() == nil {
		if c.request == nil && !c.come(ctx) {
			c.rest(ctx, 20*time.Millisecond)
		}
		c.wait(ctx)
	}
}

// opened waits for the first step, which says how the client begins. It reports whether there was one.
func (c *Client) opened(ctx context.Context) bool {
	select {
	case s := <-c.steps:
		defer c.idle.Add(-1)
		if s.Verb == "open" {
			c.form, c.paths = s.arg(0), s.plain()[1:]
		} else {
			c.obey(ctx, s)
		}
		return true
	case <-ctx.Done():
		return false
	}
}

// wait waits for one thing to happen.
func (c *Client) wait(ctx context.Context) {
	var came chan heard
	limit := 20 * time.Millisecond // without a request
	if c.request != nil {
		came, limit = c.request.heard, c.history.Rules.Hold+2*time.Second
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case h := <-came:
		c.take(ctx, h)
	case s := <-c.steps:
		c.obey(ctx, s)
		c.idle.Add(-1)
	case <-timer.C:
		c.leaveRequest(false)
	case <-ctx.Done():
	}
}

// rest does nothing for a while.
func (c *Client) rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// come begins a request. It reports whether there was a connection for it.
func (c *Client) come(ctx context.Context) bool {
	token := ""
	if c.at != nil {
		token = c.at.Token
	}
	if kept := c.kept; kept != nil {
		c.kept = nil
		c.request = send(kept.conn, kept.pause, c.history.came(c.session, c.at, c.form, c.paths), token, false)
		return true
	}
	conn, err := c.link.dial(ctx)
	if err != nil {
		return false
	}
	came := c.history.came(c.session, c.at, c.form, c.paths)
	c.request = send(conn, bufio.NewReader(conn), came, token, token != "" && came.Number%2 == 0)
	c.frames = 0
	return true
}

// leaveRequest closes the request that waits, if there is one.
func (c *Client) leaveRequest(reset bool) {
	if c.request != nil {
		c.request.drop(reset)
		c.request = nil
	}
	if c.kept != nil {
		_ = c.kept.conn.Close()
		c.kept = nil
	}
	c.settleTalk(unknown)
}

// take deals with what came.
func (c *Client) take(ctx context.Context, h heard) {
	r := c.request
	switch {
	case h.reply:
		c.replied(h)
	case h.status != 0:
		c.refused(ctx, r, h)
	case h.id != "":
		c.given(r, h)
	}
	if h.over != "" {
		c.over(r, h)
	}
}

// over ends a request to which nothing more comes.
func (c *Client) over(r *request, h heard) {
	c.request = nil
	if h.reuse && r.form == formPoll && c.form == formPoll {
		c.kept = r
	} else {
		_ = r.conn.Close()
	}
	close(r.done)
	c.settleTalk(unknown)
}

// given deals with a part of what there is for the session, or with the greeting of one.
func (c *Client) given(r *request, h heard) {
	if c.session == nil || h.id != c.session.ID {
		c.begin(r, h)
		return
	}
	if len(h.entries) == 0 && cursorOf(h.token) == r.at.Cursor {
		c.history.heard(r.came)
		return
	}
	got := c.history.got(c.session, r.came, r.at, h.token, h.entries)
	r.at = got
	if c.again && len(h.entries) > 0 {
		c.again = false
		c.history.fault("again")
		c.history.note(c.session, "takes this answer for lost: %s", h.token)
		if r.form != formPoll {
			c.leaveRequest(false)
		}
		return
	}
	c.at = got
	c.see(h.entries)
	c.history.went(c.session, got)
	c.confirmFrames(r)
}

// confirmFrames confirms what a WebSocket brought, now and then.
func (c *Client) confirmFrames(r *request) {
	c.frames++
	if r.form != formFrames || c.confirm == 0 || c.frames%c.confirm != 0 {
		return
	}
	c.history.confirmed(c.session, c.at.Cursor)
	text := strconv.Quote(c.at.Token)
	if c.frames%(2*c.confirm) == 0 {
		text = strconv.FormatUint(c.at.Cursor, 10)
	}
	r.tell(ws.NewTextFrame([]byte(text)))
}

// begin goes on with a new session, and has the application asked.
func (c *Client) begin(r *request, h heard) {
	s := c.history.open(h.id, c.name, r.came)
	r.came.Session = s
	r.came.From = nil
	got := c.history.got(s, r.came, nil, h.token, h.entries)
	c.session, c.at, r.at, c.again = s, got, got, false
	c.history.went(s, got)
	c.mu.Lock()
	c.current = s
	clear(c.seen)
	c.mu.Unlock()
	c.group.Go(func() { c.app.ask(c, s) })
}

// see notes what came, for who waits for the end of a run.
func (c *Client) see(entries []Entry) {
	now := c.history.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range entries {
		key := entries[i].Raw
		if entries[i].blank() {
			key = entries[i].Path
		}
		c.seen[key] = now
	}
}

// has tells whether u came, or a blank message that stands for it, after u was given.
func (c *Client) has(u *Update) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[u.Wire] > 0 {
		return true
	}
	for path, at := range c.seen {
		if path[0] != '{' && at > u.When.from && standsFor(path, u.Path) {
			return true
		}
	}
	return false
}

// refused deals with an answer that is none.
func (c *Client) refused(ctx context.Context, r *request, h heard) {
	c.history.refusal(r.came, h.reason)
	c.history.note(c.session, "request %d: %d %s", r.came.Number, h.status, h.reason)
	switch h.reason {
	case "stale":
		c.session, c.at = nil, nil // as a client would that has no newer one; the model tells whether that was right
	case "superseded":
		c.rest(ctx, 5*time.Millisecond)
	case "not_open":
		c.paths = slices.DeleteFunc(slices.Clone(c.paths), func(p string) bool { return !c.history.Rules.open(p) })
	default:
		c.rest(ctx, 50*time.Millisecond)
	}
}
