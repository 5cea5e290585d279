package ingest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

func TestClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		config := testConfig
		config.NameOf = func(id dispatch.ID) string { return map[dispatch.ID]string{h.ingest.id: "ingest"}[id] }
		h.ingest.SetConfig(config)
		id, _ := h.client()
		h.want(h.do("GET", "/clients/"+string(id), ""), 200,
			fmt.Sprintf(`{"id":"%s","connected":[],"permits":[],"session":{"kind":"recorder"}}`, id))
		h.post("/connect", `{"id":"`+string(id)+`","paths":["b/*","a & <b>"]}`)
		h.post("/connect", `{"id":"`+string(id)+`","paths":["c"],"for":"1h"}`)
		h.post("/permit", `{"id":"`+string(id)+`","paths":["p"],"for":"90s"}`)
		for sender, path := range map[dispatch.ID]dispatch.Pattern{id: "d", "": "e"} {
			if err := h.dispatcher.Apply(sender, dispatch.Command(dispatch.PathConnect, id, path, 0)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		h.want(h.do("GET", "/clients/"+string(id)+"?x=y", ""), 200, fmt.Sprintf(`{"id":"%s","connected":[`+
			`{"path":"a & <b>","since":"2000-01-01T00:00:00Z","by":"ingest"},{"path":"b/*","since":"2000-01-01T00:00:00Z","by":"ingest"},`+
			`{"path":"c","since":"2000-01-01T00:00:00Z","by":"ingest","lapses_in":"59m50s"},`+
			`{"path":"d","since":"2000-01-01T00:00:00Z","by":"itself"},{"path":"e","since":"2000-01-01T00:00:00Z","by":"another"}],`+
			`"permits":[{"path":"p","lapses_in":"1m20s"}],"session":{"kind":"recorder"}}`, id))
		// A component that has nothing to say of itself.
		h.want(h.do("GET", "/clients/"+string(h.ingest.id), ""), 200, fmt.Sprintf(`{"id":"%s","connected":[],"permits":[]}`, h.ingest.id))
	})
}

func TestClientUnknown(t *testing.T) {
	h := newHouse(t)
	id, _ := h.client()
	h.controller.Unregister(id)
	for _, target := range []string{"/clients/" + string(id), "/clients/nobody", "/clients/", "/clients/a/b", "/clients/%00", "/clients/%ff", "/clients/..", "/clients/" + strings.Repeat("x", 5000)} {
		w := h.do("GET", target, "")
		if got := sayProblem(t, w); got != "404 unknown_id field id" || w.Body.Len() > 500 {
			t.Errorf("%s: got %s: %s", target, got, w.Body)
		}
	}
}

func TestPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		id, _ := h.connected("a/b", "a/*", "ü b")
		listener := fmt.Sprintf(`{"id":"%s","since":"2000-01-01T00:00:00Z","by":"another","session":{"kind":"recorder"}}`, id)
		full := `{"path":"a/b","matched":1,"audience":[{"pattern":"a/b","connected":1,"clients":[` + listener +
			`]},{"pattern":"a/*","connected":1,"clients":[` + listener + `]}]}`
		for _, tt := range []struct{ target, want string }{
			{"/paths/a/b", full},
			{"/paths/a%2Fb", full},
			{"/paths//a/b/", full},
			{"/paths/%61/b?limit=10000", full},
			{"/paths/a/b?limit=", full},
			{"/paths/a/b?limit=0", `{"path":"a/b","matched":1,"audience":[{"pattern":"a/b","connected":1,"clients":[]},{"pattern":"a/*","connected":1,"clients":[]}]}`},
			{"/paths/%C3%BC%20b", `{"path":"ü b","matched":1,"audience":[{"pattern":"ü b","connected":1,"clients":[` + listener + `]}]}`},
			{"/paths/nobody/here", `{"path":"nobody/here","matched":0,"audience":[]}`},
			{"/paths/::connect", `{"path":"::connect","matched":0,"audience":[]}`},
		} {
			h.want(h.do("GET", tt.target, ""), 200, tt.want)
		}
	})
}

func TestPathNamesSome(t *testing.T) {
	h := newHouse(t)
	for range someNamed + 5 {
		h.connected("a")
	}
	for _, tt := range []struct {
		query string
		named int
	}{{"", someNamed}, {"?limit=3", 3}, {"?limit=1000", someNamed + 5}} {
		w := h.do("GET", "/paths/a"+tt.query, "")
		if got := strings.Count(w.Body.String(), `"since"`); got != tt.named || !strings.Contains(w.Body.String(), `"matched":105,`) {
			t.Errorf("%q: %d named, want %d, in %.100s", tt.query, got, tt.named, w.Body)
		}
	}
}

func TestPathRefuses(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct{ target, want string }{
		{"/paths/", "400 path field path"},
		{"/paths/%2F", "400 path field path"},
		{"/paths/a//b", "400 path field path"},
		{"/paths/a/*", "400 path field path"},
		{"/paths/%ff", "400 path field path"},
		{"/paths/a%0Ab", "400 path field path"},
		{"/paths/" + strings.Repeat("x", dispatch.MaxPath+1), "400 path field path"},
		{"/paths/a?limit=x", "400 limit field limit"},
		{"/paths/a?limit=-1", "400 limit field limit"},
		{"/paths/a?limit=10001", "400 limit field limit"},
		{"/paths/a?limit=1e3", "400 limit field limit"},
		{"/paths/a?limit=99999999999999999999", "400 limit field limit"},
		{"/paths/a?limit=%201", "400 limit field limit"},
		{"/paths/a?limit=" + strings.Repeat("1", 3000), "400 limit field limit"},
	} {
		w := h.do("GET", tt.target, "")
		if got := sayProblem(t, w); got != tt.want || w.Body.Len() > 500 {
			t.Errorf("%s: got %s, want %s: %s", tt.target, got, tt.want, w.Body)
		}
	}
}
