package demo

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
)

func TestMayHear(t *testing.T) {
	for path, may := range map[string]bool{
		"demo/todo": true, "demo/ticks": true, "demo/hello": true, "demo/jobs/*": true, "demo/tree/**": true,
		"demo/jobs/report": false, "demo/tree/src/main.go": false, "demo/tree/src/*": false,
		"": false, "**": false, "*": false, "demo": false, "demo/*": false, "demo/**": false, "demo/jobs": false, "demo/jobs/": false,
		"demo/jobs/**": false, "demo/jobs/a/b": false, "demo/tree": false, "demo/tree/": false, "demo/todo/1": false, "Demo/todo": false,
		"*/todo": false, "orders/42": false, "::connect": false, "::members/demo/todo": false, "demo/../orders": false,
	} {
		if mayHear(path) != may {
			t.Errorf("mayHear(%q) = %v", path, !may)
		}
	}
}

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		want(t, request(a, "POST", "/connect/roots-x-1", `["demo/todo","demo/jobs/*"]`), http.StatusNoContent, "")
		want(t, request(a, "POST", "/disconnect/roots-x-1", `["demo/todo"]`), http.StatusNoContent, "")
		asked := []string{
			`/connect {"id":"roots-x-1","paths":["demo/todo","demo/jobs/*"]}`,
			`/disconnect {"id":"roots-x-1","paths":["demo/todo"]}`,
		}
		if !slices.Equal(in.asked, asked) {
			t.Errorf("ingest was asked %q; want %q", in.asked, asked)
		}
		if token := in.headers.Get("Authorization"); token != "Bearer secret" {
			t.Errorf("ingest was shown %q", token)
		}
	})
}

// TestConnectRefused has the client learn what it did wrong, and try again where it did nothing wrong.
func TestConnectRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		for status, answered := range map[int]int{400: 400, 404: 404, 409: 409, 401: 503, 403: 503, 500: 503, 503: 503} {
			in.set(func() { in.status = status })
			w := request(a, "POST", "/connect/an-id", `["demo/todo"]`)
			want(t, w, answered, map[bool]string{true: "as ingest says it", false: "try again"}[answered < 500])
		}
		in.set(func() { in.away = true })
		want(t, request(a, "POST", "/connect/an-id", `["demo/todo"]`), http.StatusServiceUnavailable, "try again")
	})
}
