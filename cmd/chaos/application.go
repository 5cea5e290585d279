package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is a connection to ingest, which is opened again when it is lost. It is for one goroutine.
type Backend struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

// call posts body, and returns what became of it.
func (b *Backend) call(target string, body []byte) (f fate, status int, text []byte) {
	if b.conn == nil {
		conn, err := net.DialTimeout("tcp", b.address, 2*time.Second)
		if err != nil {
			return refused, 0, nil
		}
		b.conn, b.reader = conn, bufio.NewReader(conn)
	}
	method := "POST"
	if body == nil {
		method = "GET"
	}
	_ = b.conn.SetDeadline(time.Now().Add(patience))
	status, text, reuse := post(b.conn, b.reader, method, target, body)
	if !reuse {
		b.close()
	}
	return fateOf(status), status, text
}

func (b *Backend) close() {
	if b.conn != nil {
		_ = b.conn.Close()
		b.conn = nil
	}
}

// Application is the part of an application that says what its users may hear. It may be used by many goroutines.
type Application struct {
	history *History
	ingest  string

	mu      sync.Mutex // guards seats
	seats   map[*Client]*seat
	closing chan struct{}
}

// seat is what a client is to be connected to, whatever its ID is.
type seat struct {
	mu      sync.Mutex // held while a command for the client is on its way: they come one after the other
	backend Backend
	wants   []want
	asked   *Session // that all of it was asked for
}

type want struct {
	verb, pattern string
	term          time.Duration
}

func newApplication(h *History, ingest string) *Application {
	return &Application{history: h, ingest: ingest, seats: make(map[*Client]*seat), closing: make(chan struct{})}
}

func (a *Application) seat(c *Client) *seat {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seats[c] == nil {
		a.seats[c] = &seat{backend: Backend{address: a.ingest}}
	}
	return a.seats[c]
}

// ask does what a page does that was given a new ID: it has it connected to all that the client is to hear. It tries
// until it is done, the client has another session, or the run is over.
func (a *Application) ask(c *Client, s *Session) {
	seat := a.seat(c)
	seat.mu.Lock()
	defer seat.mu.Unlock()
	for _, w := range seat.wants {
		for c.now() == s && !a.give(seat, s, w.verb, []string{w.pattern}, w.term) {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-a.closing:
				return
			}
		}
	}
	seat.asked = s
}

// give gives one command for several patterns. It reports whether it was answered, well or not.
func (a *Application) give(seat *seat, s *Session, verb string, patterns []string, term time.Duration) (answered bool) {
	ops := make([]*Op, len(patterns))
	for i, p := range patterns {
		ops[i] = &Op{Verb: verb, By: byIngest, Pattern: p, For: term}
		a.history.op(s, ops[i])
	}
	f, status, _ := seat.backend.call("/"+verb, order(verb, s.ID, patterns, term))
	for _, o := range ops {
		a.history.settleOp(o, f)
	}
	if status == 404 {
		a.history.locked(func() {
			if !s.mayBeGone(a.history, a.history.now()) {
				a.history.Found = append(a.history.Found, Violation{
					Session: s, What: "the ID of a live session is not known", Want: "it is there", Got: fmt.Sprint(verb, " ",
						patterns),
				})
			}
		})
	}
	return status != 0 && status != 503
}

// order is the body of a command.
func order(verb, id string, patterns []string, term time.Duration) []byte {
	body := map[string]any{"id": id}
	if verb != "kick" {
		body["paths"] = patterns
	}
	if term > 0 {
		body["for"] = term.String()
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // texts and times can always be encoded
	}
	return text
}

// obey does a step of the application's for c.
func (a *Application) obey(c *Client, s Step) {
	seat := a.seat(c)
	seat.mu.Lock()
	defer seat.mu.Unlock()
	patterns, term := s.plain()[1:], s.time("for")
	if s.Verb == "kick" {
		patterns = []string{""}
	}
	undone := map[string]string{"disconnect": "connect", "forbid": "permit"}[s.Verb]
	seat.wants = slices.DeleteFunc(seat.wants, func(w want) bool {
		return (w.verb == undone || w.verb == s.Verb) && slices.Contains(patterns, w.pattern)
	})
	if s.Verb == "connect" || s.Verb == "permit" {
		for _, p := range patterns {
			seat.wants = append(seat.wants, want{s.Verb, p, term})
		}
	}
	if session := c.now(); session != nil {
		a.history.fault(s.Verb)
		a.give(seat, session, s.Verb, patterns, term)
	}
}

