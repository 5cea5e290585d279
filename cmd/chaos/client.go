package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
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

	mu      sync.Mutex // guards current
	current *Session
	seen    map[string]time.Duration // wires, and paths of blank messages
}

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

func (c *Client) opened(ctx context.Context) bool {
	select {
	case s := <-c.steps:
		defer c.idle.Add(-1)
		if s.Verb == "open" {
			c.form = s.arg(0)
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
		c.request = send(kept.conn, kept.pause, c.history.came(c.session, c.at, c.form), token, false)
		return true
	}
	conn, err := c.link.dial(ctx)
	if err != nil {
		return false
	}
	came := c.history.came(c.session, c.at, c.form)
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
	default:
		c.rest(ctx, 50*time.Millisecond)
	}
}

// obey does a step.
func (c *Client) obey(ctx context.Context, s Step) {
	c.history.note(c.session, "step: %s", s)
	switch s.Verb {
	case "again", "open", "confirm", "link": // counted where they happen, or no faults
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
			_ = c.request.conn.CloseWrite()
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

func (c *Client) overhear(r *request, h heard) {
	s := r.came.Session
	switch {
	case h.reply:
	case h.status != 0:
		c.history.refusal(r.came, h.reason)
	case h.id == "":
	case h.id != s.ID:
		c.history.open(h.id, c.name+" (aside)", r.came)
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
	r := send(conn, bufio.NewReader(conn), c.history.came(c.session, from, formPoll), from.Token, false)
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
	o := &Op{Verb: "leave"}
	c.history.op(c.session, o)
	status, _, _ := post(conn, bufio.NewReader(conn), "DELETE", "/"+c.at.Token, nil)
	c.history.settleOp(o, fateOf(status))
}
