package dashboard

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a Dashboard with what stands around it.
type house struct {
	t          *testing.T
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	live       *dispatch.Controller
	dashboard  *Dashboard
	viewed     atomic.Bool
	gathered   atomic.Int64
}

func newHouse(t *testing.T, events int) *house {
	t.Helper()
	h := &house{t: t, controller: dispatch.NewController("test"), live: dispatch.NewController("live")}
	h.dispatcher = dispatch.NewDispatcher(h.controller)
	h.dashboard = New(Config{
		About: func() About {
			return About{"roots", "1.0", time.Unix(0, 0).UTC(), 7, []Component{{"ingest", Receiver, "http://x", "takes updates", false, "ingest.listen"}}}
		},
		NameOf: func(id dispatch.ID) string { return map[dispatch.ID]string{h.controller.ID(): "rootsd"}[id] },
		Events: events,
		Values: func() map[string]float64 { return map[string]float64{"n": float64(h.gathered.Add(1))} },
		Live:   h.live,
		Viewed: h.viewed.Load,
	}, h.dispatcher, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		h.dashboard.Close()
		h.dispatcher.Close()
	})
	return h
}

func (h *house) client() dispatch.ID { return h.controller.Register(deaf{}) }

// deaf is a component that does nothing.
type deaf struct{}

func (deaf) Update(dispatch.ID, dispatch.Path, *dispatch.Message) {}

func (h *house) apply(sender dispatch.ID, updates ...dispatch.Update) {
	h.t.Helper()
	if err := h.dispatcher.Apply(sender, updates...); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) do(method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.dashboard.ServeHTTP(w, httptest.NewRequestWithContext(h.t.Context(), method, target, nil))
	return w
}

func (h *house) want(target string, status int, want string) {
	h.t.Helper()
	w := h.do("GET", target)
	if got := strings.TrimSpace(w.Body.String()); w.Code != status || got != want {
		h.t.Errorf("%s: %d\ngot  %s\nwant %s", target, w.Code, got, want)
	}
}

func TestAbout(t *testing.T) {
	newHouse(t, 0).want("/dashboard/about", 200, `{"name":"roots","version":"1.0","started":"1970-01-01T00:00:00Z","pid":7,`+
		`"components":[{"name":"ingest","side":"receiver","listens":"http://x","about":"takes updates","off":false,"setting":"ingest.listen"}]}`)
}

func TestPaths(t *testing.T) {
	h := newHouse(t, 0)
	id := h.client()
	for _, pattern := range []dispatch.Pattern{"orders/42", "orders/42/lines", "orders/**", "a \"b\"", "::members/orders/42"} {
		h.apply("", dispatch.Command(dispatch.PathConnect, id, pattern, 0))
	}
	for target, want := range map[string]string{
		"": `{"under":"","children":[{"segment":"orders","path":"orders","connected":0,"below":3},` +
			`{"segment":"::members","path":"::members","connected":0,"below":1},{"segment":"a \"b\"","path":"a \"b\"","connected":1,"below":0}],"more":0,"paths":5}`,
		"?under=/orders/&limit=1": `{"under":"orders","children":[{"segment":"42","path":"orders/42","connected":1,"below":1}],"more":1,"paths":5}`,
		"?under=orders/**":        `{"under":"orders/**","children":[],"more":0,"paths":5}`,
		"?limit=0&under=":         `{"under":"","children":[],"more":3,"paths":5}`,
	} {
		h.want("/dashboard/paths"+target, 200, want)
	}
}

func TestRefusals(t *testing.T) {
	h := newHouse(t, 0)
	for _, test := range []struct {
		method, target string
		status         int
		reason         string
	}{
		{"GET", "/dashboard/paths?under=a//b", 400, "path"},
		{"GET", "/dashboard/paths?under=a/**/b", 400, "path"},
		{"GET", "/dashboard/paths?under=%00", 400, "path"},
		{"GET", "/dashboard/paths?limit=1001", 400, "limit"},
		{"GET", "/dashboard/paths?limit=x", 400, "limit"},
		{"GET", "/dashboard/events?limit=-1", 400, "limit"},
		{"GET", "/dashboard/events?limit=10001", 400, "limit"},
		{"POST", "/dashboard/about", 405, "method"},
		{"GET", "/dashboard/nothing", 404, "address"},
	} {
		w := h.do(test.method, test.target)
		if w.Code != test.status || !strings.Contains(w.Body.String(), `"reason":"`+test.reason+`"`) {
			t.Errorf("%s %s: %d %s", test.method, test.target, w.Code, w.Body)
		}
	}
	if got := fmt.Sprint(h.dashboard.Refused().Counts()); got != "map[address:1 limit:4 method:1 path:3]" {
		t.Errorf("refused: %s", got)
	}
}

// heard is a component on the live timeline that keeps what it is told.
type heard struct{ stats []stats }

func (h *heard) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	var s stats
	if path == PathStats && json.Unmarshal([]byte(msg.JSON()), &s) == nil {
		h.stats = append(h.stats, s)
	}
}

func TestNumbersWhileSomebodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, 0)
		var told heard
		remove := h.live.Delegate(&told)
		began := time.Now().UnixMilli()
		for _, viewed := range []bool{false, true, true, false, true} {
			h.viewed.Store(viewed)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		h.dashboard.Close()
		time.Sleep(time.Minute)
		remove()
		want := []stats{{began + 2000, map[string]float64{"n": 1}}, {began + 3000, map[string]float64{"n": 2}}, {began + 5000, map[string]float64{"n": 3}}}
		if fmt.Sprint(told.stats) != fmt.Sprint(want) || h.gathered.Load() != 3 {
			t.Errorf("got %v, want %v; gathered %d times", told.stats, want, h.gathered.Load())
		}
	})
}
