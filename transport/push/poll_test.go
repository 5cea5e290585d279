package push

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// inBubble runs test on each lane, with a rig in which time is fake.
func inBubble(t *testing.T, test func(*rig), edits ...func(*Config)) {
	t.Helper()
	onLanes(t, func(t *testing.T, use func(*rig)) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, edits...)
			use(r)
			r.settle = synctest.Wait
			test(r)
		})
	})
}

// wantAnswer wants a 200 with these updates.
func (r *rig) wantAnswer(a *answer, updates string) {
	r.Helper()
	if a.code != http.StatusOK || a.String() != updates {
		r.Errorf("answered %d %q %s, want %q", a.code, a.String(), a.Detail, updates)
	}
}

// wantRefusal wants a problem.
func (r *rig) wantRefusal(a *answer, status int, reason string) {
	r.Helper()
	if a.code != status || a.Reason != reason || a.Status != status {
		r.Errorf("answered %d %s %q, want %d %s", a.code, a.Reason, a.Detail, status, reason)
	}
}

// The client of 2009 splits the token at the first slash, and wants its first answer at once.
func TestOpening(t *testing.T) {
	inBubble(t, func(r *rig) {
		began := time.Now()
		c := r.poll("")
		a := c.answer()
		if !c.at.Equal(began) {
			t.Errorf("answered after %v, want at once", c.at.Sub(began))
		}
		r.wantAnswer(a, "")
		if want := `{"updates":[],"reconnectWith":"` + a.ReconnectWith + "\"}\n"; string(c.body) != want {
			t.Errorf("body %q, want %q", c.body, want)
		}
		token, ok := parseToken(a.ReconnectWith)
		if !ok || token.id != a.id() || r.session(token.id) == nil || token.cursor != 0 {
			t.Errorf("token %q is not a new session's", a.ReconnectWith)
		}
		for key, want := range map[string]string{
			"Content-Type": "application/json", "Cache-Control": "no-store", "Content-Length": fmt.Sprint(len(c.body)),
			"X-Content-Type-Options": "nosniff",
		} {
			if got := a.header.Get(key); got != want {
				t.Errorf("%s: %q, want %q", key, got, want)
			}
		}

		poll := r.poll(a.ReconnectWith)
		synctest.Wait()
		if !poll.waits() {
			t.Fatal("the second poll does not wait")
		}
		r.connect(a.id(), "orders/42")
		r.wantAnswer(poll.answer(), `orders/42=""`)
		if !poll.at.Equal(began) {
			t.Errorf("the confirmation came after %v, want at once", poll.at.Sub(began))
		}
	})
}

func TestPollRetry(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		lost := r.poll(token)
		synctest.Wait()
		r.update("a", "1")
		r.wantAnswer(lost.answer(), "a=1") // on its way to the client, which does not get it
		r.update("a", "2")
		retried := r.poll(token).answer()
		r.wantAnswer(retried, "a=1 a=2")
		next := r.poll(retried.ReconnectWith)
		synctest.Wait()
		if !next.waits() {
			t.Fatalf("what was confirmed is repeated: %v", next.answer())
		}
		r.update("a", "3")
		r.wantAnswer(next.answer(), "a=3")
	})
}

func TestBundle(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		time.Sleep(r.made.Bundle)
		heard, answers := 0, []time.Time{}
		stop := time.Now().Add(3 * time.Second)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for heard < 300 {
				c := r.poll(token)
				a := c.answer()
				heard += len(a.Updates)
				answers = append(answers, c.at)
				token = a.ReconnectWith
			}
		}()
		synctest.Wait()
		first := time.Now()
		for i := range 300 {
			r.update("a", fmt.Sprint(i))
			time.Sleep(10 * time.Millisecond)
		}
		<-done
		if !answers[0].Equal(first) {
			t.Errorf("the first message of a quiet spell waited for %v", answers[0].Sub(first))
		}
		for i, at := range answers[1:] {
			if apart := at.Sub(answers[i]); apart < r.made.Bundle {
				t.Errorf("answers %d and %d are %v apart, want %v at least", i, i+1, apart, r.made.Bundle)
			}
		}
		if most := int(stop.Sub(first)/r.made.Bundle) + 2; len(answers) > most {
			t.Errorf("%d answers in 3s, want %d at most", len(answers), most)
		}
	})
}

