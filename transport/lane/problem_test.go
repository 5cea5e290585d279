package lane

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rootsd/rootsd/dispatch"
)

// answer has a Handler serve what Serve returns, and gives back the answer, the log and the count of reasons.
func answer(t *testing.T, serve func(w http.ResponseWriter, r *http.Request) error) (*httptest.ResponseRecorder, string, map[string]uint64) {
	t.Helper()
	var log bytes.Buffer
	var refused Tally
	h := Handler{Serve: serve, Refused: &refused, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/a", nil))
	return w, log.String(), refused.Counts()
}

func TestHandlerAnswersProblem(t *testing.T) {
	w, log, counts := answer(t, func(http.ResponseWriter, *http.Request) error {
		p := Refuse(http.StatusConflict, "why", "id->p <%s>", "100%").AtEntry(0).AtField("f").AtOffset(0).With("Retry-After", "5")
		return fmt.Errorf("wrapped: %w", p)
	})
	const body = `{"title":"Conflict","status":409,"reason":"why","detail":"id->p <100%>","entry":0,"field":"f","offset":0}` + "\n"
	if w.Code != http.StatusConflict || w.Body.String() != body {
		t.Errorf("got %d %s, want 409 %s", w.Code, w.Body, body)
	}
	for key, want := range map[string]string{
		"Content-Type":           "application/problem+json",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"Content-Length":         fmt.Sprint(len(body)),
		"Retry-After":            "5",
	} {
		if got := w.Header().Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if log != "" || counts["why"] != 1 || len(counts) != 1 {
		t.Errorf("log %q, counts %v", log, counts)
	}
}

func TestHandlerHidesOtherErrors(t *testing.T) {
	w, log, counts := answer(t, func(http.ResponseWriter, *http.Request) error { return errors.New("secret path /etc") })
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log, "secret path /etc") || counts["internal"] != 1 {
		t.Errorf("log %q, counts %v", log, counts)
	}
}

func TestHandlerSaysNothingOfSuccess(t *testing.T) {
	w, log, counts := answer(t, func(w http.ResponseWriter, _ *http.Request) error {
		WriteAccepted(w, 1)
		return nil
	})
	if w.Code != 200 || log != "" || counts != nil {
		t.Errorf("got %d, log %q, counts %v", w.Code, log, counts)
	}
}

func TestHandlerLogsPanic(t *testing.T) {
	for _, tt := range []struct {
		value any
		want  string
	}{{"a bug", "a bug"}, {http.ErrAbortHandler, ""}} {
		var log bytes.Buffer
		h := Handler{Serve: func(http.ResponseWriter, *http.Request) error { panic(tt.value) }, Log: slog.New(slog.NewTextHandler(&log, nil))}
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler {
					t.Errorf("net/http is told of %v", v)
				}
			}()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}()
		if got := log.String(); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("logged %q", got)
		}
	}
}

// What may be a secret is not logged, wherever it stands; an ID is.
func TestLogged(t *testing.T) {
	const id, secret = "roots-0123456789abcdefghijkl-17", "abcdefghijklmnopqrstuv"
	for _, tt := range []struct{ path, at, detail string }{
		{"/update", "/update", `"/update"`},
		{"/" + id + "/7", "/" + id, `"/` + id + `/7"`},
		{"/" + id + "->a/b", "/" + id + "->a", `"/` + id + `->a/b"`},
		{"/" + id + "%2F0%2F" + secret, "/" + id + "%2F0%…", `"/` + id + `%2F0%…"`},
		{"/" + id + ";0;" + secret, "/" + id, `"/` + id + `;0;…"`},
		{"/" + id + "/0//" + secret, "/" + id, `"/` + id + `/0//…"`},
		{"/" + id + secret, "/…", `"/…"`},
		{"/" + id + "-" + secret, "/…", `"/…"`},
		{"/a/" + secret + "." + secret[:15], "/a", `"/a/….abcdefghijklmno"`},
		{"/" + secret, "/…", `"/…"`},
		{"/a\n" + secret, "/a\n…", `"/a\…"`},
		{"/" + strings.Repeat("x/", 36) + secret, "/x", `"/` + strings.Repeat("x/", 36) + `…"`}, // cut after 7 of its bytes
	} {
		r := &http.Request{URL: &url.URL{Path: tt.path}}
		if got := place(r); got != tt.at {
			t.Errorf("%q is at %q, want %q", tt.path, got, tt.at)
		}
		want := "there is nothing at " + tt.detail + "; id"
		if got := Logged(NotFound(tt.path, "id")).LogValue().String(); got != want {
			t.Errorf("of %q is said %s, want %s", tt.path, got, want)
		}
	}
}

func TestWriteJSON(t *testing.T) {
	w := httptest.NewRecorder()
	if err := WriteJSON(w, http.StatusAccepted, map[string]string{"a": "<&>"}); err != nil {
		t.Fatal(err)
	}
	if got := w.Body.String(); w.Code != 202 || got != "{\"a\":\"<&>\"}\n" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("got %d %q %v", w.Code, got, w.Header())
	}
	w = httptest.NewRecorder()
	if err := WriteJSON(w, 200, make(chan int)); err == nil || w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Errorf("a channel: error %v, body %q, header %v", err, w.Body, w.Header())
	}
}

