package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestUpdate(t *testing.T) {
	for _, tt := range []struct{ name, body, answer, told string }{
		{"one", `{"path":"a","message":{"n": 1}}`, `{"accepted":1}`, `a {"n":1}`},
		{"array", `[{"path":"a","message":1},{"path":"a","message":2},{"path":"other","message":3}]`, `{"accepted":3}`, "a 1\na 2"},
		{"lines", "{\"path\":\"a\",\"message\":1}\n{\"path\":\"a\",\"message\":2}\n", `{"accepted":2}`, "a 1\na 2"},
		{"nothing", `[]`, `{"accepted":0}`, ""},
		{"blank", `{"path":"/a/","message":""}`, `{"accepted":1}`, `a ""`},
	} {
		h := newHouse(t)
		_, c := h.connected("a")
		w := h.post("/update", tt.body)
		h.want(w, http.StatusOK, tt.answer)
		if got := w.Header().Get("Content-Type"); got != "application/json" {
			t.Errorf("%s: Content-Type %q", tt.name, got)
		}
		if got := c.take(); got != tt.told {
			t.Errorf("%s: told %q, want %q", tt.name, got, tt.told)
		}
	}
}

func TestUpdateExcept(t *testing.T) {
	h := newHouse(t)
	one, first := h.connected("a")
	_, second := h.connected("a")
	h.want(h.post("/update", `{"path":"a","message":1,"except":"`+string(one)+`"}`), 200, `{"accepted":1}`)
	h.want(h.post("/update", `{"path":"a","message":2,"except":"nobody"}`), 200, `{"accepted":1}`)
	if got := first.take() + "|" + second.take(); got != "a 2|a 1\na 2" {
		t.Errorf("told %q", got)
	}
}

// Commands in a body of updates are obeyed in their turn.
func TestUpdateCommands(t *testing.T) {
	h := newHouse(t)
	id, c := h.client()
	h.want(h.post("/update", fmt.Sprintf(`[{"path":"a","message":"before"},{"path":"::connect","message":"%[1]s->a"},
		{"path":"a","message":"after"},{"path":"::to/%[1]s","message":7}]`, id)), 200, `{"accepted":4}`)
	if got, want := c.take(), fmt.Sprintf("a \"\"\na \"after\"\n::to/%s 7", id); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	if got := h.ingest.Stats().Published.Load(); got != 4 {
		t.Errorf("published %d", got)
	}
}

// refusedByDispatcher are bodies that are well formed, with a reason to refuse them that only the Dispatcher knows. ID is
// a client's.
var refusedByDispatcher = []struct{ name, body, want string }{
	{"connect without arrow", `{"path":"::connect","message":"ID"}`, "400 command entry 0 field message"},
	{"connect without ID", `{"path":"::connect","message":"->a"}`, "400 command entry 0 field message"},
	{"connect without pattern", `{"path":"::connect","message":"ID->"}`, "400 command entry 0 field message"},
	{"connect to a bad pattern", `{"path":"::connect","message":"ID->a//b"}`, "400 command entry 0 field message"},
	{"connect with a number", `{"path":"::connect","message":5}`, "400 command entry 0 field message"},
	{"connect with an object", `{"path":"::connect","message":{"id":"ID"}}`, "400 command entry 0 field message"},
	{"connect a stranger", `{"path":"::connect","message":"nobody->a"}`, "404 unknown_id entry 0 field message"},
	{"disconnect a stranger", `{"path":"::disconnect","message":"nobody->a"}`, "404 unknown_id entry 0 field message"},
	{"permit a stranger", `{"path":"::permit","message":"nobody->a"}`, "404 unknown_id entry 0 field message"},
	{"kick a stranger", `{"path":"::kick","message":"nobody"}`, "404 unknown_id entry 0 field message"},
	{"kick with a number", `{"path":"::kick","message":1}`, "400 command entry 0 field message"},
	{"kick twice", `[{"path":"::kick","message":"ID"},{"path":"::kick","message":"ID"}]`, "404 unknown_id entry 1 field message"},
	{"say gone", `{"path":"::gone","message":"ID"}`, "403 reserved entry 0 field path"},
	{"say disconnected", `{"path":"::+::disconnect","message":"a"}`, "403 reserved entry 0 field path"},
	{"say members", `{"path":"::members/a","message":{"enter":"ID"}}`, "403 reserved entry 0 field path"},
	{"to a stranger", `{"path":"::to/nobody","message":1}`, "404 unknown_id entry 0 field path"},
	{"to nobody", `{"path":"::to","message":1}`, "400 command entry 0 field path"},
	{"to a longer path", `{"path":"::to/ID/more","message":1}`, "404 unknown_id entry 0 field path"},
	{"unknown command", `{"path":"::dance","message":1}`, "400 command entry 0 field path"},
	{"wrong case", `{"path":"::Connect","message":"ID->a"}`, "400 command entry 0 field path"},
	{"no command", `{"path":"::","message":1}`, "400 command entry 0 field path"},
	{"longer than a command", `{"path":"::connect/a","message":"ID->a"}`, "400 command entry 0 field path"},
}

