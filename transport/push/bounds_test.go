package push

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// loopback are the proxies of the tests, in which all come from this machine.
var loopback = lane.ParseProxies([]string{"127.0.0.0/8"})

func by(address string) string { return "X-Forwarded-For: " + address }

// So many sessions are opened in a second. Those who are too many are told when to come back, each at another time, and
// those who have a session are never refused.
func TestOpenRate(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		_, first := r.open()
		r.open()
		seen := make(map[string]bool)
		for range 30 {
			c := r.tap(form, lostToken)
			r.settle()
			if c.refusal == nil {
				t.Fatalf("%v: a third one is let in", form)
			}
			r.wantRefusal(c.refusal, http.StatusServiceUnavailable, "open_rate")
			after := c.refusal.header.Get("Retry-After")
			if seen[after] = true; len(after) != 1 || after < "1" || after > "5" {
				t.Errorf("Retry-After: %s", after)
			}
			if got := c.refusal.header.Get("Access-Control-Expose-Headers"); got != "Retry-After" {
				t.Errorf("pages may read %q", got)
			}
		}
		if len(seen) < 2 {
			t.Error("all are to come back at the same time")
		}
		if c := r.tap(form, first); c.refusal != nil {
			t.Errorf("one that has a session is refused: %s", c.refusal.Detail)
		}
		if n := r.Sessions(); n != 2 {
			t.Errorf("%d sessions", n)
		}
		time.Sleep(500 * time.Millisecond)
		r.open()
		r.wantRefusal(r.do("GET", "/", ""), http.StatusServiceUnavailable, "open_rate")
	}, func(c *Config) { c.Bounds.OpenRate = 2 })
}

// One address has so many sessions at a time. It is that of who is behind the proxy, and a session counts until it
// ends.
func TestAddressSessions(t *testing.T) {
	inBubble(t, func(r *rig) {
		open := func(address string) *answer { return r.do("GET", "/", "", by(address)) }
		one := open("203.0.113.1")
		open("198.51.100.1, 203.0.113.1, 127.0.0.9")
		for range 3 {
			a := open("203.0.113.1")
			r.wantRefusal(a, http.StatusTooManyRequests, "address_sessions")
			if after := a.header.Get("Retry-After"); len(after) != 1 || after < "1" || after > "5" {
				t.Errorf("Retry-After: %q", after)
			}
		}
		open("203.0.113.2")
		// Its sessions are not refused, wherever they come from; that of a new token is.
		r.wantAnswer(r.do("GET", "/"+r.do("GET", "/", "", by("203.0.113.3")).ReconnectWith+"?", "", by("203.0.113.1")), "")
		if n := r.Sessions(); n != 4 || r.Addresses() != 3 {
			t.Errorf("%d sessions of %d addresses", n, r.Addresses())
		}
		// What is wrong with a request takes nobody's place.
		r.wantRefusal(r.do("GET", "/?path=secret", "", by("203.0.113.2")), http.StatusForbidden, "not_open")
		r.wantRefusal(r.do("GET", "/?%zz", "", by("203.0.113.2")), http.StatusBadRequest, "query")
		if a := open("203.0.113.2"); a.code != http.StatusOK {
			t.Errorf("a place was lost: %s", a.Detail)
		}
		r.do("DELETE", "/"+one.ReconnectWith, "")
		if a := open("203.0.113.1"); a.code != http.StatusOK {
			t.Errorf("there is no place after one has left: %s", a.Detail)
		}
		time.Sleep(2 * r.made.Expire)
		if n := r.Addresses(); n != 0 || r.Sessions() != 0 || r.homes.of != nil {
			t.Errorf("%d addresses are left, of %d sessions", n, r.Sessions())
		}
	}, func(c *Config) { c.Bounds.AddressSessions, c.Bounds.Proxies = 2, loopback })
}

