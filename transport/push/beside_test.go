package push

import (
	"fmt"
	"net/http"
	"testing"
)

// TestBeside mounts something that is quick and something that is not: both are served, on the prefix as well, and clients
// hear as before.
func TestBeside(t *testing.T) {
	inBubble(t, func(r *rig) {
		say := func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"detail":"%s %s"}`, r.Method, r.URL.Path)
		}
		r.Mount("quick.js", Beside{http.HandlerFunc(say), true})
		r.Mount("slow", Beside{http.HandlerFunc(say), false})
		for _, test := range []struct{ method, path string }{
			{"GET", "/quick.js"}, {"POST", "/quick.js"}, {"GET", "/slow"}, {"GET", "/slow/a/b/c/d"}, {"DELETE", "/slow/a"},
		} {
			got := r.do(test.method, test.path, "")
			if want := test.method + " " + test.path; got.code != http.StatusOK || got.Detail != want {
				t.Errorf("%s is answered %d %q", want, got.code, got.Detail)
			}
		}
		r.wantRefusal(r.do("GET", "/quick.jsx", ""), http.StatusNotFound, "address")
		r.wantAnswer(r.do("GET", "/slower", ""), "")
	})
}