// All or nothing: whatever is wrong with one entry, those before and after it do nothing.
func TestUpdateAllOrNothing(t *testing.T) {
	h := newHouse(t)
	id, c := h.connected("a")
	good := fmt.Sprintf(`{"path":"a","message":1},{"path":"::connect","message":"%[1]s->b"},{"path":"::permit","message":"%[1]s->b"},{"path":"::kick","message":"%[1]s"}`, id)
	check := func(name, body, want string) {
		t.Helper()
		w := h.post("/update", body)
		if got := sayProblem(t, w); got != want {
			t.Errorf("%s: got %s, want %s: %s", name, got, want, w.Body)
		}
		h.wantNothing(name)
	}
	for _, tt := range refusedByDispatcher {
		body := strings.ReplaceAll(tt.body, "ID", string(id))
		check(tt.name, body, tt.want)
		if strings.HasPrefix(body, "[") {
			continue
		}
		check(tt.name+", among others", `[{"path":"a","message":1},`+body+`,`+good+`]`, strings.Replace(tt.want, "entry 0", "entry 1", 1))
		check(tt.name+", as a line", `{"path":"a","message":1}`+"\n"+body, strings.Replace(tt.want, "entry 0", "entry 1", 1))
	}
	for _, tt := range []struct{ name, last, want string }{
		{"fault in the last", `{"path":""`, "400 path entry 4 field path"},
		{"wrong type in the last", `{"path":"a","message":1,"latest":0}`, "400 bad_body entry 4 field latest"},
		{"large message in the last", `{"path":"a","message":"` + strings.Repeat("x", 1000) + `"}`, "413 message_size entry 4 field message"},
	} {
		w := h.post("/update", "["+good+","+tt.last+"]")
		if got, _, _ := strings.Cut(sayProblem(t, w), " offset"); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
		h.wantNothing(tt.name)
	}
	if got := c.take(); got != "" {
		t.Errorf("told %q", got)
	}
	if got := h.ingest.Stats().Published.Load(); got != 0 {
		t.Errorf("published %d", got)
	}
}

