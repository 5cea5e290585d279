package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// story is a History that is told by hand. Its clock goes on with every sentence.
type story struct {
	*History
	clock   time.Duration
	cursors map[*Session]uint64
}

func tell() *story {
	rules := Rules{Messages: 4, Bytes: 1 << 20, Resume: 2, Age: time.Second, Hold: time.Second,
		Expire: 10 * time.Second, Keeps: true, Open: []string{"open/**"}}
	return &story{newHistory(rules), 0, make(map[*Session]uint64)}
}

func (y *story) tick() time.Duration {
	y.clock += 10 * time.Millisecond
	return y.clock
}

// opens has a client open a session by a poll, whose address names paths.
func (y *story) opens(client string, paths ...string) *Session {
	c := &Came{Form: formPoll, Paths: paths, At: y.tick(), Number: int(y.tick())}
	s := y.open("roots-"+client+"-1", client, c)
	s.Opened, c.Session, s.contact = span{c.At, y.tick()}, s, c.At
	var blanks []any
	for i, p := range paths {
		s.Ops[i].When = s.Opened
		blanks = append(blanks, blankRaw(p, ""))
	}
	y.cursors[s] = uint64(len(paths))
	y.gives(c, nil, y.cursors[s], blanks...)
	return s
}

// comes has the client come back with what it was given in g.
func (y *story) comes(s *Session, g *Got, form string) *Came {
	c := &Came{Session: s, From: g, Form: form, At: y.tick(), Number: int(y.tick())}
	s.Cames = append(s.Cames, c)
	return c
}

// gives answers a request, after what it had, with entries up to cursor. Entries are updates, and texts of others.
func (y *story) gives(c *Came, parent *Got, cursor uint64, entries ...any) *Got {
	g := &Got{Parent: parent, Came: c, Cursor: cursor, At: y.tick()}
	for _, e := range entries {
		raw := fmt.Sprint(e)
		if u, ok := e.(*Update); ok {
			raw = u.Wire
		}
		g.Entries = append(g.Entries, entryOf([]byte(raw)))
	}
	s := c.Session
	s.Gots, s.Last, s.contact = append(s.Gots, g), g, c.At
	c.hear(g.At)
	return g
}

// polls has the client come with all that it was given last, and be given the next entries.
func (y *story) polls(s *Session, entries ...any) *Got {
	y.cursors[s] += uint64(len(entries))
	return y.gives(y.comes(s, s.Last, formPoll), s.Last, y.cursors[s], entries...)
}

// op gives a command.
func (y *story) op(s *Session, verb, pattern string) *Op {
	o := &Op{Verb: verb, Pattern: pattern, When: span{y.tick(), y.tick()}, Fate: done}
	s.Ops = append(s.Ops, o)
	return o
}

// atOnce has the client itself give a command while another is on its way.
func (y *story) atOnce(o *Op, verb string) *Op {
	own := &Op{Verb: verb, By: byItself, Pattern: o.Pattern, When: o.When, Fate: done}
	s := y.Sessions[0]
	s.Ops = append(s.Ops, own)
	return own
}

// batch gives updates at once, one at each path.
func (y *story) batch(paths ...string) []*Update {
	var list []*Update
	for _, path := range paths {
		list = append(list, newUpdate(path, y.number(path), 0, false))
	}
	y.begin(list)
	when := span{y.tick(), y.tick()}
	for _, u := range list {
		u.When, u.Fate = when, done
	}
	return list
}

func (y *story) update(path string) *Update { return y.batch(path)[0] }

func (y *story) updates(path string, n int) (list []*Update) {
	for range n {
		list = append(list, y.update(path))
	}
	return list
}

// connected opens a session that is connected to a pattern, and knows it.
func (y *story) connected(client, pattern string) *Session {
	s := y.opens(client)
	y.op(s, "connect", pattern)
	y.polls(s, blankRaw(pattern, ""))
	return s
}

// ends says that the session has lived to the end, and got everything.
func ends(s *Session) { s.Final = true }

func notice(pattern string) string {
	return fmt.Sprintf(`{"path":"%s","message":"%s"}`, noticePath, pattern)
}

// A lie is a story in which something must be found: want is a part of what is said of it.
type lie struct {
	name string
	want string
	tell func(*story)
}

