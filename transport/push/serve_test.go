package push

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

func TestCORS(t *testing.T) {
	const listed = "https://app.example"
	for _, test := range []struct {
		origins []string // "" for the default of every case: app.example, its subdomains' like, and a port
		origin  string
		host    string
		allow   string // Access-Control-Allow-Origin; "-" for refused
	}{
		{origin: "", allow: ""},
		{origin: listed, allow: listed},
		{origin: "https://APP.example", allow: "https://APP.example"},
		{origin: "http://app.example", allow: "-"},
		{origin: "https://app.example:8443", allow: "-"},
		{origin: "https://app.example.evil", allow: "-"},
		{origin: "https://evil-app.example", allow: "-"},
		{origin: "null", allow: "-"},
		{origin: "https://a.wild.example", allow: "https://a.wild.example"},
		{origin: "https://a.b.WILD.example", allow: "https://a.b.WILD.example"},
		{origin: "https://wild.example", allow: "-"},
		{origin: "https://.wild.example", allow: "-"},
		{origin: "https://evilwild.example", allow: "-"},
		{origin: "http://a.wild.example", allow: "-"},
		{origin: "https://a.wild.example:444", allow: "-"},
		{origin: "https://evil.test/.wild.example", allow: "-"},
		{origin: "https://evil.test:1.wild.example", allow: "-"},
		{origin: "https://user@x.wild.example", allow: "-"},
		{origin: "https://evil.test?.wild.example", allow: "-"},
		{origin: "https://evil.test#.wild.example", allow: "-"},
		{origin: "https://evil.test\\.wild.example", allow: "-"},
		{origin: "https://a-1.wild.example", allow: "https://a-1.wild.example"},
		{origin: "empty", allow: "-"},
		{origins: []string{"*"}, origin: "empty", allow: "*"},
		{origin: "https://a.port.example:8443", allow: "https://a.port.example:8443"},
		{origin: "https://a.port.example", allow: "-"},
		{origin: "https://push.example", host: "push.example", allow: ""},
		{origin: "https://push.example:8008", host: "push.example:8008", allow: ""},
		{origin: "https://push.example:8009", host: "push.example:8008", allow: "-"},
		{origins: []string{"*"}, origin: "https://anyone.example", allow: "*"},
		{origins: []string{"*"}, origin: "", allow: "*"},
		{origins: []string{"*"}, origin: "null", allow: "*"},
		{origins: []string{listed, "*"}, origin: listed, allow: "*"},
		{origins: []string{}, origin: listed, allow: "-"},
		{origins: []string{"null"}, origin: "null", allow: "null"},
	} {
		t.Run(fmt.Sprint(test.origins, test.origin, test.host), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				fields := []string{"X-Unused: 1"}
				if test.origin != "" {
					fields = append(fields, "Origin: "+strings.ReplaceAll(test.origin, "empty", ""))
				}
				if test.host != "" {
					fields = append(fields, "Host: "+test.host)
				}
				get, preflight := r.do("GET", "/", "", fields...), r.do("OPTIONS", "/", "", fields...)
				if test.allow == "-" {
					r.wantRefusal(get, http.StatusForbidden, "origin")
					r.wantRefusal(preflight, http.StatusForbidden, "origin")
					if get.header.Get("Access-Control-Allow-Origin") != "" {
						t.Error("a page that was refused can read why")
					}
					return
				}
				r.wantAnswer(get, "")
				for _, a := range []*answer{get, preflight} {
					if got := a.header.Get("Access-Control-Allow-Origin"); got != test.allow {
						t.Errorf("Access-Control-Allow-Origin: %q, want %q", got, test.allow)
					}
					if vary := a.header.Get("Vary"); (vary == "Origin") != (test.allow != "*") {
						t.Errorf("Vary: %q", vary)
					}
					if a.header.Get("Access-Control-Allow-Credentials") != "" {
						t.Error("credentials are allowed")
					}
				}
				if preflight.code != http.StatusNoContent {
					t.Errorf("preflight answered %d", preflight.code)
				}
				if methods := preflight.header.Get("Access-Control-Allow-Methods"); test.allow != "" && methods != "GET, POST, DELETE" {
					t.Errorf("Access-Control-Allow-Methods: %q", methods)
				}
			}, func(c *Config) {
				c.Origins = test.origins
				if test.origins == nil {
					c.Origins = []string{listed, "https://*.wild.example", "https://*.port.example:8443"}
				}
			})
		})
	}
}