func TestAddresses(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct{ method, target, want, allow string }{
		{"GET", "/", "405 method", "POST"},
		{"GET", "/update", "405 method", "POST"},
		{"PUT", "/update", "405 method", "POST"},
		{"OPTIONS", "/update", "405 method", "POST"},
		{"DELETE", "/connect", "405 method", "POST"},
		{"HEAD", "/kick", "405 method", "POST"},
		{"POST", "/clients/x", "405 method", "GET, HEAD"},
		{"DELETE", "/clients/x", "405 method", "GET, HEAD"},
		{"POST", "/paths/x", "405 method", "GET, HEAD"},
		{"POST", "/updates", "404 address", ""},
		{"POST", "/update/", "404 address", ""},
		{"POST", "//update", "404 address", ""},
		{"POST", "/Update", "404 address", ""},
		{"POST", "/a/../update", "404 address", ""},
		{"GET", "/clients", "404 address", ""},
		{"GET", "/paths", "404 address", ""},
		{"GET", "/favicon.ico", "404 address", ""},
		{"POST", "/%00", "404 address", ""},
	} {
		w := h.do(tt.method, tt.target, `{"path":"a","message":1}`)
		if got := sayProblem(t, w); got != tt.want || w.Header().Get("Allow") != tt.allow {
			t.Errorf("%s %s: got %s, Allow %q, want %s, %q", tt.method, tt.target, got, w.Header().Get("Allow"), tt.want, tt.allow)
		}
		if tt.want == "404 address" && !strings.Contains(w.Body.String(), "POST to /update") {
			t.Errorf("%s %s: no hint in %s", tt.method, tt.target, w.Body)
		}
		h.wantNothing(tt.target)
	}
	if got := h.ingest.Stats().Refused.Counts(); got["method"] != 9 || got["address"] != 9 {
		t.Errorf("counted %v", got)
	}
}

// Nothing at all can be had past the guard.
func TestGuarded(t *testing.T) {
	h := newHouse(t)
	id, _ := h.connected("a")
	requests := func() (all []*http.Request) {
		for _, target := range []string{"/", "/update", "/connect", "/disconnect", "/permit", "/forbid", "/kick", "/clients/" + string(id), "/paths/a", "/nowhere"} {
			for _, method := range []string{"POST", "GET", "HEAD", "OPTIONS", "DELETE"} {
				r := h.request(method, target, `[{"path":"a","message":"b"}]`)
				all = append(all, r)
			}
		}
		return all
	}
	for _, r := range requests() {
		r.Host = "rebound.example:8004"
		if got := sayProblem(t, h.serve(r)); got != "403 host" {
			t.Errorf("%s %s: %s", r.Method, r.URL, got)
		}
	}
	for _, r := range requests() {
		r.Header.Set("Origin", "https://evil.example")
		if got := sayProblem(t, h.serve(r)); got != "403 cross_site" {
			t.Errorf("%s %s: %s", r.Method, r.URL, got)
		}
	}
	config := testConfig
	config.Guard.Tokens = []string{"right"}
	h.ingest.SetConfig(config)
	for _, r := range requests() {
		if got := sayProblem(t, h.serve(r)); got != "401 token" {
			t.Errorf("%s %s: %s", r.Method, r.URL, got)
		}
	}
	h.wantNothing("guarded")
	r := h.request("POST", "/update", `{"path":"a","message":1}`)
	r.Header.Set("Authorization", "Bearer right")
	h.want(h.serve(r), 200, `{"accepted":1}`)
}

func TestLimits(t *testing.T) {
	h := newHouse(t)
	fits := func(size int) string {
		frame := len(`{"path":"a","message":""}`)
		return `{"path":"a","message":"` + strings.Repeat("x", size-frame) + `"}`
	}
	config := testConfig
	config.MaxBody, config.MaxMessage = 100, 100
	h.ingest.SetConfig(config)
	h.want(h.post("/update", fits(100)), 200, `{"accepted":1}`)
	for _, target := range []string{"/", "/update", "/connect", "/kick"} {
		h.timeline.take()
		if got := sayProblem(t, h.post(target, fits(101))); got != "413 body_size" {
			t.Errorf("%s: %s", target, got)
		}
		r := h.request("POST", target, "\x1f\x8b")
		r.Header.Set("Content-Encoding", "gzip")
		if got := sayProblem(t, h.serve(r)); got != "415 coding" {
			t.Errorf("%s: %s", target, got)
		}
		h.wantNothing(target)
	}
}