func TestAddressOpenRate(t *testing.T) {
	inBubble(t, func(r *rig) {
		for range 2 {
			r.do("GET", "/", "", by("203.0.113.1"))
		}
		a := r.do("GET", "/", "", by("203.0.113.1"))
		r.wantRefusal(a, http.StatusTooManyRequests, "address_open_rate")
		if after := a.header.Get("Retry-After"); after != "1" {
			t.Errorf("Retry-After: %q", after)
		}
		if a := r.do("GET", "/", "", by("203.0.113.2")); a.code != http.StatusOK {
			t.Errorf("another address is refused: %s", a.Detail)
		}
		time.Sleep(time.Second)
		if a := r.do("GET", "/", "", by("203.0.113.1")); a.code != http.StatusOK {
			t.Errorf("it is refused after a second: %s", a.Detail)
		}
	}, func(c *Config) { c.Bounds.AddressOpenRate, c.Bounds.Proxies = 2, loopback })
}

// Without a limit on addresses nothing is kept of any. One that comes later counts sessions when they next come, and
// refuses none of them.
func TestAddressesAreLearnt(t *testing.T) {
	inBubble(t, func(r *rig) {
		var tokens []string
		for range 3 {
			tokens = append(tokens, r.do("GET", "/", "", by("203.0.113.1")).ReconnectWith)
		}
		if n := r.Addresses(); n != 0 {
			t.Errorf("%d addresses are kept without a limit", n)
		}
		config := r.made
		config.Bounds.AddressSessions, config.Bounds.Proxies = 2, loopback
		r.SetConfig(config)
		var polls []*call
		for _, token := range tokens {
			polls = append(polls, r.start("GET", "/"+token, strings.NewReader(""), by("203.0.113.1")))
		}
		synctest.Wait()
		for _, poll := range polls {
			if !poll.waits() {
				t.Error("one that had a session is refused")
			}
		}
		r.wantRefusal(r.do("GET", "/", "", by("203.0.113.1")), http.StatusTooManyRequests, "address_sessions")
		r.SetConfig(r.made)
		for _, poll := range polls {
			poll.cancel()
		}
		time.Sleep(2 * r.made.Expire)
		if n := r.Addresses(); n != 0 {
			t.Errorf("%d addresses are left", n)
		}
	})
}

// What one client publishes, those of one address and all are bounded, over HTTP and WebSockets alike.
func TestPublishRates(t *testing.T) {
	tests := []struct {
		reason string
		status int
		bounds Bounds
		all    bool // refuses whoever it is
		same   bool // refuses those of the same address
	}{
		{"publish_rate", http.StatusTooManyRequests, Bounds{PublishRate: 3}, false, false},
		{"address_publish_rate", http.StatusTooManyRequests, Bounds{AddressPublishRate: 3}, false, true},
		{"total_publish_rate", http.StatusServiceUnavailable, Bounds{TotalPublishRate: 3}, true, true},
	}
	for _, tt := range tests {
		tt.bounds.Proxies = loopback
		inBubble(t, func(r *rig) {
			client := func(address string) (token string) {
				a := r.do("GET", "/", "", by(address))
				r.permit(a.id(), "news/**")
				return a.ReconnectWith
			}
			say := func(token string, wanted bool) {
				r.Helper()
				a := r.do("POST", "/"+token, `{"path":"news/a","message":1}`)
				if wanted && a.code == http.StatusOK {
					return
				}
				r.wantRefusal(a, tt.status, tt.reason)
				if after := a.header.Get("Retry-After"); after != "1" || wanted {
					t.Errorf("%s: Retry-After %q", tt.reason, after)
				}
			}
			one, neighbour, other := client("203.0.113.1"), client("203.0.113.1"), client("203.0.113.2")
			for range 3 {
				say(one, true)
			}
			say(one, false)
			say(neighbour, !tt.same)
			say(other, !tt.all)
			frames := r.tap(Frames, one)
			frames.say(`{"path":"news/a","message":2}`)
			if got := frames.answered(); !strings.Contains(got, fmt.Sprintf(`"status":%d,"reason":"%s"`, tt.status, tt.reason)) {
				t.Errorf("over a WebSocket: %s", got)
			}
			time.Sleep(2 * time.Second)
			frames.say(`{"path":"news/a","message":2}`)
			if got := frames.answered(); got != `{"accepted":1}` {
				t.Errorf("over a WebSocket, after a while: %s", got)
			}
			// A body may have more than are left, which is made up for later; one that is refused counts as well.
			batch := strings.Repeat(`{"path":"news/a","message":3}`, 12)
			if a := r.do("POST", "/"+one, batch); a.code != http.StatusOK {
				t.Errorf("%s: 12 at once are answered %s", tt.reason, a.Detail)
			}
			debt := 2500 * time.Millisecond
			if tt.all {
				debt = 500 * time.Millisecond // of all, one body costs a second's worth at most
			}
			time.Sleep(debt)
			r.wantRefusal(r.do("POST", "/"+one, "{"), tt.status, tt.reason)
			time.Sleep(debt)
			for range 3 {
				r.wantRefusal(r.do("POST", "/"+one, "{"), http.StatusBadRequest, "bad_json")
			}
			say(one, tt.all) // and what is refused costs all nothing
			time.Sleep(time.Minute)
			r.Sweep()
			if n := r.authors.Len(); n != 0 {
				t.Errorf("%d authors are kept", n)
			}
		}, func(c *Config) { c.Bounds, c.Expire = tt.bounds, time.Hour })
	}
}