func TestAddresses(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open()
		for _, test := range []struct {
			method, target string
			status         int
			reason, allow  string
		}{
			{"GET", "/favicon.ico", 404, "address", ""},
			{"GET", "/robots.txt", 404, "address", ""},
			{"GET", "/.well-known/security.txt", 404, "address", ""},
			{"POST", "/wp-login.php", 404, "address", ""},
			{"GET", "/readyz", 404, "address", ""},
			{"GET", "/metrics", 404, "address", ""},
			{"GET", "/metrics/", 404, "address", ""},
			{"GET", "/healthz/a", 404, "address", ""},
			{"POST", "/healthz", 404, "address", ""},
			{"GET", "/a/b/c/d", 404, "address", ""},
			{"GET", "/" + token + "/leave", 404, "address", ""},
			{"GET", "/comet/" + token, 404, "address", ""},
			{"POST", "/", 404, "address", ""},
			{"DELETE", "/", 404, "address", ""},
			{"POST", "/nobody", 404, "address", ""},
			{"POST", "/nobody/0/aaaaaaaaaaaaaaaaaaaaaa", 404, "unknown_token", ""},
			{"DELETE", "/nobody/0/aaaaaaaaaaaaaaaaaaaaaa", 404, "unknown_token", ""},
			{"POST", "/nobody/0/aaaaaaaaaaaaaaaaaaaaaa/leave", 404, "unknown_token", ""},
			{"POST", "/" + token[:len(token)-1] + "_", 404, "address", ""},
			{"POST", "/" + token[:len(token)-22] + "aaaaaaaaaaaaaaaaaaaaaa", 404, "unknown_token", ""},
			{"POST", "/" + token + "/dance", 404, "address", ""},
			{"DELETE", "/" + token + "/leave", 405, "method", "POST"},
			{"HEAD", "/", 405, "", "GET, POST, DELETE, OPTIONS"},
			{"PUT", "/" + token, 405, "method", "GET, POST, DELETE, OPTIONS"},
			{"PATCH", "/", 405, "method", "GET, POST, DELETE, OPTIONS"},
			{"GET", "/?path=%zz", 400, "query", ""},
			{"GET", "/?path=a;b", 400, "query", ""},
		} {
			a := r.do(test.method, test.target, "")
			if a.code != test.status || a.Reason != test.reason || a.header.Get("Allow") != test.allow {
				t.Errorf("%s %s: %d %s, Allow %q; want %d %s, Allow %q",
					test.method, test.target, a.code, a.Reason, a.header.Get("Allow"), test.status, test.reason, test.allow)
			}
		}
		if n := r.Sessions(); n != 1 {
			t.Errorf("%d sessions, want the one that was opened", n)
		}
		r.wantAnswer(r.do("GET", "/?_=1699999999", ""), "") // as jQuery adds it
	})
}

func TestOpenPaths(t *testing.T) {
	open := []dispatch.Pattern{"public/**", "news", "feed/*/now", "one/*", "::members/public/**"}
	for _, test := range []struct {
		query  string
		status int // with the entry that is wrong, and its reason
		entry  int
		reason string
		want   string
	}{
		{query: "", status: 200},
		{query: "?path=", status: 400, reason: "path"},
		{query: "?path=news", status: 200, want: `news=""`},
		{query: "?path=/news/", status: 200, want: `news=""`},
		{query: "?path=public/a&path=news&other=1", status: 200, want: `public/a="" news=""`},
		{query: "?path=public/*&path=public/a/**", status: 200, want: `public/*="" public/a/**=""`},
		{query: "?path=public/**", status: 200, want: `public/**=""`},
		{query: "?path=feed/x/now&path=feed/*/now", status: 200, want: `feed/x/now="" feed/*/now=""`},
		{query: "?path=public%2F%C3%A4%20b", status: 200, want: `public/ä b=""`},
		{query: "?path=::members/public/a", status: 200, want: `::members/public/a="" ::members/public/a={"here":[]}`},
		{query: "?path=public", status: 403, reason: "not_open"},
		{query: "?path=news&path=secret", status: 403, entry: 1, reason: "not_open"},
		{query: "?path=feed/**", status: 403, reason: "not_open"},
		{query: "?path=one/**", status: 403, reason: "not_open"},
		{query: "?path=*", status: 403, reason: "not_open"},
		{query: "?path=**", status: 403, reason: "not_open"},
		{query: "?path=news/**", status: 403, reason: "not_open"},
		{query: "?path=::kick", status: 403, reason: "not_open"},
		{query: "?path=::connect", status: 403, reason: "not_open"},
		{query: "?path=::to/x", status: 403, reason: "not_open"},
		{query: "?path=::members/secret", status: 403, reason: "not_open"},
		{query: "?path=public//a", status: 400, reason: "path"},
		{query: "?path=news&path=public/**/a", status: 400, entry: 1, reason: "path"},
		{query: "?path=public/%00", status: 400, reason: "path"},
		{query: "?path=public/%FF", status: 400, reason: "path"},
		{query: "?path=public/" + strings.Repeat("a", dispatch.MaxPath), status: 400, reason: "path"},
	} {
		t.Run(test.query, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				a := r.do("GET", "/"+test.query, "")
				if test.status == http.StatusOK {
					r.wantAnswer(a, test.want)
					return
				}
				r.wantRefusal(a, test.status, test.reason)
				if a.Entry == nil || *a.Entry != test.entry || a.Field != "path" {
					t.Errorf("entry %v, field %q, want %d, path", a.Entry, a.Field, test.entry)
				}
				if r.Sessions() != 0 {
					t.Error("a session was opened")
				}
			}, func(c *Config) { c.Open = open })
		})
	}
}

