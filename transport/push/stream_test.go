package push

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// These are the cases that every transport, and every lane that serves them, has to pass.

func TestEachOpens(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		began := time.Now()
		c := r.tap(form, "")
		if c.at() == "" || time.Since(began) != 0 {
			t.Fatalf("the token %q came after %v", c.at(), time.Since(began))
		}
		r.connect(c.id(), "orders/42", "news/*")
		r.rest()
		c.want(`orders/42="" news/*=""`)
		r.update("orders/42", `{"state":"shipped"}`)
		c.want(`orders/42={"state":"shipped"}`)
		time.Sleep(r.made.Bundle)
		r.update("news/today", `"ä\n\"<&>"`)
		r.update("elsewhere", "1")
		c.want(`news/today="ä\n\"<&>"`)
		if n := r.stats.Parked.Load(); n != 1 {
			t.Errorf("%d parked", n)
		}
		if n := r.stats.Streams[form].Load(); n != 1 && form != Poll {
			t.Errorf("%d parked of the form", n)
		}
		if got := r.session(c.id()).describe().Transport; got != form.String() {
			t.Errorf("described as %s", got)
		}
		c.cut()
		if n, m := r.stats.Parked.Load(), r.stats.Streams[form].Load(); n != 0 || m != 0 {
			t.Errorf("%d and %d parked after it has gone", n, m)
		}
	})
}

// A stream has no bundle interval: what comes goes.
func TestStreamsDoNotBundle(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		inBubble(t, func(r *rig) {
			c := r.openTap(form, "a")
			for i := range 10 {
				r.update("a", fmt.Sprint(i))
				c.want(fmt.Sprintf("a=%d", i))
			}
		})
	}
}

// A connection that breaks at any point loses nothing and repeats nothing, whatever the client comes back by.
func TestEachResumes(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		for _, next := range allForms {
			c := r.openTap(form, "a")
			token := c.cut()
			for i := range 5 {
				r.update("a", fmt.Sprintf("1%d0", i))
				time.Sleep(r.made.Bundle)
				c = r.tap(next, token)
				c.want(fmt.Sprintf("a=1%d0", i))
				r.update("a", fmt.Sprintf("1%d1", i))
				time.Sleep(r.made.Bundle)
				r.update("a", fmt.Sprintf("1%d2", i))
				time.Sleep(r.made.Bundle)
				c.want(fmt.Sprintf("a=1%d1 a=1%d2", i, i))
				token = c.cut()
			}
		}
	}, func(c *Config) { c.Queue.Age = time.Hour })
}

// What a stream was sent comes again for a client that comes back with an older token, each time.
func TestStreamsGiveAgain(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		for _, next := range allForms {
			inBubble(t, func(r *rig) {
				c := r.openTap(form, "a")
				first := c.at()
				for i := range 4 {
					r.update("a", fmt.Sprint(i))
					c.hear()
				}
				c.cut()
				for range 2 {
					c = r.tap(next, first)
					c.want("a=0 a=1 a=2 a=3")
					if next == Poll {
						return // which confirms it
					}
					c.cut()
				}
			})
		}
	}
}

func TestMoves(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.openTap(Poll, "a")
		n := 0
		for range 3 {
			for _, form := range []Form{Events, Frames, Poll, Frames, Events, Poll} {
				older := c
				c = r.tap(form, older.at())
				older.wantEnd("superseded")
				for range 3 {
					n++
					r.update("a", fmt.Sprint(n))
					time.Sleep(r.made.Bundle)
					c.want(fmt.Sprintf("a=%d", n))
					older.want("")
				}
			}
		}
		if n := r.stats.Parked.Load(); n != 1 {
			t.Errorf("%d parked, want the last", n)
		}
		c.cut()
	})
}

// What a stream sent and nobody confirmed is kept for so many messages; a client that did not get more is told so.
func TestResumeBeyondWhatIsKept(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		for _, next := range allForms {
			inBubble(t, func(r *rig) {
				c := r.openTap(form, "a", "b")
				first := c.at()
				for i := range 20 {
					r.update([]string{"a", "b"}[i/10], fmt.Sprint(i))
					if got, want := c.hear(), fmt.Sprintf("%s=%d", []string{"a", "b"}[i/10], i); got != want {
						t.Fatalf("the live stream heard %q, want %q", got, want)
					}
					if n := r.stats.Messages.Load(); n > 8+2 {
						t.Fatalf("%d messages are kept", n)
					}
				}
				got := c.cut()
				c = r.tap(next, first)
				c.want("a#resume b#resume b=13 b=14 b=15 b=16 b=17 b=18 b=19")
				c.cut()
				if next != Poll { // which has confirmed it
					c = r.tap(next, got)
					c.want("")
					c.cut()
				}
			}, func(c *Config) { c.Resume = 8 })
		}
	}
}