func TestTwoPolls(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		older, newer := r.poll(token), (*call)(nil)
		synctest.Wait()
		newer = r.poll(token)
		synctest.Wait()
		r.wantRefusal(older.answer(), http.StatusConflict, "superseded")
		if !newer.waits() {
			t.Fatal("the newer poll does not wait")
		}
		older.cancel()
		synctest.Wait()
		if n := r.stats.Parked.Load(); n != 1 {
			t.Errorf("%d parked, want the newer one", n)
		}
		r.update("a", "1")
		r.wantAnswer(newer.answer(), "a=1")
	})
}

func TestStaleToken(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, stale := r.open("a")
		r.update("a", "1")
		token := r.do("GET", "/"+stale, "").ReconnectWith
		parked := r.poll(token)
		synctest.Wait()
		r.wantRefusal(r.do("GET", "/"+stale, ""), http.StatusConflict, "stale")
		if !parked.waits() {
			t.Fatal("a stale token disturbs the poll that waits")
		}
		r.update("a", "2")
		time.Sleep(r.made.Bundle)
		r.wantAnswer(parked.answer(), "a=2")
	})
}

// What is no session's token opens a new session, and leaves the one that it names alone.
func TestUnknownTokens(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open("a")
		secret := token[strings.LastIndexByte(token, '/')+1:]
		parked := r.poll(token)
		synctest.Wait()
		for _, text := range []string{
			string(id), string(id) + "/0", string(id) + "/", string(id) + "//",
			string(id) + "/1/" + strings.Repeat("a", 22), string(id) + "/1/" + secret[1:], string(id) + "/1/" + secret + "a",
			string(id) + "/x/" + secret, string(id) + "/01/" + secret, string(id) + "/-1/" + secret,
			string(id) + "/2/" + secret, string(id) + "/18446744073709551615/" + secret, string(id) + "/18446744073709551616/" + secret,
			string(id) + "x/1/" + secret, "nobody/1/" + secret, "/1/" + secret, "%20", "-", "DOLORES-SERVER-abc-1/3", "foo%2Fbar",
		} {
			a := r.do("GET", "/"+text, "")
			r.wantAnswer(a, "")
			if a.id() == id || r.session(a.id()) == nil {
				t.Errorf("GET /%s: the ID is %q, want a new one", text, a.id())
			}
		}
		if !parked.waits() {
			t.Fatal("the session was disturbed")
		}
		r.update("a", "1")
		r.wantAnswer(parked.answer(), "a=1")
	})
}

func TestHold(t *testing.T) {
	for _, phase := range []time.Duration{0, 1, 100 * time.Millisecond, 390 * time.Millisecond, 10 * time.Second} {
		for _, hold := range []time.Duration{100 * time.Millisecond, 25 * time.Second, 10 * time.Minute} {
			inBubble(t, func(r *rig) {
				time.Sleep(phase)
				_, token := r.open("a")
				began := time.Now()
				poll := r.poll(token)
				a := poll.answer()
				r.wantAnswer(a, "")
				if a.ReconnectWith != token {
					t.Errorf("token %q, want %q again", a.ReconnectWith, token)
				}
				if held := poll.at.Sub(began); held < hold || held > hold+r.wheel.tick {
					t.Errorf("held for %v, want %v and a tick of %v at most", held, hold, r.wheel.tick)
				}
			}, func(c *Config) { c.Hold = hold })
		}
	}
}