// A client that comes back with a token that is known no more is connected again, as it asks.
func TestOpenPathsReopened(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.wantAnswer(r.do("GET", "/nobody/0/aaaaaaaaaaaaaaaaaaaaaa?path=news", ""), `news=""`)
	}, func(c *Config) { c.Open = []dispatch.Pattern{"news"} })
}

// Too many paths are refused, and leave nothing behind.
func TestOpenPathsLimit(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.dispatcher.SetLimits(dispatch.Limits{Paths: 1})
		a := r.do("GET", "/?path=a&path=b", "")
		r.wantRefusal(a, http.StatusConflict, "too_many_paths")
		if components, patterns := r.dispatcher.Counts(); r.Sessions() != 0 || components != 0 || patterns != 0 {
			t.Errorf("left over: %d sessions, %d components, %d patterns", r.Sessions(), components, patterns)
		}
	}, func(c *Config) { c.Open = []dispatch.Pattern{"*"} })
}

func TestConnectItself(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open()
		for _, test := range []struct {
			action, body string
			status       int
			reason       string
		}{
			{"connect", `["news","news","public/*"]`, 200, ""},
			{"connect", `[]`, 200, ""},
			{"connect", ``, 400, "empty_body"},
			{"connect", `"news"`, 400, "bad_body"},
			{"connect", `["news",1]`, 400, "bad_body"},
			{"connect", `["news"`, 400, "bad_json"},
			{"connect", `["news"] x`, 400, "bad_json"},
			{"connect", `["news",""]`, 400, "path"},
			{"connect", `["public/a","secret"]`, 403, "not_open"},
			{"connect", `["::kick"]`, 403, "not_open"},
			{"connect", `["` + strings.Repeat("a", 5<<10) + `"]`, 413, "body_size"},
			{"disconnect", `["public/*"]`, 200, ""},
			{"disconnect", `["news/never"]`, 403, "not_open"},
		} {
			a := r.do("POST", "/"+token+"/"+test.action, test.body)
			if a.code != test.status || a.Reason != test.reason {
				t.Errorf("%s %.40s: %d %s %q, want %d %s", test.action, test.body, a.code, a.Reason, a.Detail, test.status, test.reason)
			}
		}
		r.wantAnswer(r.do("GET", "/"+token, ""), `news="" public/*="" ::+::disconnect="public/*"`)
	}, func(c *Config) { c.Open = []dispatch.Pattern{"public/**", "news"} })
}

