package push

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// held is a POST of which all but the last byte was sent.
type held struct {
	*call
	conn net.Conn
	last []byte
}

// hold begins a POST to each of targets.
func (r *rig) hold(body string, targets ...string) []*held {
	r.Helper()
	all := make([]*held, len(targets))
	for i, target := range targets {
		text := requestText(r, "POST", target, strings.NewReader(body), []string{by(fmt.Sprintf("203.0.113.%d", i%2))})
		h := &held{&call{rig: r, done: make(chan struct{})}, r.dial(), text[len(text)-1:]}
		go func() {
			defer close(h.done)
			defer h.conn.Close()
			h.err = h.exchange(h.conn, "POST", text[:len(text)-1])
		}()
		all[i] = h
	}
	synctest.Wait()
	return all
}

// let sends what was held back, of all at once, and returns how many are answered 200.
func let(all []*held) (taken int) {
	for _, h := range all {
		go func() { _, _ = h.conn.Write(h.last) }()
	}
	for _, h := range all {
		if h.answer().code == http.StatusOK {
			taken++
		}
	}
	return taken
}

// Requests that were let in at the same time, and whose bodies come later, are no way around a rate.
func TestRatesAmongManyBodies(t *testing.T) {
	tests := []struct {
		name   string
		one    bool // client, in all of them
		want   int  // of 20 bodies with 40 updates each
		bounds Bounds
	}{
		{"publish_rate", true, 3, Bounds{PublishRate: 100}},
		{"address_publish_rate", false, 6, Bounds{AddressPublishRate: 100}}, // they are of two
		{"total_publish_rate", false, 3, Bounds{TotalPublishRate: 100}},
	}
	for _, tt := range tests {
		tt.bounds.Proxies = loopback
		for action, body := range map[string]string{
			"":            strings.Repeat(`{"path":"news/a","message":1}`, 40),
			"/connect":    openPaths(40),
			"/disconnect": openPaths(40),
		} {
			t.Run(tt.name+action, func(t *testing.T) {
				inBubble(t, func(r *rig) {
					var targets []string
					for i := range 20 {
						a := r.do("GET", "/", "", by(fmt.Sprintf("203.0.113.%d", i%2)))
						r.permit(a.id(), "news/**")
						targets = append(targets, "/"+a.ReconnectWith+action)
					}
					if tt.one {
						targets = slices.Repeat(targets[:1], 20)
					}
					if taken := let(r.hold(body, targets...)); taken != tt.want {
						t.Errorf("%d bodies are taken, want %d", taken, tt.want)
					}
					if n := r.stats.Published.Load(); action == "" && n != uint64(40*tt.want) {
						t.Errorf("%d updates are published", n)
					}
				}, func(c *Config) {
					c.Bounds, c.Open = tt.bounds, append(c.Open, "public/**")
				})
			})
		}
	}
}

// openPaths is a body with n paths.
func openPaths(n int) string {
	paths := make([]string, n)
	for i := range paths {
		paths[i] = fmt.Sprintf("public/%d/*", i)
	}
	body, _ := json.Marshal(paths)
	return string(body)
}

// What a body costs is counted from when it is there: a slow one has earned nothing meanwhile.
func TestSlowBodyEarnsNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open()
		r.permit(id, "news/**")
		slow := r.hold(strings.Repeat(`{"path":"news/a","message":1}`, 30), "/"+token)
		time.Sleep(5 * time.Second)
		if let(slow) != 1 {
			t.Error("a slow body is refused")
		}
		a := r.do("POST", "/"+token, `{"path":"news/a","message":1}`)
		r.wantRefusal(a, http.StatusTooManyRequests, "publish_rate")
		if after := a.header.Get("Retry-After"); after != "3" {
			t.Errorf("Retry-After: %s, want 3", after)
		}
	}, func(c *Config) { c.Bounds.PublishRate = 10 })
}