// A session ends when its time is up and not before, whatever it did in its life.
func TestExpire(t *testing.T) {
	lives := map[string]func(*rig, string){
		"never polled": func(*rig, string) {},
		"answered": func(r *rig, token string) {
			time.Sleep(300 * time.Millisecond)
			r.update("a", "1")
			r.do("GET", "/"+token, "")
		},
		"held": func(r *rig, token string) { r.do("GET", "/"+token, "") },
		"gone while it was parked": func(r *rig, token string) {
			poll := r.poll(token)
			time.Sleep(700 * time.Millisecond)
			poll.cancel()
			synctest.Wait()
		},
	}
	for name, life := range lives {
		for _, times := range []struct{ hold, expire time.Duration }{
			{25 * time.Second, 30 * time.Second}, {25 * time.Second, time.Second}, {time.Second, time.Minute}, {10 * time.Minute, 2 * time.Second},
		} {
			t.Run(fmt.Sprint(name, times.hold, times.expire), func(t *testing.T) {
				inBubble(t, func(r *rig) {
					id, token := r.open("a")
					life(r, token)
					time.Sleep(times.expire - 1)
					synctest.Wait()
					if r.Sessions() != 1 {
						t.Fatal("it expired early")
					}
					time.Sleep(1 + r.wheel.tick)
					synctest.Wait()
					components, patterns := r.dispatcher.Counts()
					if r.Sessions() != 0 || components != 0 || patterns != 0 || r.stats.Ended.Counts()["expired"] != 1 {
						t.Errorf("it did not expire: %d sessions, %d components, %d patterns", r.Sessions(), components, patterns)
					}
					if again := r.do("GET", "/"+token, ""); again.id() == id {
						t.Error("it lives")
					}
				}, func(c *Config) { c.Hold, c.Expire = times.hold, times.expire })
			})
		}
	}
}

func TestClientGoesAway(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		poll := r.poll(token)
		synctest.Wait()
		if n := r.stats.Parked.Load(); n != 1 {
			t.Fatalf("%d parked, want 1", n)
		}
		poll.cancel()
		<-poll.done
		synctest.Wait()
		if n := r.stats.Parked.Load(); n != 0 {
			t.Fatalf("%d parked, want none", n)
		}
		r.update("a", "1")
		r.update("a", "2")
		r.wantAnswer(r.do("GET", "/"+token, ""), "a=1 a=2")
	})
}