func TestPublish(t *testing.T) {
	for _, test := range []struct {
		body      string
		status    int
		reason    string
		published string
	}{
		{`[{"path":"chat/1","message":"hi"}]`, 200, "", `chat/1="hi"`},
		{`{"path":"chat/1","message":{"a" : [1]}}`, 200, "", `chat/1={"a":[1]}`},
		{"{\"path\":\"chat/1\",\"message\":1}\n{\"path\":\"/chat/1/\",\"message\":2}", 200, "", `chat/1=1 chat/1=2`},
		{`[]`, 200, "", ""},
		{`[{"path":"chat/1","message":1},{"path":"chat/2","message":2}]`, 403, "not_permitted", ""},
		{`[{"path":"::kick","message":"x"}]`, 403, "not_permitted", ""},
		{`[{"path":"::to/x","message":"x"}]`, 403, "not_permitted", ""},
		{`[{"path":"/::kick/","message":"x"}]`, 403, "not_permitted", ""},
		{`[{"path":"chat/1","message":1,"latest":true}]`, 400, "bad_body", ""},
		{`[{"path":"chat/1","message":1,"except":"x"}]`, 400, "bad_body", ""},
		{`[{"path":"chat/1","message":1,"from":"x"}]`, 400, "bad_body", ""},
		{`[{"path":"chat/1","message":1},{"path":"chat/1"}]`, 400, "bad_body", ""},
		{`[{"path":"chat/*","message":1}]`, 400, "path", ""},
		{`[{"path":"","message":1}]`, 400, "path", ""},
		{`[{"path":"chat/1","message":1},{"path":"chat/1","message":nul}]`, 400, "bad_json", ""},
		{`[{"path":"chat/1","message":1}`, 400, "bad_json", ""},
		{`"chat/1"`, 400, "bad_body", ""},
		{``, 400, "empty_body", ""},
		{`[{"path":"chat/1","message":"` + strings.Repeat("x", 4<<10) + `"}]`, 413, "body_size", ""},
	} {
		t.Run(fmt.Sprintf("%.60s", test.body), func(t *testing.T) {
			inBubble(t, func(r *rig) {
				_, listener := r.open("**")
				id, token := r.open()
				r.apply(dispatch.Command(dispatch.PathPermit, id, "chat/1", 0), dispatch.Command(dispatch.PathPermit, id, "::kick", 0))
				a := r.do("POST", "/"+token, test.body)
				if a.code != test.status || a.Reason != test.reason {
					t.Errorf("answered %d %s %q, want %d %s", a.code, a.Reason, a.Detail, test.status, test.reason)
				}
				heard := r.do("GET", "/"+listener, "")
				r.wantAnswer(heard, test.published)
				for _, u := range heard.Updates {
					if u.From != id {
						t.Errorf("from %q, want %q", u.From, id)
					}
				}
				if n := int(r.stats.Published.Load()); n != len(heard.Updates) {
					t.Errorf("%d counted as published", n)
				}
			})
		})
	}
}

// FuzzPublishBody: whatever a client posts, the answer is a client's fault or none, and what is refused is not published.
func FuzzPublishBody(f *testing.F) {
	for _, body := range []string{
		``, `[]`, `{}`, `[{}]`, `[{"path":"chat/1","message":1}]`, `{"path":"chat/1","message":""}`, "{\"path\":\"chat/1\",\"message\":1}\n\n",
		`[{"path":"chat/1","message":1},{"path":"::kick","message":"x"}]`, `[{"path":"chat/**","message":[[[[]]]]}]`, `[{"path":"chat/\ud800","message":1}]`,
		`{"path":"chat/1","path":"chat/2","message":1}`, "\xef\xbb\xbf[]", `[{"path":"chat/1","message":1e999}]`,
	} {
		f.Add([]byte(body), uint8(0))
		f.Add([]byte(body), uint8(1))
	}
	r := newRig(f, func(c *Config) { c.Open, c.Expire = []dispatch.Pattern{"chat/*"}, 24*time.Hour })
	id, token := r.open()
	r.apply(dispatch.Command(dispatch.PathPermit, id, "chat/*", 0))
	heard := &listener{}
	r.apply(dispatch.Command(dispatch.PathConnect, r.controller.Register(heard), "**", 0))
	f.Fuzz(func(t *testing.T, body []byte, action uint8) {
		target := "/" + token + [...]string{"", "/connect", "/disconnect"}[action%3]
		before := heard.told
		recorder := httptest.NewRecorder()
		r.ServeHTTP(recorder, httptest.NewRequest("POST", target, strings.NewReader(string(body))))
		told := heard.told - before
		switch {
		case recorder.Code == http.StatusOK:
			if a := readAnswer(t, recorder.Code, nil, recorder.Body.Bytes()); action%3 == 0 && recorder.Body.String() != fmt.Sprintf("{\"accepted\":%d}\n", told) {
				t.Errorf("%d were told, the answer is %v %s", told, a, recorder.Body)
			}
		case recorder.Code < 400 || recorder.Code >= 500:
			t.Errorf("answered %d %s", recorder.Code, recorder.Body)
		case told != 0:
			t.Errorf("answered %d, and %d were told", recorder.Code, told)
		}
	})
}

// listener is a component that counts what it is told.
type listener struct{ told int }

func (l *listener) Update(dispatch.ID, dispatch.Path, *dispatch.Message) { l.told++ }
