package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// openLies are what must be found where clients connect themselves.
var openLies = []lie{
	{"an update at a path of the address is lost", "lost", func(y *story) {
		s := y.opens("c", "open/*")
		y.update("open/1")
		ends(s)
	}},
	{"a path of the address is not confirmed", "connect was not told", func(y *story) {
		s := y.opens("c", "open/*")
		s.Gots[0].Entries = nil
		ends(s)
	}},
	{"a path of the address that is not open", "not open", func(y *story) { y.opens("c", "open/*", "feed/*") }},
	{"a connect is confirmed twice", "nobody asked for", func(y *story) {
		y.polls(y.connected("c", "a"), blankRaw("a", ""))
	}},
	{"a path of the address counts for a session that is there", "nobody asked for", func(y *story) {
		s := y.connected("c", "a")
		came := y.comes(s, s.Last, formPoll)
		came.Paths = []string{"open/*"}
		y.gives(came, s.Last, 2, blankRaw("open/*", ""))
	}},
	{"a notice of no disconnect", "nobody asked for", func(y *story) { y.polls(y.connected("c", "a"), notice("a")) }},
	{"an update comes after both disconnects", "not connected", func(y *story) {
		s := y.connected("c", "a")
		y.atOnce(y.op(s, "disconnect", "a"), "disconnect")
		y.polls(s, notice("a"), y.update("a"))
	}},
	{"an update is lost after both connects", "lost", func(y *story) {
		s := y.opens("c")
		y.atOnce(y.op(s, "connect", "a"), "connect")
		y.polls(s, blankRaw("a", ""), blankRaw("a", ""))
		y.update("a")
		ends(s)
	}},
	{"a lease lapses that the client's own connect has lifted", "lost", func(y *story) {
		s := y.opens("c")
		y.op(s, "connect", "a").For = time.Second
		y.op(s, "connect", "a").By = byItself
		y.polls(s, blankRaw("a", ""), blankRaw("a", ""))
		y.clock += time.Second
		y.update("a")
		ends(s)
	}},
	{"the address of a live session is refused", "looked at in vain", func(y *story) {
		s := y.connected("c", "a")
		came := y.comes(s, s.Last, formPoll)
		came.Paths = []string{"feed/*"}
		came.At = y.now()
		s.contact = came.At
		y.refusal(came, "not_open")
	}},
	{"an address of open paths is refused", "open path was refused", func(y *story) {
		y.refusal(&Came{Paths: []string{"open/1"}}, "not_open")
	}},
	{"a path is opened", "opened that is not open", func(y *story) {
		y.commanded(y.connected("c", "a"), http.StatusOK, "", "", false)
	}},
	{"an open path is refused", "open path was refused", func(y *story) {
		y.commanded(y.connected("c", "a"), http.StatusForbidden, "", "", true)
	}},
	{"an answer names another path", "other paths", func(y *story) {
		y.commanded(y.connected("c", "a"), http.StatusOK, `{"paths":["b"]}`, `{"paths":["a"]}`, true)
	}},
	{"a live session is not known", "not known", func(y *story) {
		s := y.connected("c", "a")
		s.contact = y.now()
		y.commanded(s, http.StatusNotFound, "", "", true)
	}},
}

// openTruths are what is allowed there.
var openTruths = []truth{
	{"the address names a path", Tally{Delivered: 1}, func(y *story) {
		s := y.opens("c", "open/*")
		y.polls(s, y.update("open/1"))
		ends(s)
	}},
	{"the application connects and the client disconnects, and one is told", Tally{Delivered: 1}, func(y *story) {
		s := y.connected("c", "a")
		y.atOnce(y.op(s, "connect", "a"), "disconnect")
		y.polls(s, notice("a"), blankRaw("a", ""), y.update("a"))
		ends(s)
	}},
	{"the same, and nobody is told", Tally{}, func(y *story) {
		s := y.connected("c", "a")
		y.atOnce(y.op(s, "connect", "a"), "disconnect")
		y.polls(s, blankRaw("a", ""), notice("a"))
		y.update("a")
		ends(s)
	}},
	{"both disconnect, and it is told once", Tally{}, func(y *story) {
		s := y.connected("c", "a")
		y.atOnce(y.op(s, "disconnect", "a"), "disconnect")
		y.polls(s, notice("a"))
		ends(s)
	}},
	{"the answer to a connect is lost, and it is obeyed late", Tally{Delivered: 1}, func(y *story) {
		s := y.opens("c")
		o := y.op(s, "connect", "a")
		o.Fate, o.When.to = unknown, never
		y.update("a")
		y.polls(s, blankRaw("a", ""), y.update("a"))
		ends(s)
	}},
	{"the answer to a disconnect is lost, and it is obeyed late", Tally{Delivered: 1}, func(y *story) {
		s := y.connected("c", "a")
		o := y.op(s, "disconnect", "a")
		o.Fate, o.When.to = unknown, never
		y.polls(s, y.update("a"), notice("a"))
		y.update("a")
		ends(s)
	}},
	{"what is not open is refused", Tally{}, func(y *story) {
		s := y.opens("c")
		y.commanded(s, http.StatusForbidden, "", "", false)
		y.refusal(&Came{Paths: []string{"feed/1"}}, "not_open")
		ends(s)
	}},
}

// TestInvented compares what the daemon says of a session with who has connected it.
func TestInvented(t *testing.T) {
	y := tell()
	s := y.opens("c", "open/*")
	y.op(s, "connect", "a").By = byIngest
	a := newApplication(y.History, "")
	when := span{y.tick(), y.tick()}
	for _, test := range []struct {
		have []connection
		want string // part of what is found, "" for nothing
	}{
		{[]connection{{"open/*", byItself}, {"a", byIngest}}, ""},
		{[]connection{{"open/*", "another"}, {"a", "another"}}, ""},
		{[]connection{{"open/*", byIngest}, {"a", byIngest}}, "invented"},
		{[]connection{{"open/*", byItself}, {"a", byIngest}, {"b", byIngest}}, "invented"},
		{[]connection{{"open/*", byItself}}, "forgot"},
	} {
		y.Found = nil
		a.compareWith(s, "connect", "disconnect", test.have, when)
		switch {
		case test.want == "" && len(y.Found) > 0:
			t.Errorf("%v: found %v", test.have, y.Found)
		case test.want != "" && (len(y.Found) == 0 || !strings.Contains(y.Found[0].What, test.want)):
			t.Errorf("%v: found %v, want %q", test.have, y.Found, test.want)
		}
	}
}

// TestRulesOpen asks which patterns a setting opens.
func TestRulesOpen(t *testing.T) {
	rules := (&Schedule{Config: []string{"push.open=feed/*,room/**"}}).rules()
	for pattern, want := range map[string]bool{
		"feed/1": true, "feed/*": true, "feed/**": false, "room/*/1": true, "room/**": true, "news": false, "**": false,
	} {
		if got := rules.open(pattern); got != want {
			t.Errorf("open(%q) = %v", pattern, got)
		}
	}
	if !rules.allOpen(nil) || rules.allOpen([]string{"feed/1", "news"}) {
		t.Error("allOpen is not whether each is open")
	}
	if none := (&Schedule{}).rules(); none.open("feed/1") {
		t.Error("open without a setting")
	}
}