// What strangers are refused costs them and their address, and nobody else.
func TestRefusalsCostNobodyElse(t *testing.T) {
	for action, body := range map[string]string{
		"": `{"path":"secret","message":1}`, "/": "{", "/connect": `["secret"]`, "/disconnect": `[`,
	} {
		inBubble(t, func(r *rig) {
			a := r.do("GET", "/", "", by("203.0.113.1"))
			r.permit(a.id(), "news/**")
			neighbour := r.do("GET", "/", "", by("203.0.113.2")).ReconnectWith
			stranger := "/" + r.do("GET", "/", "", by("203.0.113.2")).ReconnectWith
			for i := range 5 {
				answer := r.do("POST", stranger+strings.TrimSuffix(action, "/"), body)
				if refused := answer.code == http.StatusTooManyRequests; refused != (i >= 3) {
					t.Errorf("%d refusals of %s: %d %s", i, body, answer.code, answer.Reason)
				}
			}
			for range 2 {
				r.wantRefusal(r.do("POST", "/"+neighbour, "{"), http.StatusBadRequest, "bad_json")
			}
			r.wantRefusal(r.do("POST", "/"+neighbour, "{"), http.StatusTooManyRequests, "address_publish_rate")
			for range 2 {
				if a := r.do("POST", "/"+a.ReconnectWith, `{"path":"news/a","message":1}`); a.code != http.StatusOK {
					t.Errorf("after refusals of %s, another client is refused: %s", body, a.Detail)
				}
			}
		}, func(c *Config) {
			c.Bounds = Bounds{PublishRate: 3, AddressPublishRate: 5, TotalPublishRate: 2, Proxies: loopback}
		})
	}
}

// A client that connects itself says something with each path, and one command may have more than are left.
func TestConnectsAreCounted(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open()
		post := func(action, body string) *answer { return r.do("POST", "/"+token+"/"+action, body) }
		accepts := func(a *answer) {
			r.Helper()
			if a.code != http.StatusOK {
				r.Errorf("answered %d %s", a.code, a.Detail)
			}
		}
		refuses := func(a *answer, after string) {
			r.Helper()
			r.wantRefusal(a, http.StatusTooManyRequests, "publish_rate")
			if got := a.header.Get("Retry-After"); got != after {
				r.Errorf("Retry-After: %s, want %s", got, after)
			}
		}
		accepts(post("connect", openPaths(100)))
		refuses(post("connect", `["public/a"]`), "10")
		refuses(post("disconnect", `["public/1/*"]`), "10")
		refuses(r.do("POST", "/"+token, "{"), "10")
		time.Sleep(10 * time.Second)
		for range 9 {
			accepts(post("disconnect", `["public/1/*","public/1/*"]`)) // which is one
		}
		accepts(post("connect", `[]`))
		refuses(post("disconnect", `[]`), "1")
		// What cannot be done costs one, however many it names.
		time.Sleep(10 * time.Second)
		r.dispatcher.SetLimits(dispatch.Limits{Paths: 1})
		for range 10 {
			r.wantRefusal(post("connect", openPaths(9)), http.StatusConflict, "too_many_paths")
		}
		refuses(post("connect", openPaths(9)), "1")
	}, func(c *Config) { c.Bounds.PublishRate, c.Open = 10, append(c.Open, "public/**") })
}

// What a session is opened with costs its client and its address, but not all: openings have a rate of their own.
func TestFirstConnectsAreCounted(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		target := "?path=public/1&path=public/2&path=public/3&path=public/4&path=public/5"
		if c := r.tap(form, target, by("203.0.113.1")); c.refusal != nil {
			t.Fatalf("more than a second's worth is refused: %s", c.refusal.Detail)
		}
		refused := r.tap(form, target, by("203.0.113.1")).refusal
		if refused == nil {
			t.Fatal("an address opens sessions with more paths than it may connect to")
		}
		r.wantRefusal(refused, http.StatusTooManyRequests, "address_publish_rate")
		if n := r.Sessions(); n != 1 {
			t.Errorf("%d sessions", n)
		}
		for range 3 { // of which the one that was refused was none
			if c := r.tap(form, "", by("203.0.113.1")); c.refusal != nil {
				t.Errorf("a session without paths is refused: %s", c.refusal.Detail)
			}
		}
		a := r.do("GET", "/?path=public/1&path=public/2&path=public/3", "", by("203.0.113.2"))
		r.wantRefusal(r.do("POST", "/"+a.ReconnectWith, "{"), http.StatusTooManyRequests, "publish_rate")
		other := r.do("GET", "/", "", by("203.0.113.3"))
		if a := r.do("POST", "/"+other.ReconnectWith+"/connect", `["public/1"]`); a.code != http.StatusOK {
			t.Errorf("others are refused: %s", a.Detail)
		}
		// One that cannot be connected costs one, however many paths it names.
		r.dispatcher.SetLimits(dispatch.Limits{Paths: 1})
		for i := range 5 {
			want := "too_many_paths"
			if i == 4 {
				want = "address_publish_rate"
			}
			if c := r.tap(form, target, by("203.0.113.4")); c.refusal == nil || c.refusal.Reason != want {
				t.Errorf("the %dth is told %v, want %s", i, c.refusal, want)
			}
		}
	}, func(c *Config) {
		c.Bounds = Bounds{PublishRate: 2, AddressPublishRate: 4, TotalPublishRate: 1, AddressOpenRate: 4, Proxies: loopback}
		c.Open = append(c.Open, "public/**")
	})
}