var lies = []lie{
	{"an update between two others is lost", "lost", func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 3)
		y.polls(s, u[0], u[2])
	}},
	{"the last update is lost", "lost", func(y *story) {
		s := y.connected("c", "a")
		y.update("a")
		ends(s)
	}},
	{"one at another path, given before one that came", "lost", func(y *story) {
		s := y.connected("c", "**")
		y.update("a")
		y.polls(s, y.update("b"))
	}},
	{"an update comes twice", "twice", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.polls(s, u)
	}},
	{"two at a path change places", "path came in the wrong order", func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 2)
		u[0].When.to = never // so that the times say nothing
		y.polls(s, u[1], u[0])
	}},
	{"two of a batch change places", "batch came in the wrong order", func(y *story) {
		s := y.connected("c", "*")
		u := y.batch("a", "b")
		y.polls(s, u[1], u[0])
	}},
	{"two at different paths change places", "given later", func(y *story) {
		s := y.connected("c", "*")
		a, b := y.update("a"), y.update("b")
		y.polls(s, b, a)
	}},
	{"two clients see two orders", "no order fits", func(y *story) {
		s, t := y.connected("c", "*"), y.connected("d", "*")
		a, b := y.update("a"), y.update("b")
		b.When.from = a.When.from
		y.polls(s, a, b)
		y.polls(t, b, a)
	}},
	{"something stands between two of a batch", "no order fits", func(y *story) {
		s := y.connected("c", "*")
		u, v := y.batch("a", "b"), y.update("d")
		v.When.from = u[0].When.from
		y.polls(s, u[0], v, u[1])
	}},
	{"three clients see a circle", "no order fits", func(y *story) {
		u := []*Update{y.update("a"), y.update("b"), y.update("d")}
		for i, name := range []string{"c1", "c2", "c3"} {
			u[i].When = span{0, never}
			s := y.connected(name, "*")
			for _, v := range u {
				v.When = span{0, never}
			}
			y.polls(s, u[i], u[(i+1)%3])
		}
		for _, v := range u {
			v.When, v.Fate = span{y.clock, never}, unknown
		}
	}},
	{"one left out is told", "left out", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		u.Except = s.ID
		y.polls(s, u)
	}},
	{"one who was never connected is told", "not connected", func(y *story) {
		s := y.connected("c", "a")
		y.polls(s, y.update("b"))
	}},
	{"one is told of what was before the connect", "not connected", func(y *story) {
		s := y.opens("c")
		u := y.update("a")
		y.op(s, "connect", "a")
		y.polls(s, blankRaw("a", ""), u)
	}},
	{"one is told after the disconnect", "not connected", func(y *story) {
		s := y.connected("c", "a")
		y.op(s, "disconnect", "a")
		y.polls(s, notice("a"), y.update("a"))
	}},
	{"an update stands after the notice", "outside of its connection", func(y *story) {
		s := y.connected("c", "a")
		u, o := y.update("a"), y.op(s, "disconnect", "a")
		u.When.to = o.When.to
		y.polls(s, notice("a"), u)
	}},
	{"an update stands before the confirmation", "outside of its connection", func(y *story) {
		s := y.opens("c")
		o, u := y.op(s, "connect", "a"), y.update("a")
		u.When.from = o.When.from
		y.polls(s, u, blankRaw("a", ""))
	}},
	{"a message is not as it was given", "nobody gave", func(y *story) {
		s := y.connected("c", "a")
		y.polls(s, strings.Replace(y.update("a").Wire, "1", "7", 1))
	}},
	{"what was refused comes", "nobody gave", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		u.Fate = refused
		y.polls(s, u)
	}},
	{"a mark that came before what is lost", "lost", func(y *story) {
		s := y.connected("c", "a")
		y.updates("a", 8)
		y.polls(s, blankRaw("a", "overflow")).Cursor = 9
		y.update("a")
		ends(s)
	}},
	{"a mark that stands before what was before", "lost", func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 9)
		y.polls(s, blankRaw("a", "overflow"), u[7]).Cursor = 9
		ends(s)
	}},
	{"a mark at its path that stands after what is newer", "lost", func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 9)
		y.polls(s, u[8], blankRaw("a", "overflow")).Cursor = 10
	}},
	{"a mark at another path", "lost", func(y *story) {
		s := y.connected("c", "*")
		y.updates("a", 9)
		y.polls(s, blankRaw("b", "overflow"), y.update("a")).Cursor = 10
	}},
	{"a latest one is missing that was sent", "lost", func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 2)
		u[0].Latest, u[1].Latest = true, true
		before := s.Last
		y.polls(s, u[0])
		y.gives(y.comes(s, before, formPoll), before, 3, u[1])
	}},
	{"a latest one is missing, and none came after it", "lost", func(y *story) {
		s := y.connected("c", "a")
		y.update("a").Latest = true
		y.polls(s, y.update("a"))
	}},
	{"a connect is not confirmed", "connect was not told", func(y *story) {
		s := y.connected("c", "a")
		y.op(s, "connect", "b")
		y.polls(s, y.update("a"))
	}},
	{"a disconnect is not told", "disconnect was not told", func(y *story) {
		s := y.connected("c", "a")
		y.op(s, "connect", "b")
		y.polls(s, blankRaw("b", ""))
		y.op(s, "disconnect", "b")
		y.polls(s, y.update("a"))
	}},
	{"a repeated poll has things in another order", "saw something else", func(y *story) {
		s := y.connected("c", "a")
		y.op(s, "connect", "b")
		y.polls(s, blankRaw("b", ""))
		o, u, before := y.op(s, "disconnect", "b"), y.update("a"), s.Last
		u.When.from = o.When.from
		y.polls(s, notice("b"), u)
		y.gives(y.comes(s, before, formPoll), before, 4, u, notice("b"))
	}},
	{"a repeated poll loses an update", "lost", func(y *story) {
		s := y.connected("c", "a")
		u, before := y.updates("a", 3), s.Last
		y.polls(s, u[0], u[1])
		y.gives(y.comes(s, before, formPoll), before, 4, u[1], u[2])
	}},
	{"a good token is refused", "good token", func(y *story) {
		s := y.connected("c", "a")
		y.refused(y.comes(s, s.Last, formPoll), "stale")
	}},
	{"a used-up token is taken", "used-up", func(y *story) {
		s := y.connected("c", "a")
		before := s.Last
		u := y.updates("a", 2)
		y.polls(s, u[0])
		y.polls(s, u[1])
		y.gives(y.comes(s, before, formPoll), before, 4, u[0], u[1])
	}},
	{"a request is superseded by none", "superseded by none", func(y *story) {
		s := y.connected("c", "a")
		y.refused(y.comes(s, s.Last, formPoll), "superseded")
	}},
	{"a session is lost", "session is lost", func(y *story) {
		y.connected("c", "a").Replaced = y.tick()
	}},
	{"a session outlives a kill", "outlived", func(y *story) {
		s := y.connected("c", "a")
		y.Lost = append(y.Lost, span{y.tick(), y.tick()})
		y.polls(s, y.update("a"))
	}},
	{"what was accepted before a restart is lost with it", "lost", func(y *story) {
		s := y.connected("c", "a")
		y.update("a")
		y.Restarts = append(y.Restarts, span{y.tick(), y.tick()})
		y.polls(s, blankRaw("a", gapRestart), y.update("a"))
	}},
	{"a restart is not told", "restart was not told", func(y *story) {
		s := y.connected("c", "a")
		y.Restarts = append(y.Restarts, span{y.tick(), y.tick()})
		y.polls(s, y.update("a"))
	}},
	{"a mark for a restart, where there was none", "no reason", func(y *story) {
		y.polls(y.connected("c", "a"), blankRaw("a", gapRestart))
	}},
	{"an ID is given twice", "ID was given twice", func(y *story) {
		y.opens("c")
		y.opens("c")
	}},
	{"a mark for too many, where there were few", "no reason", func(y *story) {
		s := y.connected("c", "a")
		y.updates("a", 3)
		y.polls(s, blankRaw("a", "overflow"))
	}},
	{"a mark for what is old, where nothing is", "no reason", func(y *story) {
		s := y.connected("c", "a")
		y.updates("a", 3)
		y.polls(s, blankRaw("a", "age"))
	}},
	{"a mark for what a stream was sent, where there was none", "no reason", func(y *story) {
		s := y.connected("c", "a")
		y.updates("a", 9)
		y.polls(s, blankRaw("a", "resume")).Cursor = 10
	}},
}