// description is what ingest says of a client.
type description struct {
	Connected, Permits []connection
}

// connection is one of those that a client has, or a permit.
type connection struct {
	Path string `json:"path"`
	By   string `json:"by"`
}

// compare compares what ingest says of a client's session with the commands that were given for it.
func (a *Application) compare(c *Client) {
	seat := a.seat(c)
	seat.mu.Lock()
	defer seat.mu.Unlock()
	s := c.now()
	from := a.history.now()
	_, status, text := seat.backend.call("/clients/"+s.ID, nil)
	if status == 0 { // the connection was to a daemon that is no more
		_, status, text = seat.backend.call("/clients/"+s.ID, nil)
	}
	when := span{from, a.history.now()}
	var d description
	if err := json.Unmarshal(text, &d); err != nil || status != 200 {
		a.history.violated(Violation{Session: s, What: "ingest does not know a live client", Got: fmt.Sprint(status,
			string(text))})
		return
	}
	a.history.locked(func() {
		a.compareWith(s, "connect", "disconnect", d.Connected, when)
		a.compareWith(s, "permit", "forbid", d.Permits, when)
	})
}

// compareWith compares what ingest says that a session has with what it was given and what was taken from it. It is
// called with the history's lock held.
func (a *Application) compareWith(s *Session, give, take string, have []connection, when span) {
	has := func(pattern string) bool {
		return slices.ContainsFunc(have, func(c connection) bool { return c.Path == pattern })
	}
	for _, c := range have {
		gave := func(o *Op) bool {
			return o.gives(give, c.Path) && (o.By == c.By || c.By == "another" || give != "connect")
		}
		if !slices.ContainsFunc(s.Ops, gave) {
			a.history.Found = append(a.history.Found, Violation{
				Session: s, What: "the daemon invented a " + give, Want: "what was given, by who gave it", Got: fmt.Sprint(c),
			})
		}
	}
	for _, p := range s.patterns(give) {
		missing := s.surelyHeld(give, take, p, when) && !has(p)
		if missing || !s.possiblyHeld(give, take, p, when) && has(p) {
			a.history.Found = append(a.history.Found, Violation{
				Session: s, What: "the daemon forgot or invented a " + give, Want: "as it was told", Got: fmt.Sprint(p,
					" is there: ", has(p)),
			})
		}
	}
}

// Publisher gives updates at paths of its own. It waits for receipts, so that those of a path come in their order.
type Publisher struct {
	history *History
	clients map[string]*Client
	backend Backend
	line    string
	stops   *atomic.Int64 // of the daemon
	paths   map[string]bool
}

// obey does a step, which may take long.
func (p *Publisher) obey(ctx context.Context, s Step) {
	count, batch := s.number("count"), max(s.number("batch"), 1)
	every := s.time("every")
	for given := 0; given < count && ctx.Err() == nil; given += batch {
		began := time.Now()
		p.give(s, given, min(batch, count-given))
		select {
		case <-time.After(max(every-time.Since(began), 0)):
		case <-ctx.Done():
		}
	}
}

// give gives one batch, of the updates from the given-th on.
func (p *Publisher) give(s Step, given, size int) {
	text := s.option("by") != "" && s.option("by") != "http"
	except := ""
	if c := p.clients[s.option("except")]; c != nil && !text && given%2 == 0 {
		if session := c.now(); session != nil {
			except = session.ID
		}
	}
	paths, latest := s.plain(), s.number("latest")
	batch := make([]*Update, size)
	for i := range batch {
		path := paths[(given+i)%len(paths)]
		u := newUpdate(path, p.history.number(path), s.number("pad"), text)
		u.Latest = latest > 0 && !text && (given+i)%latest == 0
		u.Except = except
		if !text && (given+i)%3 != 2 {
			u.Wait = s.time("wait")
		}
		batch[i] = u
	}
	if text { // by lines, and in the form of 2009, each stands for itself
		for i := range batch {
			p.history.begin(batch[i : i+1])
		}
	} else {
		p.history.begin(batch)
	}
	p.history.settle(batch, p.send(s.option("by"), batch))
	for _, path := range paths {
		p.paths[path] = true
	}
}

