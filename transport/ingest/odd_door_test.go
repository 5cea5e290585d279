package ingest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

var doorBounds = lane.Bounds{Header: 10 * time.Second, Idle: time.Minute, Write: 10 * time.Second, HeaderSize: 32 << 10}

// doorLanes serve an Ingest.
var doorLanes = map[string]func(*testing.T, *Ingest) *lanetest.Door{
	"net/http": func(t *testing.T, i *Ingest) *lanetest.Door { return lanetest.HTTP(t, i, doorBounds) },
	"loops":    func(t *testing.T, i *Ingest) *lanetest.Door { return lanetest.Loops(t, i.Fast(), i, doorBounds) },
}

// doorGuards are what the files of requests to ingest are about.
var doorGuards = map[string]lane.Guard{"ingest": {Hosts: []string{"app.internal"}}, "tokens": {Tokens: []string{"other", "token"}}}

// TestOddRequests has both lanes take odd requests for what the files say.
func TestOddRequests(t *testing.T) {
	for file, guard := range doorGuards {
		odds := lanetest.OddRequests(t, file)
		for name, open := range doorLanes {
			for i, got := range doorMeanings(t, odds, guard, open) {
				if want := strings.Join(odds[i].Want, "\n"); got != want {
					t.Errorf("%s: %s takes it for\n%s\nwant\n%s\n(%s)", odds[i].Name, name, got, want, odds[i].Why)
				}
			}
		}
	}
}

// TestOddHTTP has both lanes take requests that are odd whatever they ask for for the same.
func TestOddHTTP(t *testing.T) {
	odds, guard := lanetest.OddRequests(t, lanetest.OddHTTP...), lane.Guard{Hosts: []string{"a"}}
	alone, loops := doorMeanings(t, odds, guard, doorLanes["net/http"]), doorMeanings(t, odds, guard, doorLanes["loops"])
	for i, odd := range odds {
		if alone[i] != loops[i] && !odd.Differs() {
			t.Errorf("%s: net/http takes it for\n%s\nand the loops for\n%s\n(%s)", odd.Name, alone[i], loops[i], odd.Why)
		}
	}
}

// doorMeanings sends each of odds to an Ingest on one lane, and tells what that led to: answers, what was said on the
// timeline, and how the connection is left.
func doorMeanings(t *testing.T, odds []lanetest.Odd, guard lane.Guard, open func(*testing.T, *Ingest) *lanetest.Door) (meanings []string) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		config := testConfig
		config.Guard = guard
		h.ingest.SetConfig(config)
		door := open(t, h.ingest)
		for _, odd := range odds {
			id, _ := h.client()
			v := door.Knock()
			v.Say(odd.Fill(map[string]string{"TOKEN": "token", "ID": string(id)}), 1<<20)
			text, stays := v.Heard()
			lines := answersIn(text)
			if said := h.timeline.take(); said != "" {
				lines = append(lines, "said "+strings.ReplaceAll(said, "\n", "\nsaid "))
			}
			if stays {
				lines = append(lines, "open")
			}
			v.Leave()
			meanings = append(meanings, strings.ReplaceAll(strings.Join(lines, "\n"), string(id), "<ID>"))
		}
	})
	return meanings
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
		body, _ := io.ReadAll(response.Body) // of HEAD, nothing
		said := strings.TrimSpace(string(body))
		if response.Header.Get("Content-Type") == "application/problem+json" {
			var p lane.Problem
			_ = json.Unmarshal(body, &p) // what is not one has no reason
			said = p.Reason
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", said)))
	}
}