// An answer that cannot be written is not lost, and nobody's mistake.
func TestBrokenWrite(t *testing.T) {
	inBubble(t, func(r *rig) {
		var log bytes.Buffer
		r.Push.handler.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		id, token := r.open("a")
		r.update("a", "1")
		r.ServeHTTP(brokenWriter{}, httptest.NewRequest("GET", "/"+token, nil))
		if n := r.stats.Delivered.Load(); n != 1 { // the confirmation of the connect
			t.Errorf("%d delivered, want 1", n)
		}
		time.Sleep(r.made.Bundle)
		r.wantAnswer(r.do("GET", "/"+token, ""), "a=1")

		go func() {
			time.Sleep(time.Second)
			r.apply(dispatch.Kick(id))
		}()
		token = r.do("GET", "/"+token, "").ReconnectWith
		r.ServeHTTP(brokenWriter{}, httptest.NewRequest("GET", "/"+token, nil))
		if log.Len() > 0 {
			t.Errorf("logged %s", &log)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Header() http.Header       { return make(http.Header) }
func (brokenWriter) WriteHeader(int)           {}
func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("the client has gone") }

func TestDrain(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, parked := r.open("a")
		_, away := r.open("a")
		_, bundled := r.open("a")
		r.update("a", "0")
		bundled = r.do("GET", "/"+bundled, "").ReconnectWith
		away = r.do("GET", "/"+away, "").ReconnectWith
		parked = r.do("GET", "/"+parked, "").ReconnectWith
		polls := []*call{r.poll(parked), r.poll(bundled)}
		synctest.Wait()
		r.update("a", "1")
		synctest.Wait()
		began := time.Now()
		r.Drain()
		for _, poll := range polls {
			a := poll.answer()
			r.wantAnswer(a, "a=1")
			if !poll.at.Equal(began) || a.header.Get("Connection") != "close" {
				t.Errorf("answered after %v, Connection %q", poll.at.Sub(began), a.header.Get("Connection"))
			}
			r.wantAnswer(r.do("GET", "/"+a.ReconnectWith, ""), "")
		}
		r.wantAnswer(r.do("GET", "/"+away, ""), "a=1")
		if since := time.Since(began); since != 0 {
			t.Errorf("draining took %v", since)
		}
		for _, target := range []string{"/", "/nobody/0/" + strings.Repeat("a", 22)} {
			a := r.do("GET", target, "")
			r.wantRefusal(a, http.StatusServiceUnavailable, "draining")
			if a.header.Get("Retry-After") == "" || a.header.Get("Connection") != "close" {
				t.Errorf("header %v, want Retry-After and Connection: close", a.header)
			}
		}
	})
}

func TestKick(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open("a")
		poll := r.poll(token)
		synctest.Wait()
		r.update("a", "1") // waits for its bundle
		r.apply(dispatch.Kick(id))
		a := poll.answer()
		r.wantAnswer(a, "")
		if a.id() != id {
			t.Errorf("ID %q, want that of the session, so that the client does not ask for its paths yet", a.id())
		}
		if again := r.do("GET", "/"+a.ReconnectWith, ""); again.id() == id {
			t.Error("its token is still good")
		}
		r.wantRefusal(r.do("POST", "/"+token, "[]"), http.StatusNotFound, "unknown_token")
		if n := r.stats.Parked.Load(); n != 0 || r.stats.Ended.Counts()["kicked"] != 1 {
			t.Errorf("%d parked, ended %v", n, r.stats.Ended.Counts())
		}
		away, token := r.open("a")
		r.apply(dispatch.Kick(away))
		if again := r.do("GET", "/"+token, ""); again.id() == away {
			t.Error("a client that was away was not kicked")
		}
	})
}

// A client that is connected to the path of kicks hears of others' kicks.
func TestKickIsOverheard(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open(dispatch.Pattern(dispatch.PathKick))
		other, _ := r.open()
		r.apply(dispatch.Kick(other))
		time.Sleep(r.made.Bundle)
		r.wantAnswer(r.do("GET", "/"+token, ""), fmt.Sprintf("::kick=%q", other))
		r.apply(dispatch.Kick(id))
		if r.session(id) != nil {
			t.Error("it cannot be kicked")
		}
	})
}

func TestLeave(t *testing.T) {
	for _, leave := range []struct{ method, suffix string }{{"DELETE", ""}, {"POST", "/leave"}} {
		inBubble(t, func(r *rig) {
			id, token := r.open("a")
			poll := r.poll(token)
			synctest.Wait()
			a := r.do(leave.method, "/"+token+leave.suffix, "ignored")
			if a.code != http.StatusNoContent {
				t.Errorf("%s: answered %d %s", leave.method, a.code, a.Detail)
			}
			r.wantAnswer(poll.answer(), "")
			if components, patterns := r.dispatcher.Counts(); components != 0 || patterns != 0 || r.Sessions() != 0 {
				t.Errorf("left over: %d components, %d patterns, %d sessions", components, patterns, r.Sessions())
			}
			r.wantRefusal(r.do(leave.method, "/"+token+leave.suffix, ""), http.StatusNotFound, "unknown_token")
			if again := r.do("GET", "/"+token, ""); again.id() == id {
				t.Error("its token is still good")
			}
		})
	}
}

