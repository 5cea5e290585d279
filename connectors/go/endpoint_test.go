package rootsd

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// hearsOrders lets everyone hear two orders and who is at the first, and nobody anything else.
func hearsOrders(_ *http.Request, path string) bool {
	return path == "orders/1" || path == "orders/2" || path == "::members/orders/1"
}

func ask(e *Endpoint, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("X-CSRF-Token", "proof")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

func isProof(r *http.Request) bool { return r.Header.Get("X-CSRF-Token") == "proof" }

func TestEndpoint(t *testing.T) {
	many := func(n int) string { return `["orders/1"` + strings.Repeat(`,"orders/1"`, n-1) + `]` }
	large := func(size int) string { return `["orders/1"]` + strings.Repeat(" ", size-len(`["orders/1"]`)) }
	tests := []struct {
		name, method, target, body string
		status                     int
		paths                      []any // that rootsd is asked for
	}{
		{"good", "POST", "/server/connect/x", `["orders/1","orders/2"]`, 204, []any{"orders/1", "orders/2"}},
		{"at another place", "POST", "/a/b/connect/x", `["orders/1"]`, 204, []any{"orders/1"}},
		{"slashes at the ends", "POST", "/server/connect/x", `["//orders/1/"]`, 204, []any{"orders/1"}},
		{"members", "POST", "/server/connect/x", `["/::members/orders/1"]`, 204, []any{"::members/orders/1"}},
		{"members of what may not be heard", "POST", "/server/connect/x", `["::members/orders/3"]`, 403, nil},
		{"one bad path of two", "POST", "/server/connect/x", `["orders/1","orders/3"]`, 403, nil},
		{"a wider pattern", "POST", "/server/connect/x", `["orders/*"]`, 403, nil},
		{"a system path", "POST", "/server/connect/x", `["::connect"]`, 403, nil},
		{"a system path behind slashes", "POST", "/server/connect/x", `["//::connect"]`, 403, nil},
		{"a system path like members", "POST", "/server/connect/x", `["::membersorders/1"]`, 403, nil},
		{"another method", "GET", "/server/connect/x", ``, 405, nil},
		{"no ID", "POST", "/server/connect/", `["orders/1"]`, 404, nil},
		{"another address", "POST", "/server/permit/x", `["orders/1"]`, 404, nil},
		{"one more level", "POST", "/server/connect/x/y", `["orders/1"]`, 404, nil},
		{"no body", "POST", "/server/connect/x", ``, 400, nil},
		{"no JSON", "POST", "/server/connect/x", `orders/1`, 400, nil},
		{"null", "POST", "/server/connect/x", `null`, 400, nil},
		{"a text", "POST", "/server/connect/x", `"orders/1"`, 400, nil},
		{"an object", "POST", "/server/connect/x", `{"0":"orders/1"}`, 400, nil},
		{"no paths", "POST", "/server/connect/x", `[]`, 400, nil},
		{"a path that is none", "POST", "/server/connect/x", `["orders/1",null]`, 400, nil},
		{"a path that is a number", "POST", "/server/connect/x", `["orders/1",2]`, 400, nil},
		{"two bodies", "POST", "/server/connect/x", `["orders/1"]["orders/2"]`, 400, nil},
		{"many paths", "POST", "/server/connect/x", many(1000), 204, slices.Repeat([]any{"orders/1"}, 1000)},
		{"too many paths", "POST", "/server/connect/x", many(1001), 400, nil},
		{"a large body", "POST", "/server/connect/x", large(largestAsked), 204, []any{"orders/1"}},
		{"too large a body", "POST", "/server/connect/x", large(largestAsked + 1), 413, nil},
		{"disconnect", "POST", "/server/disconnect/x", `["/orders/3"]`, 204, []any{"orders/3"}},
		{"disconnect from a system path", "POST", "/server/disconnect/x", `["::gone"]`, 403, nil},
	}
	for _, test := range tests {
		c := New(Config{URL: "null:"})
		w := ask(&Endpoint{Connector: c, MayHear: hearsOrders, Proof: isProof}, test.method, test.target, test.body)
		if w.Code != test.status {
			t.Errorf("%s: answers %d (%s), want %d", test.name, w.Code, strings.TrimSpace(w.Body.String()), test.status)
		}
		var want []Sent
		if test.paths != nil {
			verb := strings.Split(test.target, "/")[len(strings.Split(test.target, "/"))-2]
			want = []Sent{{verb, map[string]any{"id": "x", "paths": test.paths}}}
		}
		if got := c.Sent(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: asks rootsd %.200v, want %.200v", test.name, got, want)
		}
		if allow := w.Header().Get("Allow"); (w.Code == 405) != (allow == "POST") {
			t.Errorf("%s: Allow is %q", test.name, allow)
		}
	}
}

func TestEndpointRefusesByDefault(t *testing.T) {
	refuses := func(*http.Request) bool { return false }
	endpoints := map[string]Endpoint{
		"no proof":     {MayHear: hearsOrders},
		"a bad proof":  {MayHear: hearsOrders, Proof: refuses},
		"no MayHear":   {Proof: isProof},
		"nothing":      {},
		"an empty one": {MayHear: hearsOrders, Proof: HeaderProof(func(*http.Request) string { return "" })},
	}
	for name, e := range endpoints {
		e.Connector = New(Config{URL: "null:"})
		for _, body := range []string{`["orders/1"]`, `["orders/3"]`} {
			if w := ask(&e, "POST", "/server/connect/x", body); w.Code != 403 || len(e.Connector.Sent()) != 0 {
				t.Errorf("%s: answers %d, and asks %v", name, w.Code, e.Connector.Sent())
			}
		}
	}
	e := endpoints["a bad proof"]
	if w := ask(&e, "POST", "/server/connect/x", "what is this?"); w.Code != 403 {
		t.Errorf("without a proof, it looks at the body, and answers %d", w.Code)
	}
}

func TestHeaderProof(t *testing.T) {
	tests := []struct {
		session, sent string
		want          bool
	}{
		{"abc", "abc", true}, {"abc", "abd", false}, {"abc", "ab", false}, {"abc", "", false},
		{"", "", false}, {"", "abc", false},
	}
	for _, test := range tests {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("X-CSRF-Token", test.sent)
		if got := HeaderProof(func(*http.Request) string { return test.session })(r); got != test.want {
			t.Errorf("%q where the session's is %q: %v", test.sent, test.session, got)
		}
	}
}

func TestEndpointWhereRootsdRefuses(t *testing.T) {
	tests := []struct {
		status int
		reason string
		want   int
	}{
		{400, "path", 400}, {409, "too_many_paths", 400}, {413, "body_size", 400},
		{401, "token", 502}, {403, "cross_site", 502}, {404, "unknown_id", 502}, {500, "internal", 502},
		{503, "draining", 502},
	}
	for _, test := range tests {
		problem := fmt.Sprintf(`{"status":%d,"reason":%q,"detail":"what is wrong"}`, test.status, test.reason)
		s := serve(t, says(test.status, problem))
		var told error
		e := &Endpoint{Connector: connect(t, Config{URL: s.URL}), MayHear: hearsOrders, Proof: isProof,
			OnError: func(_ *http.Request, err error) { told = err }}
		w := ask(e, "POST", "/server/connect/x", `["orders/1"]`)
		isTold := strings.Contains(w.Body.String(), "what is wrong")
		if w.Code != test.want || isTold != (test.want == 400) || (told == nil) != (test.want == 400) {
			t.Errorf("%s: answers %d %q, and OnError is told %v", test.reason, w.Code, w.Body, told)
		}
	}
}

// The page is not told where rootsd should be; the log is.
func TestEndpointWhileRootsdIsDown(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(before)
	address := free(t)
	e := &Endpoint{Connector: connect(t, Config{URL: "http://" + address}), MayHear: hearsOrders, Proof: isProof}
	w := ask(e, "POST", "/server/connect/x", `["orders/1"]`)
	if w.Code != 502 || strings.Contains(w.Body.String(), address) {
		t.Errorf("answers %d %q", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), address) {
		t.Errorf("logs %q", log.String())
	}
}
