package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// links writes down what a client is connected to and may publish at, with how long for.
func (h *house) links(id dispatch.ID) string {
	h.t.Helper()
	info, ok := h.dispatcher.Client(id)
	if !ok {
		return "gone"
	}
	say := func(links []dispatch.Link) string {
		var all []string
		for _, l := range links {
			text := string(l.Pattern)
			if l.Lapses > 0 {
				text += " for " + l.Lapses.Round(time.Second).String()
			}
			all = append(all, text)
		}
		return strings.Join(all, ",")
	}
	return say(info.Connected) + "|" + say(info.Permits)
}

func TestOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		id, c := h.client()
		for _, tt := range []struct{ target, body, answer, links, told string }{
			{"/connect", `{"id":"ID","paths":["a","/b/*/"]}`, `{"id":"ID","paths":["a","b/*"]}`, "a,b/*|", "a \"\"\nb/* \"\""},
			{"/connect", `{"id":"ID","paths":["a"]}`, `{"id":"ID","paths":["a"]}`, "a,b/*|", `a ""`},
			{"/connect", `{"paths":["c"],"for":"1h","id":"ID"}`, `{"id":"ID","paths":["c"]}`, "a,b/*,c for 1h0m0s|", `c ""`},
			{"/connect", `{"id":"ID","paths":["c"],"for":"8784h"}`, `{"id":"ID","paths":["c"]}`, "a,b/*,c for 8784h0m0s|", `c ""`},
			{"/connect", `{"id":"ID","paths":["c"]}`, `{"id":"ID","paths":["c"]}`, "a,b/*,c|", `c ""`},
			{"/connect", `{"id":"ID","paths":["->->","ä"]}`, `{"id":"ID","paths":["->->","ä"]}`, "->->,a,b/*,c,ä|", "->-> \"\"\nä \"\""},
			{"/connect", `{"id":"ID","paths":[]}`, `{"id":"ID","paths":[]}`, "->->,a,b/*,c,ä|", ""},
			{"/disconnect", `{"id":"ID","paths":["a","never","->->","ä"]}`, `{"id":"ID","paths":["a","never","->->","ä"]}`, "b/*,c|",
				"::+::disconnect \"a\"\n::+::disconnect \"->->\"\n::+::disconnect \"ä\""},
			{"/permit", `{"id":"ID","paths":["p/**","q"],"for":"90s"}`, `{"id":"ID","paths":["p/**","q"]}`, "b/*,c|p/** for 1m30s,q for 1m30s", ""},
			{"/forbid", `{"id":"ID","paths":["q"]}`, `{"id":"ID","paths":["q"]}`, "b/*,c|p/** for 1m30s", ""},
			{"/kick", `{"id":"ID"}`, `{"id":"ID"}`, "gone", `::kick "ID"`},
		} {
			swap := func(text string) string { return strings.ReplaceAll(text, "ID", string(id)) }
			h.want(h.post(tt.target, swap(tt.body)), 200, swap(tt.answer))
			if got := h.links(id); got != tt.links {
				t.Errorf("%s %s: got %s, want %s", tt.target, tt.body, got, tt.links)
			}
			if got := c.take(); got != swap(tt.told) {
				t.Errorf("%s %s: told %q, want %q", tt.target, tt.body, got, swap(tt.told))
			}
		}
	})
}

func TestConnectLapses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		id, _ := h.client()
		h.post("/connect", `{"id":"`+string(id)+`","paths":["a"],"for":"1m"}`)
		time.Sleep(time.Minute - time.Nanosecond)
		if got := h.links(id); got != "a for 0s|" {
			t.Errorf("got %s", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := h.links(id); got != "|" {
			t.Errorf("got %s", got)
		}
	})
}