func TestSessionsLimit(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open()
		r.open()
		a := r.do("GET", "/", "")
		r.wantRefusal(a, http.StatusServiceUnavailable, "sessions")
		if a.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		r.wantRefusal(r.do("GET", "/nobody/0/"+strings.Repeat("a", 22), ""), http.StatusServiceUnavailable, "sessions")
		r.do("DELETE", "/"+token, "")
		r.wantAnswer(r.do("GET", "/", ""), "")
		time.Sleep(r.made.Expire + r.wheel.tick)
		synctest.Wait()
		r.wantAnswer(r.do("GET", "/", ""), "")
		if _, token := r.open(); r.Sessions() != 2 {
			t.Errorf("%d sessions, %s", r.Sessions(), token)
		}
	}, func(c *Config) { c.MaxSessions = 2 })
}

// The limit holds when many come at once.
func TestSessionsLimitExactly(t *testing.T) {
	inBubble(t, func(r *rig) {
		calls := make([]*call, 50)
		for i := range calls {
			calls[i] = r.poll("")
		}
		opened := 0
		for _, c := range calls {
			if c.answer().code == http.StatusOK {
				opened++
			}
		}
		if opened != 10 || r.Sessions() != 10 {
			t.Errorf("%d opened, %d sessions, want 10", opened, r.Sessions())
		}
	}, func(c *Config) { c.MaxSessions = 10 })
}

func TestSetConfig(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		for i := range 10 {
			r.update("a", fmt.Sprint(i))
		}
		config := r.made
		config.Hold, config.Expire, config.Bundle, config.Queue.Messages = time.Second, 2*time.Second, 0, 5
		r.SetConfig(config)
		r.update("a", "10")
		a := r.do("GET", "/"+token, "")
		r.wantAnswer(a, "a#overflow")
		began := time.Now()
		poll := r.poll(a.ReconnectWith)
		r.wantAnswer(poll.answer(), "")
		if held := poll.at.Sub(began); held < config.Hold || held > config.Hold+r.wheel.tick {
			t.Errorf("held for %v", held)
		}
	})
}

// Shorter times reach the clients that wait already, and those that are away.
func TestSetConfigShortens(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		r.open("b")
		poll := r.poll(token)
		time.Sleep(time.Second)
		config := r.made
		config.Hold, config.Expire = 2*time.Second, 3*time.Second
		began := time.Now()
		r.SetConfig(config)
		r.wantAnswer(poll.answer(), "")
		if held := poll.at.Sub(began); held < config.Hold || held > config.Hold+2*r.wheel.tick {
			t.Errorf("held for %v more, want %v", held, config.Hold)
		}
		time.Sleep(time.Until(began.Add(config.Expire + 2*r.wheel.tick)))
		synctest.Wait()
		if r.Sessions() != 1 {
			t.Errorf("%d sessions, want the one that was waiting", r.Sessions())
		}
	}, func(c *Config) { c.Hold, c.Expire = time.Minute, time.Hour })
}

// Messages that are too old do not wait in memory for a client that does not come.
func TestAgeWhileAway(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a", "b")
		r.update("a", "1")
		r.update("b", "2")
		r.update("a", "3")
		time.Sleep(time.Minute + r.made.Hold + r.wheel.tick)
		synctest.Wait()
		if n := r.stats.Messages.Load(); n != 4 || r.stats.Gapped.Load() != 3 {
			t.Errorf("%d wait, %d gapped, want 2 marks with 2 confirmations, and 3", n, r.stats.Gapped.Load())
		}
		r.wantAnswer(r.do("GET", "/"+token, ""), "a#age b#age")
	}, func(c *Config) { c.Expire = time.Hour })
}

func TestDescription(t *testing.T) {
	inBubble(t, func(r *rig) {
		began := time.Now().UTC()
		time.Sleep(time.Second)
		id, token := r.open("a")
		r.update("a", "1")
		r.update("a", "2")
		r.do("GET", "/"+token, "")
		text, err := json.Marshal(r.session(id))
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"transport": "long-poll", "parked": false, "queued": 2., "bytes": 132., "cursor": 3., "confirmed": 1., "gapped": 0.,
			"since": began.Add(time.Second).Format(time.RFC3339Nano), "until": began.Add(31*time.Second + r.made.Bundle).Format(time.RFC3339Nano),
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}
