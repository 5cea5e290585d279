//go:build linux

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// listener is a client on a WebSocket that has been greeted and connected to the path "user"; nothing is sent anywhere.
func listener(t *testing.T) (*client, func(text string)) {
	w := newWorld()
	c := &crowd{clock: clock{start: time.Now()}, world: w, tally: newTally(),
		arrived: func(*client) {}, heard: func(*client, *update) {}}
	c.callers = []*caller{{crowd: c, rests: true}}
	one := &client{crowd: c, transport: load.WebSocket, state: coming,
		ledger: newLedger(w, []*topic{{pattern: "user", paths: []int32{w.at("user")}}})}
	hear := func(text string) {
		t.Helper()
		if err := one.Hear(&load.Input{Data: []byte(text)}, false); err != nil {
			t.Fatal(err)
		}
	}
	hear(`{"updates":[],"reconnectWith":"roots-a-1/0/s"}`)
	c.callers[0].calls[0].done(200, nil)
	hear(`{"updates":[{"path":"user","message":""}],"reconnectWith":"roots-a-1/1/s"}`)
	for range 9 {
		w.publish(nil, w.at("user"), 0, 0)
	}
	return one, hear
}

func TestStreamWithoutHoleIsFine(t *testing.T) {
	c, hear := listener(t)
	hear(`{"updates":[{"path":"user","message":[1,5]},{"path":"user","message":[2,5]}],"reconnectWith":"roots-a-1/3/s"}`)
	hear(`{"updates":[{"path":"user","message":"","gap":"overflow"}],"reconnectWith":"roots-a-1/7/s"}`)
	hear(`{"updates":[{"path":"user","message":[9,5]}],"reconnectWith":"roots-a-1/9/s"}`)
	if tally := &c.crowd.tally; tally.verdict() != nil || tally.deliveries != 3 || tally.marks["overflow"] != 1 {
		t.Errorf("%v; %d deliveries, marks %v", tally.verdict(), tally.deliveries, tally.marks)
	}
	if string(c.token) != "roots-a-1/9/s" || c.state != here || len(c.crowd.callers[0].calls) != 1 {
		t.Errorf("token %s, state %d, %d calls", c.token, c.state, len(c.crowd.callers[0].calls))
	}
}

func TestStreamWithHoleIsCaught(t *testing.T) {
	c, hear := listener(t)
	hear(`{"updates":[{"path":"user","message":[1,5]},{"path":"user","message":[3,5]}],"reconnectWith":"roots-a-1/3/s"}`)
	if c.crowd.tally.flaws[flawHole] != 1 {
		t.Errorf("found %v", c.crowd.tally.flaws)
	}
	if text := c.crowd.tally.verdict().Error(); !strings.Contains(text, "user: number 3 after 1") {
		t.Errorf("the verdict does not say where: %s", text)
	}
}

func TestStreamThatRepeatsIsCaught(t *testing.T) {
	c, hear := listener(t)
	hear(`{"updates":[{"path":"user","message":[1,5]}],"reconnectWith":"roots-a-1/2/s"}`)
	hear(`{"updates":[{"path":"user","message":[1,5]}],"reconnectWith":"roots-a-1/2/s"}`)
	if c.crowd.tally.flaws[flawAgain] != 1 {
		t.Errorf("found %v", c.crowd.tally.flaws)
	}
}

func TestWhatNeverCameIsCaught(t *testing.T) {
	c, hear := listener(t)
	hear(`{"updates":[{"path":"user","message":[1,5]}],"reconnectWith":"roots-a-1/2/s"}`)
	c.crowd.clients = []*client{c}
	c.crowd.audit()
	if c.crowd.tally.flaws[flawLost] != 1 {
		t.Errorf("found %v", c.crowd.tally.flaws)
	}
}

func TestUnreadableAnswerIsCaught(t *testing.T) {
	c, hear := listener(t)
	hear(`{"updates":[{"path":"user","message":[1,5]}]`)
	if c.crowd.tally.flaws[flawUnread] != 1 {
		t.Errorf("found %v", c.crowd.tally.flaws)
	}
}

// A new ID means that the back-end is to be asked again; a pace, that it is to be asked later.
func TestNewSessionIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		pace         string
		calls, paced int
	}{{"", 2, 0}, {`,"pace":60000`, 1, 1}} {
		c, hear := listener(t)
		hear(`{"updates":[],"reconnectWith":"roots-b-2/0/s"` + test.pace + `}`)
		if tally := &c.crowd.tally; tally.lost != 1 || tally.paced != test.paced || len(c.crowd.callers[0].calls) != test.calls {
			t.Errorf("%q: %d lost, %d paced, %d calls", test.pace, tally.lost, tally.paced, len(c.crowd.callers[0].calls))
		}
	}
}