// Requests that open no session take nothing of what others may open, and as many at once as may be get one.
func TestRefusedOpeningsCostNothing(t *testing.T) {
	for _, bounds := range []Bounds{{OpenRate: 5}, {AddressOpenRate: 5}} {
		bounds.Proxies = loopback
		inBubble(t, func(r *rig) {
			r.dispatcher.SetLimits(dispatch.Limits{Paths: 1})
			for target, want := range map[string]string{
				"/?path=closed": "not_open", "/?%zz": "query", "/?path=": "path", "/?path=public/1&path=public/2": "too_many_paths",
			} {
				for range 10 {
					if a := r.do("GET", target, ""); a.Reason != want {
						t.Errorf("%s is answered %s, want %s", target, a.Reason, want)
					}
				}
			}
			config := r.made
			config.MaxSessions = 0
			r.SetConfig(config)
			for range 10 {
				r.wantRefusal(r.do("GET", "/", ""), http.StatusServiceUnavailable, "sessions")
			}
			r.SetConfig(r.made)
			var calls []*call
			for range 50 {
				calls = append(calls, r.poll(""))
			}
			opened := 0
			for _, c := range calls {
				if c.answer().code == http.StatusOK {
					opened++
				}
			}
			if opened != 5 || r.Sessions() != 5 {
				t.Errorf("%d of 50 have got one of %d sessions, want 5", opened, r.Sessions())
			}
			// Who has used it up is refused before it is known what else is wrong.
			if a := r.do("GET", "/?path=closed", ""); !strings.HasSuffix(a.Reason, "open_rate") {
				t.Errorf("answered %d %s", a.code, a.Reason)
			}
		}, func(c *Config) { c.Bounds, c.Open = bounds, append(c.Open, "public/**") })
	}
}

// Where an address has all its sessions, another attempt takes none of what it and all may open.
func TestFullAddressTakesNoOpening(t *testing.T) {
	inBubble(t, func(r *rig) {
		one := r.do("GET", "/", "", by("203.0.113.1"))
		for range 10 {
			r.wantRefusal(r.do("GET", "/", "", by("203.0.113.1")), http.StatusTooManyRequests, "address_sessions")
		}
		if a := r.do("GET", "/", "", by("203.0.113.2")); a.code != http.StatusOK {
			t.Errorf("another address is refused: %s", a.Detail)
		}
		time.Sleep(500 * time.Millisecond)
		r.do("DELETE", "/"+one.ReconnectWith, "")
		if a := r.do("GET", "/", "", by("203.0.113.1")); a.code != http.StatusOK {
			t.Errorf("the address is refused when there is room: %s", a.Detail)
		}
	}, func(c *Config) {
		c.Bounds = Bounds{OpenRate: 2, AddressOpenRate: 2, AddressSessions: 1, Proxies: loopback}
	})
}

// What its address may not say costs a client nothing.
func TestRefusedByAddressCostsNothing(t *testing.T) {
	inBubble(t, func(r *rig) {
		one := r.session(r.do("GET", "/", "", by("203.0.113.1")).id())
		neighbour := r.session(r.do("GET", "/", "", by("203.0.113.1")).id())
		now := time.Now()
		r.charge(neighbour, 3, now)
		if err := r.spend(one, 5, now); err == nil {
			t.Fatal("it is not refused")
		}
		if r.authors.Len() != 1 {
			t.Errorf("%d clients have said something", r.authors.Len())
		}
	}, func(c *Config) { c.Bounds = Bounds{PublishRate: 10, AddressPublishRate: 3, Proxies: loopback} })
}

// The list of patterns has each once, in order, whatever comes.
func TestPatternsAreListedOnce(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, _ := r.open()
		for _, p := range []dispatch.Pattern{"c/*", "a/*", "one", "b/**", "a/*", "c/*", "b/*"} {
			r.connect(id, p)
		}
		r.apply(dispatch.Command(dispatch.PathDisconnect, id, "b/**", 0))
		r.apply(dispatch.Command(dispatch.PathDisconnect, id, "one", 0))
		s := r.session(id)
		if got, want := s.listPatterns(), []dispatch.Pattern{"a/*", "b/*", "c/*"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