func TestWriteAccepted(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		got, want := httptest.NewRecorder(), httptest.NewRecorder()
		WriteAccepted(got, n)
		if err := WriteJSON(want, 200, struct {
			Accepted int `json:"accepted"`
		}{n}); err != nil {
			t.Fatal(err)
		}
		if got.Body.String() != want.Body.String() || fmt.Sprint(got.Header()) != fmt.Sprint(want.Header()) {
			t.Errorf("got %v %s, want %v %s", got.Header(), got.Body, want.Header(), want.Body)
		}
	}
}

// unread is a ResponseWriter that notes the write deadline that it is given.
type unread struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (u *unread) SetWriteDeadline(at time.Time) error {
	u.deadline = at
	return nil
}

// Whoever does not read its answer cannot hold the connection for ever.
func TestAnswersHaveDeadline(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter){
		"problem":  func(w http.ResponseWriter) { Refuse(400, "a", "b").write(w) },
		"JSON":     func(w http.ResponseWriter) { _ = WriteJSON(w, 200, 1) },
		"accepted": func(w http.ResponseWriter) { WriteAccepted(w, 1) },
	} {
		w := &unread{ResponseRecorder: httptest.NewRecorder()}
		h := bound(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }), Bounds{Write: time.Minute})
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		if left := time.Until(w.deadline); left <= 0 || left > time.Minute {
			t.Errorf("%s: the deadline is in %v", name, left)
		}
	}
}

func TestDispatchProblem(t *testing.T) {
	at := func(err error) error { return &dispatch.UpdateError{Index: 3, Path: "::connect", Err: err} }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{dispatch.ErrUnknownID, "404 unknown_id"},
		{at(dispatch.ErrUnknownID), "404 unknown_id entry 3"},
		{at(dispatch.ErrNotPermitted), "403 not_permitted entry 3"},
		{at(dispatch.ErrReserved), "403 reserved entry 3"},
		{at(dispatch.ErrPaths), "409 too_many_paths entry 3"},
		{at(dispatch.ErrPermits), "409 too_many_permits entry 3"},
		{at(dispatch.ErrCommand), "400 command entry 3"},
		{at(dispatch.ErrKick), "400 command entry 3"},
		{at(dispatch.ErrNoCommand), "400 command entry 3"},
		{at(fmt.Errorf("more: %w", dispatch.ErrPathEmpty)), "400 command entry 3"},
	} {
		p := DispatchProblem(tt.err)
		if got := sayProblem(t, p); got != tt.want || p.Detail != tt.err.Error() {
			t.Errorf("got %s %q, want %s %q", got, p.Detail, tt.want, tt.err)
		}
	}
}

func TestJSONProblemKeepsProblem(t *testing.T) {
	p := Refuse(403, "x", "y")
	if got := JSONProblem(fmt.Errorf("wrapped: %w", p)); got != p {
		t.Errorf("got %v", got)
	}
	if got := sayProblem(t, JSONProblem(errors.New("other"))); got != "400 bad_body" {
		t.Errorf("got %s", got)
	}
}

func TestRequestProblems(t *testing.T) {
	r := httptest.NewRequest("PATCH", "/nowhere", nil)
	p := MethodNotAllowed(r, "GET, POST")
	if got := sayProblem(t, p); got != "405 method" || p.header.Get("Allow") != "GET, POST" {
		t.Errorf("got %s, header %v", got, p.header)
	}
	p = NotFound(r.URL.Path, "the hint")
	if got := sayProblem(t, p); got != "404 address" || p.Detail != `there is nothing at "/nowhere"; the hint` {
		t.Errorf("got %s, %s", got, p.Detail)
	}
}

func TestQuote(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", `""`},
		{"a\n\"b\"", `"a\n\"b\""`},
		{strings.Repeat("x", 80), `"` + strings.Repeat("x", 80) + `"`},
		{strings.Repeat("x", 81), `"` + strings.Repeat("x", 80) + `…"`},
		{strings.Repeat("x", 79) + "üü", `"` + strings.Repeat("x", 79) + `…"`},
		{strings.Repeat("\x80", 100), `"` + strings.Repeat(`\x80`, 76) + `…"`},
	} {
		if got := Quote(tt.text); got != tt.want {
			t.Errorf("Quote(%q) = %s, want %s", tt.text, got, tt.want)
		}
	}
	if got := clip(strings.Repeat("😀", 100)); !utf8.ValidString(got) {
		t.Errorf("cut within a character: %q", got)
	}
}

func TestProblemIsAnError(t *testing.T) {
	text, err := json.Marshal(Refuse(404, "a", "100% b"))
	if want := `{"title":"Not Found","status":404,"reason":"a","detail":"100% b"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}
