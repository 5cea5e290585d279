package main

import (
	"strings"
	"testing"
	"time"
)

// roomy has a story without limits.
func roomy() *story {
	y := tell()
	y.Rules.Messages, y.Rules.Resume, y.Rules.Age = 100, 100, time.Minute
	return y
}

// answers says what u was answered; early, before its time was up.
func (y *story) answers(u *Update, early bool, r Receipt) {
	u.When.to = y.tick()
	u.Slip, u.Wait = &r, u.When.to-u.When.from
	if early {
		u.Wait = time.Minute
	}
}

// receipts are stories of an update at path a, and what is found wrong with its receipt; "" for nothing.
var receipts = []struct {
	name string
	want string
	tell func(*story)
}{
	{"all confirm", "", func(y *story) {
		s, t := y.connected("c", "a"), y.connected("d", "*")
		u := y.update("a")
		y.polls(s, u)
		y.polls(t, u)
		y.polls(s)
		y.polls(t)
		y.answers(u, true, Receipt{2, 2, 2, 0})
	}},
	{"one does not come back, and the time is up", "", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.answers(u, false, Receipt{1, 1, 0, 0})
	}},
	{"one comes back, and nobody knows whether in time", "", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.answers(u, false, Receipt{1, 1, 1, 0})
		u.When.to += time.Second
		y.comes(s, s.Last, formPoll).At = u.When.to - time.Millisecond
	}},
	{"the daemon ends meanwhile", "", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.Stops = append(y.Stops, span{y.tick(), never})
		y.polls(s, u)
		y.polls(s)
		y.answers(u, true, Receipt{1, 0, 0, 0})
	}},
	{"the session ends", "", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.op(s, "kick", "")
		y.answers(u, true, Receipt{1, 0, 0, 0})
	}},
	{"a limit is met", "", func(y *story) {
		y.connected("c", "a")
		u := y.update("a")
		y.Rules.Messages = 0
		y.answers(u, true, Receipt{1, 0, 0, 1})
	}},
	{"a stream was sent more than is kept for a resume", "", func(y *story) {
		s := y.connected("c", "a")
		y.comes(s, s.Last, formEvents)
		u := y.update("a")
		y.Rules.Resume = 0
		y.answers(u, true, Receipt{1, 1, 0, 0})
	}},
	{"a session that nobody knows", "", func(y *story) {
		y.connected("c", "a")
		y.Naming = append(y.Naming, &Came{Form: formEvents, Paths: []string{"*"}, At: y.tick()})
		u := y.update("a")
		y.answers(u, false, Receipt{2, 1, 0, 1})
	}},
	{"one that was connected at the same time", "", func(y *story) {
		s := y.opens("c")
		o := y.op(s, "connect", "a")
		u := y.update("a")
		u.When.from = o.When.from
		y.answers(u, false, Receipt{0, 0, 0, 0})
	}},
	{"one is missed", "other clients", func(y *story) {
		y.connected("c", "a")
		y.answers(y.update("a"), false, Receipt{0, 0, 0, 0})
	}},
	{"one who is not connected", "other clients", func(y *story) {
		y.connected("c", "b")
		y.answers(y.update("a"), false, Receipt{1, 0, 0, 0})
	}},
	{"one who is left out", "other clients", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		u.Except = s.ID
		y.answers(u, false, Receipt{1, 0, 0, 0})
	}},
	{"one who has left", "other clients", func(y *story) {
		y.op(y.connected("c", "a"), "leave", "")
		y.answers(y.update("a"), false, Receipt{1, 0, 0, 0})
	}},
	{"one who was lost with the daemon", "other clients", func(y *story) {
		y.connected("c", "a")
		y.Lost = append(y.Lost, span{y.tick(), y.tick()})
		y.answers(y.update("a"), false, Receipt{1, 0, 0, 0})
	}},
	{"one was answered, so that the session is known", "other clients", func(y *story) {
		y.connected("c", "a")
		y.Naming = append(y.Naming, &Came{Paths: []string{"*"}, At: y.tick(), heard: y.tick()})
		y.answers(y.update("a"), false, Receipt{2, 0, 0, 0})
	}},
	{"delivered and gapped", "twice", func(y *story) {
		y.connected("c", "a")
		y.Rules.Messages = 0
		y.answers(y.update("a"), false, Receipt{1, 1, 0, 1})
	}},
	{"confirmed and not delivered", "not delivered", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.polls(s)
		y.answers(u, false, Receipt{1, 0, 1, 0})
	}},
	{"confirmed by one who has not come back", "not confirmed", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.answers(u, false, Receipt{1, 1, 1, 0})
	}},
	{"confirmed by one who has come back with an older token", "not confirmed", func(y *story) {
		s := y.connected("c", "a")
		u, before := y.update("a"), s.Last
		y.polls(s, u)
		y.gives(y.comes(s, before, formPoll), before, 2, u)
		y.answers(u, false, Receipt{1, 1, 1, 0})
	}},
	{"a confirmation is missed", "does not count", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.polls(s)
		y.answers(u, false, Receipt{1, 1, 0, 0})
	}},
	{"gapped without a limit", "no reason", func(y *story) {
		y.connected("c", "a")
		y.answers(y.update("a"), false, Receipt{1, 0, 0, 1})
	}},
	{"nobody has confirmed, and the time is not up", "early", func(y *story) {
		s := y.connected("c", "a")
		u := y.update("a")
		y.polls(s, u)
		y.answers(u, true, Receipt{1, 1, 0, 0})
	}},
}