// refusedOrders are bodies with "¦" where the offset is to be. ID is a client's.
var refusedOrders = []struct{ name, target, body, want string }{
	{"empty", "/connect", "", "400 empty_body"},
	{"white space", "/kick", " \n", "400 empty_body"},
	{"not JSON", "/connect", "¦id=ID&paths=a", "400 bad_json"},
	{"array", "/connect", `¦[]`, "400 bad_body"},
	{"string", "/kick", ` ¦"ID"`, "400 bad_body"},
	{"cut", "/connect", `{"id":"ID"¦`, "400 bad_json"},
	{"two", "/connect", `{"id":"ID","paths":[]} ¦{"id":"ID","paths":[]}`, "400 bad_json"},
	{"no ID", "/connect", ` ¦{"paths":["a"]}`, "400 bad_body field id"},
	{"no paths", "/connect", `¦{"id":"ID"}`, "400 bad_body field paths"},
	{"nothing", "/kick", `¦{}`, "400 bad_body field id"},
	{"ID a number", "/connect", `{"id":¦1,"paths":["a"]}`, "400 bad_body field id"},
	{"ID null", "/kick", `{"id":¦null}`, "400 bad_body field id"},
	{"ID twice", "/connect", `{"id":"ID",¦"id":"ID","paths":["a"]}`, "400 bad_body field id"},
	{"unknown member", "/connect", `{"id":"ID",¦"path":"a"}`, "400 bad_body field path"},
	{"paths of a kick", "/kick", `{"id":"ID",¦"paths":["a"]}`, "400 bad_body field paths"},
	{"term of a disconnect", "/disconnect", `{"id":"ID","paths":["a"],¦"for":"1h"}`, "400 bad_body field for"},
	{"term of a forbid", "/forbid", `{"id":"ID","paths":["a"],¦"for":"1h"}`, "400 bad_body field for"},
	{"paths a string", "/connect", `{"id":"ID","paths":¦"a"}`, "400 bad_body field paths"},
	{"paths null", "/permit", `{"id":"ID","paths": ¦null}`, "400 bad_body field paths"},
	{"path a number", "/connect", `{"id":"ID","paths":["a", ¦7]}`, "400 bad_body entry 1 field paths"},
	{"path an array", "/connect", `{"id":"ID","paths": [ ¦["a"]]}`, "400 bad_body entry 0 field paths"},
	{"path empty", "/connect", `{"id":"ID","paths":["a","b", ¦""]}`, "400 path entry 2 field paths"},
	{"path with a control character", "/connect", `{"id":"ID","paths":[¦"a\u0000"]}`, "400 path entry 0 field paths"},
	{"pattern with an early **", "/connect", `{"id":"ID","paths":["a",¦"**/b"]}`, "400 path entry 1 field paths"},
	{"path too long", "/connect", `{"id":"ID","paths":["a",¦"` + strings.Repeat("x", 2000) + `"]}`, "400 path entry 1 field paths"},
	{"fault in the paths", "/connect", `{"id":"ID","paths":["a",n¦il]}`, "400 bad_json field paths"},
	{"invalid UTF-8 in the paths", "/connect", "{\"id\":\"ID\",\"paths\":[\"a\",\"¦\xff\"]}", "400 bad_json field paths"},
	{"term a number", "/connect", `{"id":"ID","paths":["a"],"for":¦3600}`, "400 bad_body field for"},
	{"term without unit", "/permit", `{"id":"ID","paths":["a"],"for":¦"3600"}`, "400 bad_body field for"},
	{"term zero", "/connect", `{"id":"ID","paths":["a"],"for":¦"0s"}`, "400 bad_body field for"},
	{"term too long", "/connect", `{"id":"ID","paths":["a"],"for":¦"8785h"}`, "400 bad_body field for"},
	{"stranger", "/connect", `{"id":"nobody","paths":["a"]}`, "404 unknown_id field id"},
	{"stranger without paths", "/connect", `{"id":"nobody","paths":[]}`, "404 unknown_id field id"},
	{"stranger to disconnect", "/disconnect", `{"id":"nobody","paths":["a"]}`, "404 unknown_id field id"},
	{"stranger to permit", "/permit", `{"id":"nobody","paths":["a"]}`, "404 unknown_id field id"},
	{"stranger to forbid", "/forbid", `{"id":"nobody","paths":["a"]}`, "404 unknown_id field id"},
	{"stranger to kick", "/kick", `{"id":"nobody"}`, "404 unknown_id field id"},
	{"empty ID", "/connect", `{"id":"","paths":["a"]}`, "404 unknown_id field id"},
	{"empty ID to kick", "/kick", `{"id":""}`, "404 unknown_id field id"},
	{"ID with an arrow", "/connect", `{"id":"ID->secret/","paths":["a"]}`, "404 unknown_id field id"},
	{"ID with an arrow to permit", "/permit", `{"id":"ID->**","paths":["a"]}`, "404 unknown_id field id"},
	{"ID with a space", "/connect", `{"id":"ID ","paths":["a"]}`, "404 unknown_id field id"},
	{"too many paths", "/connect", `{"id":"ID","paths":["1","2","3","4","5"]}`, "409 too_many_paths entry 4 field paths"},
	{"too many permits", "/permit", `{"id":"ID","paths":["1","2","2","3"]}`, "409 too_many_permits entry 3 field paths"},
}

func TestOrdersRefuse(t *testing.T) {
	h := newHouse(t)
	h.dispatcher.SetLimits(dispatch.Limits{Paths: 4, Permits: 2})
	id, c := h.client()
	for _, tt := range refusedOrders {
		body := strings.ReplaceAll(tt.body, "ID", string(id))
		want := tt.want
		if at := strings.Index(body, "¦"); at >= 0 {
			want = fmt.Sprintf("%s offset %d", want, at)
		}
		w := h.post(tt.target, strings.Replace(body, "¦", "", 1))
		if got := sayProblem(t, w); got != want {
			t.Errorf("%s: got %s, want %s: %s", tt.name, got, want, w.Body)
		}
		if w.Body.Len() > 500 {
			t.Errorf("%s: answer of %d bytes", tt.name, w.Body.Len())
		}
		h.wantNothing(tt.name)
		if got := h.links(id) + c.take(); got != "|" {
			t.Errorf("%s: left %s", tt.name, got)
		}
	}
}

// The detail speaks of the path that the caller gave, not of the command that rootsd made of it.
func TestOrderDetail(t *testing.T) {
	h := newHouse(t)
	h.dispatcher.SetLimits(dispatch.Limits{Paths: 1})
	id, _ := h.client()
	var p struct{ Detail string }
	w := h.post("/connect", `{"id":"`+string(id)+`","paths":["a","orders/*"]}`)
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if want := `"orders/*": the client is connected to as many paths as it may be (limits.paths)`; p.Detail != want {
		t.Errorf("got %s, want %s", p.Detail, want)
	}
}
