package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		long := strings.Repeat(" ", maxBody) + "{}"
		for _, c := range []struct {
			method, address, body string
			status                int
			part                  string
		}{
			{"GET", "/nothing", "", 404, "nothing at this address"},
			{"GET", "/page.css/x", "", 404, "nothing at this address"},
			{"GET", "/todo/1", "", 404, "nothing at this address"},
			{"GET", "/demo.go", "", 404, "nothing at this address"},
			{"POST", "/", "{}", 405, "GET, HEAD"},
			{"POST", "/ticks", "{}", 405, "GET, HEAD"},
			{"PUT", "/todo", "{}", 405, "GET, HEAD, POST"},
			{"GET", "/connect/an-id", "", 405, "takes POST"},
			{"POST", "/todo", "", 400, "not what it should be"},
			{"POST", "/todo", "[]", 400, "not what it should be"},
			{"POST", "/todo", long, 413, "more than 4096 bytes"},
			{"POST", "/todo", `{"do":"paint"}`, 400, "add, tick, remove or reset"},
			{"POST", "/todo/1", `{"do":"reset"}`, 404, "nothing at this address"},
			{"POST", "/tree", `{"name":"/etc/passwd"}`, 404, "no file"},
			{"POST", "/connect/an-id", `["demo/todo","orders/42"]`, 403, `\"orders/42\" is not a path of the demo`},
			{"POST", "/connect/an-id", `[]`, 400, "has 0 paths"},
			{"POST", "/connect/an-id", `{"paths":["demo/todo"]}`, 400, "not what it should be"},
			{"POST", "/disconnect/an-id", `["**"]`, 403, "not a path of the demo"},
		} {
			w := request(a, c.method, c.address, c.body)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.part) {
				t.Errorf("%s %s %.40q: answered %d %s; want %d with %q", c.method, c.address, c.body, w.Code, w.Body, c.status, c.part)
			}
			if kind := w.Header().Get("Content-Type"); kind != "application/problem+json" {
				t.Errorf("%s %s: the answer is %s", c.method, c.address, kind)
			}
		}
		if len(in.asked) > 0 {
			t.Errorf("ingest was asked %q", in.asked)
		}
	})
}

func TestProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := running(t, t.Output())
		for _, address := range []string{"/todo", "/tree", "/connect/an-id", "/disconnect/an-id"} {
			for _, c := range []struct{ cookie, header string }{
				{"", ""}, {"", "x"}, {"csrftoken=x", ""}, {"csrftoken=x", "y"}, {"csrftoken=", ""}, {"other=x", "x"},
			} {
				r := httptest.NewRequest("POST", address, strings.NewReader(`["demo/todo"]`))
				r.Header.Set("Cookie", c.cookie)
				r.Header.Set("X-CSRFToken", c.header)
				if w := send(a, r); w.Code != http.StatusForbidden {
					t.Errorf("%s with cookie %q and header %q: answered %d %s", address, c.cookie, c.header, w.Code, w.Body)
				}
			}
		}
	})
}

// TestProofOfAnother has a cookie of the same name from another application on this host, which browsers send as well.
func TestProofOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := running(t, t.Output())
		r := httptest.NewRequest("POST", "/todo", strings.NewReader(`{"do":"reset"}`))
		r.Header.Set("Cookie", "csrftoken=ours; csrftoken=theirs")
		r.Header.Set("X-CSRFToken", "theirs")
		want(t, send(a, r), http.StatusNoContent, "")
	})
}

func TestCookie(t *testing.T) {
	a := New(Config{})
	given := func(cookie string) []*http.Cookie {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Cookie", cookie)
		return send(a, r).Result().Cookies()
	}
	first, second := given(""), given("csrftoken=short")
	if len(first) != 1 || len(second) != 1 || first[0].Value == second[0].Value {
		t.Fatalf("two visits are given %v and %v", first, second)
	}
	c := first[0]
	if c.Name != proofCookie || len(c.Value) != proofLength || c.SameSite != http.SameSiteStrictMode || c.Path != "" || c.HttpOnly {
		t.Errorf("the cookie is %v; scripts of the page alone have to read it", c)
	}
	if again := given("csrftoken=" + c.Value); len(again) != 0 {
		t.Errorf("a second tab of the visit is given %v", again)
	}
}

func TestBeforeRun(t *testing.T) {
	a := New(Config{})
	for _, address := range []string{"/todo", "/tree", "/connect/an-id", "/disconnect/an-id"} {
		body := map[bool]string{true: `["demo/todo"]`, false: `{"do":"reset","name":"Makefile"}`}[strings.Contains(address, "connect")]
		want(t, request(a, "POST", address, body), http.StatusServiceUnavailable, "not been started")
	}
	want(t, request(a, "GET", "/todo", ""), http.StatusOK, "Water the roots")
	want(t, request(a, "GET", "/about", ""), http.StatusOK, `{"ingest":"","token":false}`)
}

func TestAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := running(t, t.Output())
		want(t, request(a, "GET", "/about", ""), http.StatusOK, `{"ingest":"http://127.0.0.1:8004","token":true}`)
	})
}

func TestSlash(t *testing.T) {
	r := httptest.NewRequest("GET", "/comet/demo", nil)
	r.URL.Path = ""
	w := send(New(Config{}), r)
	want(t, w, http.StatusPermanentRedirect, "")
	if to := w.Header().Get("Location"); to != "demo/" {
		t.Errorf("it leads to %q; want an address that is relative", to)
	}
}