func TestReceipts(t *testing.T) {
	for _, test := range receipts {
		t.Run(test.name, func(t *testing.T) {
			y := roomy()
			test.tell(y)
			found, tally := judge(y.History)
			if tally.Receipts != 1 {
				t.Errorf("%d receipts were judged, want 1", tally.Receipts)
			}
			for _, v := range found {
				if test.want == "" || !strings.Contains(v.What, test.want) {
					t.Errorf("found %+v, want %q", v, test.want)
				}
			}
			if len(found) == 0 && test.want != "" {
				t.Errorf("found nothing, want %q", test.want)
			}
		})
	}
}

// TestReceiptAnswers reads what a batch is answered in which one update asks for a receipt, or none does, or the only
// one.
func TestReceiptAnswers(t *testing.T) {
	const receipt = `{"matched":4,"delivered":3,"confirmed":2,"gapped":1}`
	tests := []struct {
		waits  []bool
		answer string
		good   bool
	}{
		{[]bool{false, false}, `{"accepted":2}`, true},
		{[]bool{false, false}, `{"accepted":1}`, false},
		{[]bool{false, false}, "[null,null]", false},
		{[]bool{true, false}, "[" + receipt + ",null]", true},
		{[]bool{true, false}, "[null," + receipt + "]", false},
		{[]bool{true, false}, "[" + receipt + "]", false},
		{[]bool{true, false}, `{"accepted":2}`, false},
		{[]bool{true}, receipt, true},
		{[]bool{true}, "[" + receipt + "]", false},
	}
	for _, test := range tests {
		p := &Publisher{history: newHistory(Rules{})}
		batch := make([]*Update, len(test.waits))
		for i, waits := range test.waits {
			batch[i] = newUpdate("a", i, 0, false)
			if waits {
				batch[i].Wait = time.Second
			}
		}
		p.taken(batch, []byte(test.answer+"\n"))
		if good := len(p.history.Found) == 0; good != test.good {
			t.Errorf("%s for %v: found %v, want it good: %v", test.answer, test.waits, p.history.Found, test.good)
		}
		for _, u := range batch {
			if want := (Receipt{4, 3, 2, 1}); test.good && asks(u) && *u.Slip != want {
				t.Errorf("%s for %v: read as %+v", test.answer, test.waits, *u.Slip)
			}
		}
	}
}
