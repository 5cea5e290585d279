package main

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// span is the time within which something happened, since the run began.
type span struct{ from, to time.Duration }

// never is later than anything.
const never = time.Duration(math.MaxInt64)

// before tells whether all of s was over when o began.
func (s span) before(o span) bool { return s.to <= o.from }

// Update is one update that somebody gave.
type Update struct {
	Path   string
	Number int    // counts at the path
	Wire   string // what every client has to see
	When   span
	Fate   fate
	Latest bool
	Except string        // the ID of the session that is not told
	Wait   time.Duration // for a receipt; 0: it asks for none
	Slip   *Receipt      // the receipt; nil if there is none
	Size   int           // as push.queue.bytes counts it
	Batch  int           // updates of one batch stand on the timeline without a gap
	Place  int           // in its batch
}

// fate is what became of something that was asked for.
type fate int

const (
	unknown fate = iota // the answer was lost: it may have happened
	done                // it was answered well
	refused             // it was refused: it has not happened
)

// Receipt is what an update was answered that asked for one: how many clients it was for, and what became of it there.
type Receipt struct{ Matched, Delivered, Confirmed, Gapped int }

// Op is a command for one session. Those of the application come one after the other; those of the client itself come
// beside them.
type Op struct {
	Verb    string // connect, disconnect, permit, forbid, kick or leave
	By      string // who gave it, as the daemon names him: byIngest or byItself
	Pattern string
	For     time.Duration
	When    span
	Fate    fate
}

// Who gives commands.
const (
	byIngest = "ingest" // the application
	byItself = "itself" // the client, for an open path
)

// Entry is an update as a client saw it.
type Entry struct {
	Raw     string
	Path    string          `json:"path"`
	Message json.RawMessage `json:"message"`
	Gap     string          `json:"gap"`
}

// blank tells whether the message is the blank one, with a gap or without.
func (e *Entry) blank() bool { return string(e.Message) == `""` }

// Came is a request of a client that waits.
type Came struct {
	Session *Session // nil if it came without a token
	From    *Got     // whose token it brought
	Form    string
	Paths   []string // that it names, for the session that it may open
	At      time.Duration
	Number  int           // counts requests
	first   time.Duration // when it was answered something; 0 for never
	heard   time.Duration // and when it was answered last
}

// Got is a part of what a client was given: an answer, a frame or an event.
type Got struct {
	Parent  *Got // what its request, or its stream, had before; nil for the greeting
	Came    *Came
	Cursor  uint64
	Token   string
	Entries []Entry
	At      time.Duration
}

// Refusal is an answer that is none.
type Refusal struct {
	Came   *Came
	Reason string
	At     time.Duration
}

// Confirmed is what a WebSocket's client confirmed without coming back.
type Confirmed struct {
	Cursor uint64
	At     time.Duration
}

// Session is all that is known of one session.
type Session struct {
	ID       string
	Client   string
	Opened   span
	Ops      []*Op
	Cames    []*Came
	Gots     []*Got // in the order in which they came
	Refusals []Refusal
	Confirms []Confirmed
	Replaced time.Duration // when its client was given another ID; 0 for never
	Notes    []Note
	Last     *Got // the part that its client went on with last
	Final    bool // it lived to the end, and everything had time to come
	contact  time.Duration
}

// Note is something that happened to a session's client, for people.
type Note struct {
	At   time.Duration
	Text string
}

// Violation is a promise that was not kept.
type Violation struct {
	Session *Session // nil if it is about several, or the daemon
	What    string   // one line
	Want    string
	Got     string
	At      time.Duration // where to look at the trace
}

// History is what a run has written down. Its methods may be called from any goroutine.
type History struct {
	Rules Rules

	mu       sync.Mutex // guards what follows; nothing is taken under it
	began    time.Time
	Updates  []*Update
	wires    map[string]*Update
	numbers  map[string]int
	Sessions []*Session
	Lost     []span  // when the daemon lost all sessions
	Restarts []span  // when nobody was there, and then the daemon came back with all sessions
	Stops    []span  // when the daemon ended, for whatever reason
	Naming   []*Came // requests that name paths
	Faults   map[string]int
	Found    []Violation // while the run went on
	batches  int
	requests int
}