func TestNothingIsKeptForResume(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.openTap(Events, "a")
		first := c.at()
		for i := range 20 {
			r.update("a", fmt.Sprint(i))
			c.want(fmt.Sprintf("a=%d", i))
		}
		last := c.cut()
		if n := r.stats.Messages.Load(); n != 1 {
			t.Errorf("%d messages are kept, want one mark", n)
		}
		r.update("a", "20")
		c = r.tap(Frames, last)
		c.want("a=20")
		c.cut()
		c = r.tap(Frames, first)
		c.wantEnd("stale")
	}, func(c *Config) { c.Resume = 0 })
}

// A live stream is not told that it missed what it was sent, whatever limit is met.
func TestLimitsOfLiveStreams(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		inBubble(t, func(r *rig) {
			c := r.openTap(form, "a")
			for i := range 100 {
				r.update("a", fmt.Sprint(i))
				c.want(fmt.Sprintf("a=%d", i))
				time.Sleep(2 * time.Second)
			}
			if n := r.stats.Gapped.Load(); n != 0 {
				t.Errorf("%d gapped", n)
			}
		}, func(c *Config) { c.Queue.Messages, c.Queue.Age, c.Hold = 10, 5*time.Second, time.Second })
	}
}

func TestEachEnds(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		for _, end := range []func(c *tap){
			func(c *tap) { r.apply(dispatch.Kick(c.id())) },
			func(c *tap) { r.do("DELETE", "/"+c.at(), "") },
		} {
			c := r.openTap(form, "a")
			id := c.id()
			r.update("a", "1")
			c.want("a=1")
			end(c)
			if form == Poll { // answered with nothing, it has opened a new session
				if c.wait(); c.id() == id {
					t.Error("the session lives")
				}
				c.cut()
				continue
			}
			c.wantEnd("ended")
			if again := r.tap(form, c.at()); again.id() == id {
				t.Error("the session lives")
			}
		}
	})
}

func TestEachDrains(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		c := r.openTap(form, "a")
		r.update("a", "1")
		c.want("a=1")
		r.update("a", "2")
		r.Drain()
		c.want("a=2")
		c.wantEnd(map[Form]string{Frames: "going away"}[form])
		if n := r.stats.Parked.Load(); n != 0 {
			t.Errorf("%d parked", n)
		}
		if again := r.tap(form, c.at()); form != Poll {
			again.wantEnd(map[Form]string{Frames: "going away"}[form])
			if again.id() != c.id() {
				t.Error("an old client is not let in")
			}
		}
		fresh := r.tap(form, "")
		fresh.wantEnd("draining")
		if fresh.refusal.code != http.StatusServiceUnavailable || fresh.refusal.header.Get("Retry-After") == "" {
			t.Errorf("a new client is answered %d %v", fresh.refusal.code, fresh.refusal.header)
		}
	})
}

func TestPings(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		inBubble(t, func(r *rig) {
			c := r.openTap(form, "a")
			for i := range 10 {
				time.Sleep(r.made.Hold + r.wheel.tick)
				c.want("")
				if c.pinged() != i+1 {
					t.Fatalf("%v: %d pings after %d times hold", form, c.pinged(), i+1)
				}
			}
			r.update("a", "1")
			c.want("a=1")
			if r.Sessions() != 1 {
				t.Error("the session expired")
			}
			if token := c.cut(); !strings.HasPrefix(token, string(c.id())) {
				t.Errorf("token %q", token)
			}
		})
	}
}

// A client that answers no pings has gone, though nothing says so.
func TestSilentClient(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.openTap(Frames, "a")
		c.mu.Lock()
		c.mute = true
		c.mu.Unlock()
		time.Sleep(2 * (r.made.Hold + r.wheel.tick))
		c.wait()
		if c.pinged() != 2 || r.stats.Parked.Load() != 1 {
			t.Errorf("%d pings, %d parked", c.pinged(), r.stats.Parked.Load())
		}
		time.Sleep(r.made.Hold + r.wheel.tick)
		c.wantEnd("")
		if r.stats.Parked.Load() != 0 || r.Sessions() != 1 {
			t.Errorf("%d parked, %d sessions", r.stats.Parked.Load(), r.Sessions())
		}
	})
}