// send gives a batch, in the form that by names.
func (p *Publisher) send(by string, batch []*Update) fate {
	switch by {
	case "line":
		return p.lines(batch)
	case "old":
		f, _, text := p.backend.call("/", oldBody(batch))
		if f == done && string(text) != "{success:true}" {
			return refused
		}
		return f
	}
	f, status, text := p.backend.call("/update", body(batch))
	if f == done {
		p.taken(batch, text)
	}
	if f == refused && status != 0 && status != 503 && status != 404 {
		p.history.violated(Violation{What: "an update was refused", Want: "202, 200 or 503", Got: fmt.Sprint(status, " ",
			string(text))})
	}
	return f
}

// taken reads the answer to a batch that was taken: how many it were, or a receipt for each that asked for one.
func (p *Publisher) taken(batch []*Update, text []byte) {
	slips := make([]*Receipt, len(batch))
	var err error
	switch {
	case !slices.ContainsFunc(batch, asks):
		if want := fmt.Sprintf(`{"accepted":%d}`, len(batch)); strings.TrimSpace(string(text)) != want {
			err = errAnswer
		}
	case len(batch) == 1:
		err = json.Unmarshal(text, &slips[0])
	default:
		err = json.Unmarshal(text, &slips)
	}
	for i, u := range batch {
		if err == nil && (len(slips) != len(batch) || (slips[i] != nil) != asks(u)) {
			err = errAnswer
		}
	}
	if err != nil {
		p.history.violated(Violation{What: "an answer is not of the form that was asked for",
			Want: "how many there were, or a receipt for each that waits, and null for others", Got: string(text)})
		return
	}
	p.history.locked(func() {
		for i, u := range batch {
			if u.Slip = slips[i]; u.Slip != nil {
				p.history.Faults["receipt"]++
			}
		}
	})
}

// errAnswer says that an answer does not fit its batch.
var errAnswer = errors.New("it is of another form")

// asks tells whether u asks for a receipt.
func asks(u *Update) bool { return u.Wait > 0 }

// lines sends a batch by the line protocol. Nothing is answered there; that the connection ends as it was asked to
// tells that all before was taken, as long as the daemon did not end.
func (p *Publisher) lines(batch []*Update) fate {
	stops := p.stops.Load()
	conn, err := net.DialTimeout("tcp", p.line, 2*time.Second)
	if err != nil {
		return refused
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var text strings.Builder
	for _, u := range batch {
		text.WriteString(u.Path + "; " + strings.Trim(message(u.Number, 0, true), `"`) + "\n")
	}
	if _, err := conn.Write([]byte(text.String() + "::exit\n")); err != nil {
		return unknown
	}
	rest, err := io.ReadAll(conn)
	if err != nil || len(rest) > 0 || stops%2 != 0 || p.stops.Load() != stops {
		return unknown
	}
	return done
}

// newUpdate makes an update that counts at path.
func newUpdate(path string, number, pad int, text bool) *Update {
	u := &Update{Path: path, Number: number}
	u.Wire = fmt.Sprintf(`{"path":"%s","message":%s}`, path, message(number, pad, text))
	return u
}

// message is the message of the number-th update at a path: text, where there is nothing else, or an object.
func message(number, pad int, text bool) string {
	if text {
		return fmt.Sprintf(`"number %d"`, number)
	}
	if pad > 0 {
		return fmt.Sprintf(`{"n":%d,"pad":"%s"}`, number, strings.Repeat("x", pad))
	}
	return fmt.Sprintf(`{"n":%d}`, number)
}

// messageOf cuts the message out of what clients see.
func messageOf(u *Update) string {
	return strings.TrimSuffix(strings.TrimPrefix(u.Wire, `{"path":"`+u.Path+`","message":`), "}")
}

// body is what is posted to update.
func body(batch []*Update) []byte {
	texts := make([]string, len(batch))
	for i, u := range batch {
		more := ""
		if u.Latest {
			more += `,"latest":true`
		}
		if u.Except != "" {
			more += `,"except":"` + u.Except + `"`
		}
		if asks(u) {
			more += `,"wait":"` + u.Wait.String() + `"`
		}
		texts[i] = fmt.Sprintf(`{"path":"%s","message":%s%s}`, u.Path, messageOf(u), more)
	}
	if len(batch) == 1 && asks(batch[0]) {
		return []byte(texts[0]) // so that its answer is no array, either
	}
	return []byte("[" + strings.Join(texts, ",") + "]")
}

// oldBody is what is posted in the form of 2009.
func oldBody(batch []*Update) []byte {
	texts := make([]string, len(batch))
	for i, u := range batch {
		texts[i] = fmt.Sprintf(`{"path":"%s","message":%s}`, u.Path, messageOf(u))
	}
	return []byte("[" + strings.Join(texts, ",") + "]")
}
