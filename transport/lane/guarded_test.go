package lane

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestGuarded(t *testing.T) {
	passed := 0
	g := NewGuarded(Guard{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		passed++
		w.WriteHeader(http.StatusTeapot)
	}), discard)
	status := func(r *http.Request) int {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w.Code
	}
	if got := status(request("localhost")); got != http.StatusTeapot || passed != 1 {
		t.Errorf("got %d, %d passed", got, passed)
	}
	if got := status(request("evil.example")); got != http.StatusForbidden || passed != 1 {
		t.Errorf("got %d, %d passed", got, passed)
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, request("localhost"))
	for key, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin",
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
	} {
		if got := w.Header().Get(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	g.SetGuard(Guard{Tokens: []string{"right"}})
	if got := status(request("localhost")); got != http.StatusUnauthorized || passed != 2 {
		t.Errorf("got %d, %d passed", got, passed)
	}
	if got := status(request("evil.example", "Authorization: Bearer right")); got != http.StatusTeapot || passed != 3 {
		t.Errorf("got %d, %d passed", got, passed)
	}
	if got := g.Refused().Counts(); got["host"] != 1 || got["token"] != 1 || len(got) != 2 {
		t.Errorf("counted %v", got)
	}
}
