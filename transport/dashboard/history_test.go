package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// said returns what /dashboard/events tells, in short, and the two counts.
func (h *house) said(query string) string {
	h.t.Helper()
	w := h.do("GET", "/dashboard/events"+query)
	var answer struct {
		Events          []event
		Kept, Forgotten int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK {
		h.t.Fatalf("%d: %s", w.Code, w.Body)
	}
	var lines []string
	for _, e := range answer.Events {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s", e.What, e.Pattern)))
	}
	return fmt.Sprintf("%s; %d %d", strings.Join(lines, ", "), answer.Kept, answer.Forgotten)
}

func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 100)
		backend, id := h.client(), h.client()
		time.Sleep(time.Second)
		h.apply(backend, dispatch.Command(dispatch.PathConnect, id, "a/*", time.Second))
		h.apply(id, dispatch.Command(dispatch.PathConnect, id, "b", 0))
		h.apply(backend, dispatch.Command(dispatch.PathPermit, id, "c", 0), dispatch.Update{Path: "b", Message: dispatch.TextMessage("1", dispatch.Options{})})
		h.apply(backend, dispatch.Command(dispatch.PathForbid, id, "c", 0))
		time.Sleep(2 * time.Second) // the first lapses
		synctest.Wait()
		h.apply(backend, dispatch.Kick(id))

		line := func(seconds int, what, pattern string, by dispatch.ID, component string) string {
			if pattern != "" {
				pattern = `,"pattern":"` + pattern + `"`
			}
			return fmt.Sprintf(`{"time":"2000-01-01T00:00:0%dZ","what":"%s","id":"%s"%s,"by":"%s","component":"%s"}`, seconds, what, id, pattern, by, component)
		}
		h.want("/dashboard/events", 200, `{"events":[`+strings.Join([]string{
			line(3, "gone", "", h.controller.ID(), "rootsd"),
			line(3, "kick", "", backend, ""),
			line(2, "disconnect", "a/*", h.controller.ID(), "rootsd"),
			line(1, "forbid", "c", backend, ""),
			line(1, "permit", "c", backend, ""),
			line(1, "connect", "b", id, "itself"),
			line(1, "connect", "a/*", backend, ""),
		}, ",")+`],"kept":7,"forgotten":0}`)
		h.want("/dashboard/events?limit=0", 200, `{"events":[],"kept":7,"forgotten":0}`)
	})
}

// What could not be obeyed changed nothing, and is no event.
func TestEventsAreOfWhatWasObeyed(t *testing.T) {
	h := newHouse(t, 100)
	id := h.client()
	for _, u := range []dispatch.Update{
		dispatch.Command(dispatch.PathConnect, "nobody", "a", 0),
		dispatch.Command(dispatch.PathDisconnect, id, "a", 0), // it is not connected
		dispatch.Command(dispatch.PathConnect, id, "a//b", 0),
		dispatch.Kick("nobody"),
		{Path: dispatch.PathTo(id), Message: dispatch.TextMessage("hello", dispatch.Options{})},
	} {
		h.controller.Update("", u.Path, u.Message)
	}
	if got := h.said(""); got != "; 0 0" {
		t.Errorf("got %s", got)
	}
}

func TestEventsOfOneClient(t *testing.T) {
	h := newHouse(t, 2000)
	one, other := h.client(), h.client()
	for i := range 1000 { // more than is read at once
		h.apply("", dispatch.Command(dispatch.PathConnect, other, dispatch.Pattern(fmt.Sprint("p/", i)), 0))
		if i%400 == 0 {
			h.apply("", dispatch.Command(dispatch.PathConnect, one, dispatch.Pattern(fmt.Sprint("own/", i)), 0))
		}
	}
	for query, want := range map[string]string{
		"?id=" + string(one):              "connect own/800, connect own/400, connect own/0; 1003 0",
		"?id=" + string(one) + "&limit=2": "connect own/800, connect own/400; 1003 0",
		"?id=nobody":                      "; 1003 0",
		"?limit=2":                        "connect p/999, connect p/998; 1003 0",
	} {
		if got := h.said(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
	if got := h.said("?limit=10000"); strings.Count(got, "connect") != 1003 || !strings.Contains(got, "connect p/0;") {
		t.Errorf("all: %d events", strings.Count(got, "connect"))
	}
}

func TestEventsAreForgotten(t *testing.T) {
	for size, want := range map[int]string{0: "; 0 5", 1: "connect p/4; 1 4", 3: "connect p/4, connect p/3, connect p/2; 3 2", 5: "connect p/4, connect p/3, connect p/2, connect p/1, connect p/0; 5 0"} {
		h := newHouse(t, size)
		id := h.client()
		for i := range 5 {
			h.apply("", dispatch.Command(dispatch.PathConnect, id, dispatch.Pattern(fmt.Sprint("p/", i)), 0))
		}
		if got := h.said(""); got != want {
			t.Errorf("%d kept: got %s, want %s", size, got, want)
		}
	}
}