// Sweep is what the wheel does with every tick.
func (r *rig) Sweep() { r.tend(time.Now()) }

func (r *rig) permit(id dispatch.ID, pattern dispatch.Pattern) {
	r.Helper()
	r.apply(dispatch.Command(dispatch.PathPermit, id, pattern, 0))
}

// newMet makes a Met that says nothing.
func newMet() *lane.Met {
	return lane.NewMet(slog.New(slog.DiscardHandler), func(string) any { return nil })
}

// Bounds are told of, once for each request that is refused.
func TestBoundsAreTold(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.open()
		for range 3 {
			r.do("GET", "/", "")
		}
		if got := r.met.Counts()["limits.open_rate"]; got != 3 {
			t.Errorf("met %d times, want 3", got)
		}
	}, func(c *Config) { c.Bounds.OpenRate, c.Met = 1, newMet() })
}

// The log says which address does too much, whatever it is, over HTTP and WebSockets alike.
func TestAddressesAreTold(t *testing.T) {
	for setting, bounds := range map[string]Bounds{
		"limits.address_sessions":     {AddressSessions: 1},
		"limits.address_open_rate":    {AddressOpenRate: 1},
		"limits.address_publish_rate": {AddressPublishRate: 1},
	} {
		var said strings.Builder
		bounds.Proxies = loopback
		inBubble(t, func(r *rig) {
			token := r.do("GET", "/", "", by("203.0.113.7")).ReconnectWith
			r.do("GET", "/", "", by("203.0.113.7"))
			frames := r.tap(Frames, token)
			for range 2 {
				frames.say(`{"path":"news/a","message":1}`)
				frames.answered()
			}
			synctest.Wait()
			if !strings.Contains(said.String(), "setting="+setting+" value=1 times=1 address=203.0.113.7\n") {
				t.Errorf("the log says %q, want who met %s", said.String(), setting)
			}
		}, func(c *Config) {
			said.Reset()
			c.Bounds = bounds
			c.Met = lane.NewMet(slog.New(slog.NewTextHandler(&said, nil)), func(string) any { return 1 })
		})
	}
}

// Sessions that end in any way, at any moment, leave nothing behind of their addresses.
func TestAddressesOfThoseWhoLeave(t *testing.T) {
	inBubble(t, func(r *rig) {
		for i := range 200 {
			c := r.start("GET", "/?path=public/a", nil, by(fmt.Sprintf("203.0.113.%d", i%7)))
			if rand.IntN(2) == 0 {
				c.cancel()
			}
			<-c.done
			if c.err != nil {
				continue
			}
			a := c.answer()
			switch rand.IntN(3) {
			case 0:
				r.do("DELETE", "/"+a.ReconnectWith, "")
			case 1:
				r.apply(dispatch.Kick(a.id()))
			}
		}
		time.Sleep(2 * r.made.Expire)
		r.Sweep()
		if n := r.Addresses(); n != 0 || r.homes.of != nil {
			t.Errorf("%d addresses are left", n)
		}
	}, func(c *Config) {
		c.Bounds.AddressSessions, c.Bounds.Proxies = 1000, loopback
		c.Open = append(c.Open, "public/**")
	})
}
