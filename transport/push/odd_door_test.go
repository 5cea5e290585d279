package push

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

var doorBounds = lane.Bounds{Header: 10 * time.Second, Idle: time.Minute, Write: 10 * time.Second, HeaderSize: 32 << 10}

// doorLanes serve a rig.
var doorLanes = map[string]func(*rig) *lanetest.Door{
	"net/http": func(r *rig) *lanetest.Door { return lanetest.HTTP(r, r.Push, doorBounds) },
	"loops":    func(r *rig) *lanetest.Door { return lanetest.Loops(r, r.Fast(""), r.Push, doorBounds) },
}

// timeline notes all that is said.
type timeline struct {
	mu   sync.Mutex // guards said
	said []string
}

// Update implements dispatch.Component.
func (n *timeline) Update(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, fmt.Sprintf("said %s %s", path, msg.JSON()))
}

func (n *timeline) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	said := n.said
	n.said = nil
	return said
}

// wideOpenPatterns stand for all that can be opened or permitted.
var wideOpenPatterns = []dispatch.Pattern{"**", "*", "*/**"}

func wideOpen(c *Config) { c.Open = wideOpenPatterns }

// doorRig is a rig behind a door, and what happens there.
type doorRig struct {
	*rig
	*lanetest.Door
	happens timeline
}

func openDoor(t *testing.T, open func(*rig) *lanetest.Door) *doorRig {
	d := &doorRig{rig: newRig(t, wideOpen, func(c *Config) { c.Met = newMet() })}
	d.Door = open(d.rig)
	t.Cleanup(d.controller.Delegate(&d.happens))
	return d
}

// client makes a client that may do all that a client can be allowed, and returns what to fill into odd requests.
func (d *doorRig) client() map[string]string {
	s, err := d.Push.open(time.Now())
	if err != nil {
		d.rig.Fatal(err)
	}
	id, text := s.id(), string(s.appendToken(nil, 0))
	for _, pattern := range wideOpenPatterns {
		d.apply(dispatch.Command(dispatch.PathPermit, id, pattern, 0))
	}
	d.happens.take()
	return map[string]string{"TOKEN": text, "ID": string(id), "SECRET": text[len(text)-secretLength:]}
}

// meaning sends odd, and tells what that led to: answers, what was said on the timeline, and how the connection is left.
// No command may be said but those with which a client connects itself to what is open.
func (d *doorRig) meaning(odd lanetest.Odd) string {
	values := d.client()
	v := d.Knock()
	v.Say(odd.Fill(values), 1<<20)
	text, stays := v.Heard()
	lines := append(answersIn(text), d.said(values["ID"])...)
	if stays {
		lines = append(lines, "open")
	}
	v.Leave()
	return anonymous(strings.Join(lines, "\n"))
}

// said returns what was said, but for the end of other clients, whose time is over.
func (d *doorRig) said(id string) []string {
	said := slices.DeleteFunc(d.happens.take(), func(line string) bool {
		return strings.HasPrefix(line, "said ::gone") && !strings.Contains(line, id)
	})
	for _, line := range said {
		checkSaid(d.rig, line, id)
	}
	return said
}

// doorMeanings returns the meaning of each of odds, on one lane.
func doorMeanings(t *testing.T, odds []lanetest.Odd, open func(*rig) *lanetest.Door) (meanings []string) {
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, open)
		for _, odd := range odds {
			meanings = append(meanings, d.meaning(odd))
		}
	})
	return meanings
}

// TestOddRequests has both lanes take odd requests for what the files say.
func TestOddRequests(t *testing.T) {
	odds := lanetest.OddRequests(t, "push", "publish", "websocket")
	for name, open := range doorLanes {
		for i, got := range doorMeanings(t, odds, open) {
			if want := strings.Join(odds[i].Want, "\n"); got != want {
				t.Errorf("%s: %s takes it for\n%s\nwant\n%s\n(%s)", odds[i].Name, name, got, want, odds[i].Why)
			}
		}
	}
}

// TestOddHTTP has both lanes take requests that are odd whatever they ask for for the same.
func TestOddHTTP(t *testing.T) {
	odds := lanetest.OddRequests(t, lanetest.OddHTTP...)
	alone, loops := doorMeanings(t, odds, doorLanes["net/http"]), doorMeanings(t, odds, doorLanes["loops"])
	for i, odd := range odds {
		if alone[i] != loops[i] && !odd.Differs() {
			t.Errorf("%s: net/http takes it for\n%s\nand the loops for\n%s\n(%s)", odd.Name, alone[i], loops[i], odd.Why)
		}
	}
}

