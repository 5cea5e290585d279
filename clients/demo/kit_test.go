package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// heard is an update as the stand-in for ingest was told it.
type heard struct {
	Path    string          `json:"path"`
	Message json.RawMessage `json:"message"`
	Latest  bool            `json:"latest"`
}

// standIn takes the place of ingest, as an http.RoundTripper.
type standIn struct {
	mu       sync.Mutex // guards what follows
	away     bool       // requests fail
	viewers  int
	status   int // of the answers to connect and disconnect; 0: 200
	requests int
	headers  http.Header // of the last request
	updates  []heard
	asked    []string // address and body of connects and disconnects
}

func (s *standIn) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.headers = r.Header
	if s.away {
		return nil, errors.New("connection refused")
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	status, text := s.answer(r, body)
	recorder := httptest.NewRecorder()
	recorder.WriteHeader(status)
	_, _ = io.WriteString(recorder, text)
	return recorder.Result(), nil
}

func (s *standIn) answer(r *http.Request, body []byte) (int, string) {
	switch r.Method + " " + r.URL.Path {
	case "POST /update":
		var batch []heard
		if err := json.Unmarshal(body, &batch); err != nil {
			return http.StatusBadRequest, err.Error()
		}
		s.updates = append(s.updates, batch...)
		return http.StatusOK, `{"accepted":1}`
	case "GET /paths/demo/ticks":
		return http.StatusOK, fmt.Sprintf(`{"path":"demo/ticks","matched":%d,"audience":[]}`, s.viewers)
	case "POST /connect", "POST /disconnect":
		s.asked = append(s.asked, r.URL.Path+" "+string(body))
		if s.status != 0 {
			return s.status, `{"detail":"as ingest says it"}`
		}
		return http.StatusOK, "{}"
	}
	return http.StatusNotFound, "not asked for by the demo: " + r.Method + " " + r.URL.Path
}

func (s *standIn) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// said returns what was told at path since the last call, in JSON, and forgets the rest.
func (s *standIn) said(path string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var messages []string
	for _, u := range s.updates {
		if u.Path == path {
			messages = append(messages, string(u.Message))
		}
	}
	s.updates = nil
	return messages
}

// running returns a demo that runs on a stand-in until the test of this bubble ends.
func running(t *testing.T, log io.Writer) (*App, *standIn) {
	t.Helper()
	in := new(standIn)
	a := New(Config{Transport: in, Token: func() string { return "secret" }, Log: slog.New(slog.NewTextHandler(log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.Run(ctx, "http://127.0.0.1:8004/") }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return a, in
}

// request sends what the page would.
func request(a *App, method, address, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost"+address, strings.NewReader(body))
	r.Header.Set("Cookie", "csrftoken=of-this-visit")
	r.Header.Set("X-CSRFToken", "of-this-visit")
	return send(a, r)
}

func send(a *App, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

// want checks the status of an answer, and that its body has a text in it.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, part string) {
	t.Helper()
	if w.Code != status || !strings.Contains(w.Body.String(), part) {
		t.Errorf("answered %d %s; want %d with %q in it", w.Code, w.Body, status, part)
	}
}