// A stream whose client does not read is cut off when the time to write is over, and others never wait for it.
func TestSlowReaders(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		inBubble(t, func(r *rig) {
			c := r.openTap(form, "a")
			token := c.cut()
			conn := r.dial()
			defer conn.Close()
			conn.Write(requestText(r, "GET", "/"+token, nil, formFields(form)))
			head := make([]byte, 64<<10)
			n := 0
			for !strings.Contains(string(head[:n]), token) { // in the greeting
				m, err := conn.Read(head[n:])
				if n += m; err != nil {
					t.Fatal(err)
				}
			}
			drain(conn)
			other := r.openTap(Poll, "a")
			r.update("a", "1")
			other.want("a=1")
			if n := r.stats.Parked.Load(); n != 2 {
				t.Errorf("%d parked", n)
			}
			time.Sleep(r.made.WriteTime + time.Second) // loops look at the times twice a second
			r.settle()
			if n := r.stats.Parked.Load(); n != 1 {
				t.Errorf("%v: %d parked, want the one that reads", form, n)
			}
			other.cut()
			again := r.tap(form, token)
			again.want("a=1")
			again.cut()
		})
	}
}

// drain reads what is there, and nothing after that.
func drain(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	for buf := make([]byte, 4096); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// Much at once goes in parts, each of which is large enough to be quick and small enough to need no large buffer.
func TestLargeParts(t *testing.T) {
	for _, form := range []Form{Events, Frames} {
		inBubble(t, func(r *rig) {
			c := r.openTap(form, "a")
			token := c.cut()
			var want []string
			for i := range 40 {
				text := fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", 10_000))
				want = append(want, "a="+text)
				r.update("a", text)
			}
			answers := r.stats.Answers.Load()
			c = r.tap(form, token)
			if got := c.hear(); got != strings.Join(want, " ") {
				t.Errorf("%v: %d bytes came", form, len(got))
			}
			if n := r.stats.Answers.Load() - answers; n != 7 {
				t.Errorf("%v: in %d parts, want 7", form, n)
			}
			c.cut()
		}, func(c *Config) { c.Queue.Bytes, c.Queue.Age = 1<<20, time.Hour })
	}
}

func TestEachOpenPaths(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		c := r.tap(form, "?path=public/a&path=news")
		c.want(`public/a="" news=""`)
		time.Sleep(r.made.Bundle)
		r.update("news", "1")
		c.want("news=1")
		sessions := r.Sessions()
		for target, reason := range map[string]string{"?path=secret": "not_open", "?path=public//a": "path", "?path=%zz": "query", "a/b/c/d": "address", "x.ico": "address"} {
			refused := r.tap(form, target)
			refused.wantEnd(reason)
		}
		if r.Sessions() != sessions {
			t.Error("a refused request opened a session")
		}
		c.cut()
	}, func(c *Config) { c.Open = []dispatch.Pattern{"public/**", "news"} })
}

func TestEachStale(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		_, stale := r.open("a")
		r.update("a", "1")
		token := r.do("GET", "/"+stale, "").ReconnectWith
		r.tap(Poll, token).cut()
		c := r.tap(form, stale)
		c.wantEnd("stale")
		switch {
		case form == Frames && (c.refusal != nil || c.code != closeConflict):
			t.Errorf("a page is to read a close code: it is %d, and the answer %+v", c.code, c.refusal)
		case form == Events && c.refusal.code != http.StatusConflict:
			t.Errorf("answered %d", c.refusal.code)
		}
		if n := r.stats.Refused.Counts()["stale"]; n != 1 {
			t.Errorf("counted %d times", n)
		}
		r.tap(Poll, token).cut()
	})
}

func TestEachCORS(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		for origin, allowed := range map[string]bool{
			"https://app.example": true, "https://a.wild.example": true, "http://example.com": true,
			"https://evil.example": false, "null": false,
		} {
			c := r.tap(form, "", "Origin: "+origin)
			if c.wait(); (c.refusal == nil) != allowed {
				t.Errorf("%s: %+v", origin, c.refusal)
			}
			if c.refusal != nil && (c.refusal.code != http.StatusForbidden || c.refusal.Reason != "origin") {
				t.Errorf("%s: refused with %d %s", origin, c.refusal.code, c.refusal.Reason)
			}
			c.cut()
		}
	}, func(c *Config) { c.Origins = []string{"https://app.example", "https://*.wild.example"} })
	onEach(t, func(r *rig, form Form) {
		c := r.tap(form, "", "Origin: https://anyone.example")
		if c.at() == "" {
			t.Error("refused")
		}
		c.cut()
	})
}