func (y *story) refused(c *Came, reason string) {
	c.hear(y.tick())
	c.Session.Refusals = append(c.Session.Refusals, Refusal{c, reason, c.heard})
}

func TestLies(t *testing.T) {
	for _, test := range slices.Concat(lies, openLies) {
		t.Run(test.name, func(t *testing.T) {
			y := tell()
			test.tell(y)
			found, _ := judge(y.History)
			for _, v := range found {
				if strings.Contains(v.What, test.want) {
					return
				}
			}
			t.Errorf("found %v, want one with %q", found, test.want)
		})
	}
}

// A truth is a story that the protocol allows, though it looks odd, with how much of it is accounted for.
type truth struct {
	name string
	want Tally
	tell func(*story)
}

var truths = []truth{
	{"all comes", Tally{Delivered: 3}, func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 3)
		y.polls(s, u[0], u[1])
		y.polls(s, u[2])
		ends(s)
	}},
	{"given while the connect was on its way, and not told", Tally{}, func(y *story) {
		s := y.opens("c")
		o, u := y.op(s, "connect", "a"), y.update("a")
		u.When.from = o.When.from
		y.polls(s, blankRaw("a", ""))
		ends(s)
	}},
	{"given while the connect was on its way, and told", Tally{Delivered: 1}, func(y *story) {
		s := y.opens("c")
		o, u := y.op(s, "connect", "a"), y.update("a")
		u.When.from = o.When.from
		y.polls(s, blankRaw("a", ""), u)
		ends(s)
	}},
	{"one whose answer was lost does not come", Tally{Delivered: 1}, func(y *story) {
		s := y.connected("c", "a")
		y.update("a").Fate = unknown
		y.polls(s, y.update("a"))
		ends(s)
	}},
	{"one whose answer was lost comes", Tally{Delivered: 1}, func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		u.Fate = unknown
		y.polls(s, u)
		ends(s)
	}},
	{"a mark at the path", Tally{Delivered: 1, Gapped: 8}, func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 9)
		y.polls(s, blankRaw("a", "overflow"), u[8]).Cursor = 10
		ends(s)
	}},
	{"a mark at a pattern, which moved to the end", Tally{Delivered: 1, Gapped: 8}, func(y *story) {
		s := y.connected("c", "*")
		u := y.updates("a", 9)
		y.polls(s, u[8], blankRaw("*", "overflow")).Cursor = 10
		ends(s)
	}},
	{"a mark at everything takes the place of a confirmation and a notice", Tally{Gapped: 9}, func(y *story) {
		s := y.connected("c", "a")
		y.updates("a", 9)
		y.op(s, "connect", "b")
		y.op(s, "disconnect", "b")
		y.polls(s, blankRaw("**", "overflow")).Cursor = 12
		ends(s)
	}},
	{"a mark where a stream was cut", Tally{Delivered: 2, Gapped: 2}, func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 4)
		y.comes(s, s.Last, formEvents)
		y.polls(s, blankRaw("a", "resume"), u[2], u[3]).Cursor = 5
		ends(s)
	}},
	{"old ones become a mark", Tally{Gapped: 2}, func(y *story) {
		s := y.connected("c", "a")
		y.updates("a", 2)
		y.clock += 2 * time.Second
		y.polls(s, blankRaw("a", "age"))
		ends(s)
	}},
	{"a latest one takes the place of another", Tally{Delivered: 1, Superseded: 1}, func(y *story) {
		s := y.connected("c", "a")
		u := y.updates("a", 2)
		u[0].Latest, u[1].Latest = true, true
		y.polls(s, u[1])
		ends(s)
	}},
	{"a poll is repeated", Tally{Delivered: 3}, func(y *story) {
		s := y.connected("c", "a")
		u, before := y.updates("a", 3), s.Last
		y.polls(s, u[0], u[1])
		y.gives(y.comes(s, before, formPoll), before, 4, u[0], u[1], u[2])
		ends(s)
	}},
	{"a poll is repeated, and marks stand for what it held", Tally{Delivered: 1, Gapped: 6}, func(y *story) {
		s := y.connected("c", "a")
		u, before := y.updates("a", 7), s.Last
		y.polls(s, u[0], u[1])
		y.gives(y.comes(s, before, formPoll), before, 8, blankRaw("a", "overflow"), u[6])
		ends(s)
	}},
	{"two polls at once, and the one that came later was answered first", Tally{Delivered: 2}, func(y *story) {
		s := y.connected("c", "a")
		u, before := y.updates("a", 2), s.Last
		first, second := y.comes(s, before, formPoll), y.comes(s, before, formPoll)
		y.gives(second, before, 2, u[0])
		y.gives(first, before, 3, u[0], u[1])
		ends(s)
	}},
	{"a poll is superseded, and a used-up token refused", Tally{Delivered: 1}, func(y *story) {
		s := y.connected("c", "a")
		before := s.Gots[0]
		first := y.comes(s, s.Last, formPoll)
		y.polls(s, y.update("a"))
		y.refused(first, "superseded")
		y.refused(y.comes(s, before, formPoll), "stale")
		ends(s)
	}},
	{"a client that was away for too long", Tally{}, func(y *story) {
		s := y.connected("c", "a")
		y.clock += 10 * time.Second
		s.Replaced = y.tick()
	}},
	{"a client that was kicked", Tally{}, func(y *story) {
		s := y.connected("c", "a")
		y.update("a")
		y.op(s, "kick", "")
		s.Replaced = y.tick()
	}},
	{"a daemon that was killed", Tally{Delivered: 1}, func(y *story) {
		s := y.connected("c", "a")
		y.polls(s, y.update("a"))
		y.update("a")
		y.Lost = append(y.Lost, span{y.tick(), y.tick()})
		s.Replaced = y.tick()
	}},
	{"a restart", Tally{Delivered: 2}, func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.Restarts = append(y.Restarts, span{y.tick(), y.tick()})
		y.polls(s, u, blankRaw("a", gapRestart), y.update("a"))
		ends(s)
	}},
	{"a lease that lapses", Tally{Delivered: 1}, func(y *story) {
		s := y.opens("c")
		y.op(s, "connect", "a").For = time.Second
		y.polls(s, blankRaw("a", ""))
		y.polls(s, y.update("a"))
		y.clock += time.Second
		y.polls(s, notice("a"))
		y.update("a")
		ends(s)
	}},
	{"two see what was given at the same time, each in the same order", Tally{Delivered: 4}, func(y *story) {
		s, t := y.connected("c", "*"), y.connected("d", "*")
		a, b := y.update("a"), y.update("b")
		b.When.from = a.When.from
		y.polls(s, b, a)
		y.polls(t, b, a)
	}},
	{"what a WebSocket has confirmed is not given to another request", Tally{Delivered: 2}, func(y *story) {
		s := y.connected("c", "a")
		u, before := y.updates("a", 2), s.Last
		poll := y.comes(s, before, formPoll)
		frame := y.gives(y.comes(s, before, formFrames), before, 2, u[0])
		s.Confirms = append(s.Confirms, Confirmed{2, y.tick()})
		came := &Got{Cursor: 3, Entries: []Entry{entryOf([]byte(u[1].Wire))}}
		if parent := s.overtaken(before, came); parent != frame {
			panic("it follows the frame")
		}
		y.gives(poll, s.overtaken(before, came), 3, u[1])
		ends(s)
	}},
}

func TestTruths(t *testing.T) {
	for _, test := range slices.Concat(truths, openTruths) {
		t.Run(test.name, func(t *testing.T) {
			y := tell()
			test.tell(y)
			found, tally := judge(y.History)
			if len(found) > 0 || tally != test.want {
				t.Errorf("found %v, and counted %+v; want nothing, and %+v", found, tally, test.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	tests := []struct {
		pattern, inner string
		want           bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a/*", "a/b", true}, {"a/*", "a", false}, {"a/*", "a/b/c", false},
		{"a/**", "a/b/c", true}, {"a/**", "a", false}, {"**", "a", true}, {"**", "::to/a", false}, {"*", "::to", false},
		{"::to/*", "::to/a", true}, {"a/**", "a/*", true}, {"a/*", "a/**", false}, {"a/*/c", "a/b/c", true},
		{"a/*/c", "a/b/d", false}, {"a/b", "a/*", false},
	}
	for _, test := range tests {
		if got := covers(test.pattern, test.inner); got != test.want {
			t.Errorf("covers(%q, %q) = %v", test.pattern, test.inner, got)
		}
	}
}
