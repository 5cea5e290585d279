package ingest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testConfig = Config{MaxBody: 64 << 10, MaxMessage: 1000, MaxWait: time.Minute, BodyTime: 10 * time.Second}

// house is an Ingest with what stands around it, and a record of all that happens on the timeline.
type house struct {
	t          testing.TB
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	ingest     *Ingest
	timeline   recorder
	unrecord   func() // ends the record
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, controller: dispatch.NewController("test")}
	h.dispatcher = dispatch.NewDispatcher(h.controller)
	h.unrecord = h.controller.Delegate(&h.timeline)
	h.ingest = New(testConfig, h.controller, h.dispatcher, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		h.ingest.Close()
		h.dispatcher.Close()
	})
	return h
}

// client registers a component that is told of things and notes them.
func (h *house) client() (dispatch.ID, *recorder) {
	h.t.Helper()
	c := &recorder{}
	return h.controller.Register(c), c
}

// connected is a client that is connected to patterns; the confirmations are forgotten.
func (h *house) connected(patterns ...dispatch.Pattern) (dispatch.ID, *recorder) {
	h.t.Helper()
	id, c := h.client()
	for _, p := range patterns {
		if err := h.dispatcher.Apply("", dispatch.Command(dispatch.PathConnect, id, p, 0)); err != nil {
			h.t.Fatal(err)
		}
	}
	c.take()
	h.timeline.take()
	return id, c
}

// do has the Ingest serve a request of a back-end on this machine.
func (h *house) do(method, target, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.serve(h.request(method, target, body))
}

func (h *house) request(method, target, body string) *http.Request {
	return httptest.NewRequest(method, "http://localhost:8004"+target, strings.NewReader(body))
}

func (h *house) serve(r *http.Request) *httptest.ResponseRecorder {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.ingest.ServeHTTP(w, r)
	return w
}

func (h *house) post(target, body string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.do(http.MethodPost, target, body)
}

// want checks an answer's status and body, apart from the newline at its end.
func (h *house) want(w *httptest.ResponseRecorder, status int, body string) {
	h.t.Helper()
	if got := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != status || got != body {
		h.t.Errorf("got %d %s, want %d %s", w.Code, got, status, body)
	}
}

// wantNothing checks that nothing happened on the timeline.
func (h *house) wantNothing(what string) {
	h.t.Helper()
	if got := h.timeline.take(); got != "" {
		h.t.Errorf("%s: this happened: %s", what, got)
	}
}

// sayProblem writes what a program sees of a refusal, as "400 bad_body entry 1 field path offset 12".
func sayProblem(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p struct {
		Title, Reason, Detail, Field string
		Status                       int
		Entry, Offset                *int
	}
	decoder := json.NewDecoder(strings.NewReader(w.Body.String()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Errorf("%d %q is no problem: %v", w.Code, w.Body, err)
	}
	if p.Status != w.Code || p.Title != http.StatusText(w.Code) || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	said := fmt.Sprintf("%d %s", p.Status, p.Reason)
	if p.Entry != nil {
		said += fmt.Sprintf(" entry %d", *p.Entry)
	}
	if p.Field != "" {
		said += " field " + p.Field
	}
	if p.Offset != nil {
		said += fmt.Sprintf(" offset %d", *p.Offset)
	}
	return said
}

// recorder is a component that writes down what it is told, and counts receipts as a session would.
type recorder struct {
	mu       sync.Mutex // guards what follows
	told     []string
	receipts []*dispatch.Receipt
}

func (r *recorder) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, string(path)+" "+msg.JSON())
	r.receipts = append(r.receipts, msg.Receipt())
}

// MarshalJSON describes the component as a session describes itself.
func (r *recorder) MarshalJSON() ([]byte, error) { return []byte(`{"kind":"recorder"}`), nil }

// take returns what was told since the last time, one a line.
func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := strings.Join(r.told, "\n")
	r.told, r.receipts = nil, nil
	return told
}

// keeper is a recorder that is a session as far as receipts go: it counts itself among those that matched.
type keeper struct{ recorder }

func (k *keeper) Update(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	if receipt := msg.Receipt(); receipt != nil {
		receipt.Match()
	}
	k.recorder.Update(sender, path, msg)
}

// kept returns the receipts of what it was told.
func (k *keeper) kept() []*dispatch.Receipt {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.receipts)
}