func newHistory(rules Rules) *History {
	return &History{
		Rules: rules, began: time.Now(), wires: make(map[string]*Update), numbers: make(map[string]int),
		Faults: make(map[string]int),
	}
}

func (h *History) now() time.Duration { return time.Since(h.began) }

// locked runs f with the lock held.
func (h *History) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

// fault counts an injected fault.
func (h *History) fault(kind string) { h.locked(func() { h.Faults[kind]++ }) }

// violated notes something that went wrong in the middle of a run.
func (h *History) violated(v Violation) { h.locked(func() { h.Found = append(h.Found, v) }) }

// number returns the next number of a path.
func (h *History) number(path string) (n int) {
	h.locked(func() {
		h.numbers[path]++
		n = h.numbers[path]
	})
	return n
}

// begin notes that a batch is about to be given.
func (h *History) begin(batch []*Update) {
	now := h.now()
	h.locked(func() {
		h.batches++
		for i, u := range batch {
			u.When, u.Batch, u.Place = span{now, never}, h.batches, i
			u.Size = len(u.Path) + len(u.Wire) + 64
			h.Updates = append(h.Updates, u)
			h.wires[u.Wire] = u
		}
	})
}

// settle notes what became of a batch. One whose answer was lost has happened by now, or will not: its connection is at
// its end.
func (h *History) settle(batch []*Update, f fate) {
	now := h.now()
	h.locked(func() {
		for _, u := range batch {
			u.When.to, u.Fate = now, f
		}
	})
}

// op notes that a command is about to be given.
func (h *History) op(s *Session, o *Op) {
	h.locked(func() {
		o.When = span{h.now(), never}
		s.Ops = append(s.Ops, o)
	})
}

// settleOp notes what became of a command. One of a client's own whose answer was lost may be on its way for ever,
// through a proxy.
func (h *History) settleOp(o *Op, f fate) {
	h.locked(func() {
		o.When.to, o.Fate = h.now(), f
		if f == unknown && o.By == byItself {
			o.When.to = never
		}
	})
}

// note writes something down for people.
func (h *History) note(s *Session, format string, args ...any) {
	if s == nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	h.locked(func() { s.Notes = append(s.Notes, Note{h.now(), text}) })
}

// came notes a request.
func (h *History) came(s *Session, from *Got, form string, paths []string) *Came {
	c := &Came{Session: s, From: from, Form: form, Paths: slices.Clone(paths)}
	h.locked(func() {
		h.requests++
		c.At, c.Number = h.now(), h.requests
		if len(paths) > 0 {
			h.Naming = append(h.Naming, c)
		}
		if s != nil {
			s.Cames = append(s.Cames, c)
		}
	})
	return c
}

// got notes what a client was given, after parent.
func (h *History) got(s *Session, c *Came, parent *Got, token string, entries []Entry) *Got {
	g := &Got{Came: c, Cursor: cursorOf(token), Token: token, Entries: entries}
	h.locked(func() {
		g.Parent = s.overtaken(parent, g)
		g.At = h.now()
		s.Gots = append(s.Gots, g)
		c.hear(g.At)
		s.contact = max(s.contact, c.At)
		if c.Form != formPoll {
			s.contact = max(s.contact, g.At-lateness)
		}
	})
	return g
}

// overtaken returns what the part came follows, of a request that had parent before. A client that was given something
// by another request, and has confirmed it over a WebSocket, is given it no more by this one.
func (s *Session) overtaken(parent, came *Got) *Got {
	for _, g := range s.Gots {
		ahead := func(c Confirmed) bool { return c.Cursor == g.Cursor && c.Cursor < came.Cursor }
		if parent != nil && g.Cursor > parent.Cursor && slices.ContainsFunc(s.Confirms, ahead) && g.lacks(came, parent) {
			parent = g
		}
	}
	return parent
}

// lacks tells whether came holds nothing of what came after parent, up to g.
func (g *Got) lacks(came, parent *Got) bool {
	for ; g != parent; g = g.Parent {
		if g == nil {
			return false // it went another way
		}
		for i := range came.Entries {
			same := func(e Entry) bool { return e.Raw == came.Entries[i].Raw }
			if slices.ContainsFunc(g.Entries, same) {
				return false
			}
		}
	}
	return len(came.Entries) > 0
}