// A browser reconnects its event stream at the address that it began with, and says what it heard last.
func TestLastEventID(t *testing.T) {
	inBubble(t, func(r *rig) {
		first := r.openTap(Events, "a")
		r.update("a", "1")
		first.want("a=1")
		id, last := first.id(), first.cut()
		r.update("a", "2")
		for _, target := range []string{"", "?path=a", "nobody/0/" + strings.Repeat("a", 22)} {
			c := r.tap(Events, target, "Last-Event-ID: "+last)
			c.want("a=2")
			if c.id() != id {
				t.Errorf("at %q it is %s, want %s", target, c.id(), id)
			}
			c.cut()
		}
		for _, bad := range []string{"7", "x/1/y", string(id) + "/1/" + strings.Repeat("a", 22)} {
			c := r.tap(Events, last, "Last-Event-ID: "+bad)
			c.want("a=2")
			c.cut()
		}
		if c := r.tap(Poll, "", "Last-Event-ID: "+last); c.id() == id {
			t.Error("a poll goes on with it")
		}
	})
}

func TestEventHeader(t *testing.T) {
	inBubble(t, func(r *rig) {
		retries := map[string]bool{}
		for range 5 {
			c := r.tap(Events, "")
			retries[c.retry] = true
			var ms int
			if fmt.Sscan(c.retry, &ms); ms < 1000 || ms > 3000 {
				t.Errorf("retry: %s", c.retry)
			}
			c.cut()
		}
		if len(retries) < 2 {
			t.Error("all reconnect after the same time")
		}
		conn := r.dial()
		defer conn.Close()
		conn.Write(requestText(r, "GET", "/", nil, []string{"Accept: text/html, text/event-stream;q=0.9"}))
		head, n := make([]byte, 4096), 0
		for !strings.Contains(string(head[:n]), "\r\n\r\n") {
			m, err := conn.Read(head[n:])
			if n += m; err != nil {
				t.Fatal(err)
			}
		}
		for _, field := range []string{"200 OK", "Content-Type: text/event-stream\r\n", "Cache-Control: no-store\r\n", "X-Accel-Buffering: no\r\n",
			"X-Content-Type-Options: nosniff\r\n"} {
			if !strings.Contains(string(head[:n]), field) {
				t.Errorf("no %q in %s", field, head[:n])
			}
		}
	})
}

// A stream is the last answer of its connection on both lanes: what is asked behind it is never served.
func TestNothingIsServedBehindStream(t *testing.T) {
	for name, open := range doorLanes {
		synctest.Test(t, func(t *testing.T) {
			d := openDoor(t, open)
			token := d.client()["TOKEN"]
			d.happens.take()
			v := d.Knock()
			v.Say("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"+
				"POST /"+token+" HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\n{\"path\":\"a\",\"message\":1}", 1<<20)
			d.Drain()
			synctest.Wait()
			time.Sleep(2 * time.Second)
			said, open := v.Heard()
			if open || strings.Count(said, "HTTP/1.1 ") != 1 || !strings.Contains(said, "\r\nConnection: close\r\n") {
				t.Errorf("%s: open is %v, and it heard %q", name, open, said)
			}
			for _, what := range d.happens.take() {
				if strings.HasPrefix(what, "said a ") {
					t.Errorf("%s: %s", name, what)
				}
			}
		})
	}
}

func TestHandshake(t *testing.T) {
	good := formFields(Frames)
	for _, test := range []struct {
		without, with string
		code          int
		reason        string
	}{
		{"Sec-WebSocket-Version", "", 426, "websocket"},
		{"Sec-WebSocket-Version", "Sec-WebSocket-Version: 8", 426, "websocket"},
		{"Sec-WebSocket-Key", "", 400, "websocket"},
		{"Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ=", 400, "websocket"},
		{"Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==x", 400, "websocket"},
		{"Connection", "", 200, ""}, // a poll
		{"Upgrade", "Upgrade: h2c", 200, ""},
	} {
		inBubble(t, func(r *rig) {
			fields := []string{test.with}
			if test.with == "" {
				fields = nil
			}
			for _, field := range good {
				if !strings.HasPrefix(field, test.without+":") {
					fields = append(fields, field)
				}
			}
			a := r.do("GET", "/", "", fields...)
			if a.code != test.code || a.Reason != test.reason {
				t.Errorf("without %s, with %q: %d %s, want %d", test.without, test.with, a.code, a.Reason, test.code)
			}
			if version := a.header.Get("Sec-Websocket-Version"); (version == "13") != (test.code == 426) {
				t.Errorf("Sec-WebSocket-Version: %q", version)
			}
			if test.code != 200 && r.Sessions() != 0 {
				t.Error("a session was opened")
			}
		})
	}
	if got := string(appendUpgrade(nil, "dGhlIHNhbXBsZSBub25jZQ==")); !strings.Contains(got, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n") {
		t.Errorf("not the answer of RFC 6455: %s", got)
	}
}

func TestDescriptionsOfStreams(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.openTap(Frames, "a")
		text, err := json.Marshal(r.session(c.id()))
		if err != nil || !strings.Contains(string(text), `"transport":"websocket"`) {
			t.Errorf("%s %v", text, err)
		}
	})
}