// checkSaid finds a command that no client may give.
func checkSaid(t testing.TB, line, id string) {
	command, ok := strings.CutPrefix(line, "said ::")
	verb, order, _ := strings.Cut(command, " ")
	who, path, _ := strings.Cut(strings.Trim(order, `"`), "->")
	connects := (verb == "connect" || verb == "disconnect") && strings.HasPrefix(who, "test-") && !strings.HasPrefix(path, "::")
	if ok && !connects && verb != "gone" {
		t.Errorf("a client (%s) could say %s", id, line)
	}
}

var secrets = regexp.MustCompile(`test-[0-9A-Za-z]{22}-\d+(/\d+/[0-9A-Za-z]{22})?`)

// anonymous takes IDs and tokens out of a text.
func anonymous(text string) string {
	return secrets.ReplaceAllStringFunc(text, func(found string) string {
		if strings.Contains(found, "/") {
			return "<token>"
		}
		return "<ID>"
	})
}

// answersIn reads answers: their status and what they say, a line each.
func answersIn(text string) (lines []string) {
	in := bufio.NewReader(strings.NewReader(text))
	for {
		if _, err := in.Peek(1); err != nil {
			return lines
		}
		response, err := http.ReadResponse(in, nil)
		if err != nil {
			return append(lines, "no answer: "+err.Error())
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			return append(append(lines, "101"), framesIn(in)...)
		}
		body, _ := io.ReadAll(response.Body) // of a stream, what has come
		lines = append(lines, strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", gist(response, body))))
	}
}

// gist is what a body says: the reason of a problem, the events of a stream, or all of it.
func gist(response *http.Response, body []byte) string {
	switch response.Header.Get("Content-Type") {
	case "application/problem+json":
		var p lane.Problem
		_ = json.Unmarshal(body, &p) // what is not one has no reason
		return p.Reason
	case "text/event-stream":
		_, events, _ := strings.Cut(string(body), "\n")
		return strings.ReplaceAll(strings.TrimSpace(events), "\n", " ")
	}
	return strings.TrimSpace(string(body))
}

// framesIn reads frames, a line each.
func framesIn(in io.Reader) (lines []string) {
	for {
		header, err := ws.ReadHeader(in)
		if err != nil {
			return lines
		}
		payload, _ := io.ReadAll(io.LimitReader(in, header.Length))
		switch {
		case header.OpCode == ws.OpClose && len(payload) > 1:
			lines = append(lines, fmt.Sprintf("close %d %s", int(payload[0])<<8|int(payload[1]), payload[2:]))
		case header.OpCode == ws.OpText && strings.Contains(string(payload), `"error"`):
			var p struct{ Error lane.Problem }
			_ = json.Unmarshal(payload, &p) // what is not one has no reason
			lines = append(lines, fmt.Sprint("error ", p.Error.Status, " ", p.Error.Reason))
		default:
			lines = append(lines, fmt.Sprintf("%x %s", int(header.OpCode), payload))
		}
	}
}

// What a client may not publish over POST it may not publish over a WebSocket, and what it may, it may.
func TestOddFrames(t *testing.T) {
	odds := lanetest.OddRequests(t, "publish")
	for name, open := range doorLanes {
		synctest.Test(t, func(t *testing.T) {
			d := openDoor(t, open)
			for _, odd := range odds {
				if got, want := d.framed(odd), overPost(odd.Want); got != want {
					t.Errorf("%s: %s takes the frame for\n%s\nand POST for\n%s\n(%s)", odd.Name, name, got, want, odd.Why)
				}
			}
		})
	}
}

// framed sends the body of odd in a frame.
func (d *doorRig) framed(odd lanetest.Odd) string {
	values := d.client()
	v := d.Knock()
	v.Say("GET /"+values["TOKEN"]+" HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 1<<20)
	_, body, _ := strings.Cut(odd.Fill(values), "\r\n\r\n")
	v.Say(string(ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(body))))), 1<<20)
	text, _ := v.Heard()
	v.Leave()
	return anonymous(overPost(append(answersIn(text), d.said(values["ID"])...)))
}

// overPost puts what is heard over a WebSocket as over POST: whether it was accepted, and what was said.
func overPost(lines []string) string {
	var kept []string
	accepted := false
	for _, line := range lines {
		accepted = accepted || strings.Contains(line, `{"accepted":`)
		if strings.HasPrefix(line, "said ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(append(kept, fmt.Sprint("accepted: ", accepted)), "\n")
}