// hear notes that something was answered.
func (c *Came) hear(at time.Duration) {
	if c.heard = at; c.first == 0 {
		c.first = at
	}
}

// heard notes an answer with nothing in it.
func (h *History) heard(c *Came) {
	h.locked(func() {
		c.hear(h.now())
		if c.Session != nil {
			c.Session.contact = max(c.Session.contact, c.At)
		}
	})
}

// went notes that a client goes on with g.
func (h *History) went(s *Session, g *Got) { h.locked(func() { s.Last = g }) }

// confirmed notes what a client says that it has, before it says it.
func (h *History) confirmed(s *Session, cursor uint64) {
	h.locked(func() { s.Confirms = append(s.Confirms, Confirmed{cursor, h.now()}) })
}

// during notes a time that begins now in list, and returns what notes its end.
func (h *History) during(list *[]span) (over func()) {
	i := 0
	h.locked(func() {
		i = len(*list)
		*list = append(*list, span{h.now(), never})
	})
	return func() { h.locked(func() { (*list)[i].to = h.now() }) }
}

// lateness is how long what the daemon says may be on its way.
const lateness = 2 * time.Second

// refusal notes an answer that is none.
func (h *History) refusal(c *Came, reason string) {
	h.locked(func() {
		c.hear(h.now())
		if c.Session != nil {
			c.Session.Refusals = append(c.Session.Refusals, Refusal{c, reason, c.heard})
		}
		if reason == "not_open" {
			h.notOpen(c)
		}
	})
}

// notOpen judges a request that was refused because of the paths that its address names: they have no meaning to a
// session that is there. It is called with mu held.
func (h *History) notOpen(c *Came) {
	switch s := c.Session; {
	case h.Rules.allOpen(c.Paths):
		h.Found = append(h.Found, Violation{Session: s, What: "an open path was refused", Want: "a session, connected to it",
			Got: fmt.Sprint(c.Paths), At: c.heard})
	case s != nil && !s.mayBeGone(h, c.heard):
		h.Found = append(h.Found, Violation{Session: s, What: "the paths of an address were looked at in vain",
			Want: "that a session which is there goes on", Got: fmt.Sprint(c.Paths), At: c.heard})
	default:
		h.Faults["not open"]++
	}
}

// open notes a session that c was given, connected to the paths that c names. An ID that was there before is a
// violation.
func (h *History) open(id, client string, c *Came) *Session {
	s := &Session{ID: id, Client: client, Cames: []*Came{c}}
	h.locked(func() {
		s.Opened = span{c.At, h.now()}
		s.contact = c.At
		for _, p := range c.Paths {
			s.Ops = append(s.Ops, &Op{Verb: "connect", By: byItself, Pattern: p, When: s.Opened, Fate: done})
		}
		if !h.Rules.allOpen(c.Paths) {
			h.Found = append(h.Found, Violation{Session: s, What: "a session was opened with a path that is not open",
				Want: "403 not_open", Got: fmt.Sprint(c.Paths)})
		}
		known := func(o *Session) bool { return o.ID == id }
		if slices.ContainsFunc(h.Sessions, known) {
			h.Found = append(h.Found, Violation{Session: s, What: "an ID was given twice", Want: "a new ID", Got: id})
		}
		h.Sessions = append(h.Sessions, s)
		if old := c.Session; old != nil && old.Replaced == 0 {
			old.Replaced = h.now()
		}
	})
	return s
}

// find returns the update that clients see as this text.
func (h *History) find(wire string) *Update { return h.wires[wire] }

// idOf returns the ID in a token.
func idOf(token string) string {
	id, _, _ := strings.Cut(token, "/")
	return id
}

// cursorOf returns the cursor in a token: its second segment.
func cursorOf(token string) (cursor uint64) {
	parts := strings.Split(token, "/")
	if len(parts) == 3 {
		_, _ = fmt.Sscan(parts[1], &cursor)
	}
	return cursor
}
