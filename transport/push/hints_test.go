package push

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// lostToken is a token of a session that is no more.
const lostToken = "test-AAAAAAAAAAAAAAAAAAAAAA-77/3/BBBBBBBBBBBBBBBBBBBBBB"

// Those who come with the token of a session that is no more are given turns, in the order in which they come.
func TestPace(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		wants := func(target string, pace int, fields ...string) {
			r.Helper()
			c := r.tap(form, target, fields...)
			if c.pace != pace {
				r.Errorf("%v %q: pace %d, want %d", form, target, c.pace, pace)
			}
		}
		// The first two turns are so soon that nothing is said.
		wants(lostToken, 0)
		wants(lostToken, 0)
		wants(lostToken, 100)
		wants(lostToken+"?path=public/a", 150)
		time.Sleep(100 * time.Millisecond)
		wants(lostToken, 100)
		// Who had none before has no turn, and takes none.
		wants("", 0)
		wants("?path=public/a", 0)
		wants("anything", 0)
		if form == Events {
			wants("", 150, "Last-Event-ID: "+lostToken)
		}
		time.Sleep(time.Minute)
		wants(lostToken, 0)
	}, func(c *Config) { c.Pace = 20; c.Open = append(c.Open, "public/**") })
}

// Nobody waits for longer than two minutes, however many have come, and nobody does two minutes after the last of them.
func TestPaceIsBounded(t *testing.T) {
	inBubble(t, func(r *rig) {
		pace := func() time.Duration { return r.Push.pace(&arrival{path: lostToken}, time.Now()) }
		const turns = 2*60*100 + 1
		for i := range turns {
			if got, want := pace(), time.Duration(i)*10*time.Millisecond; got != want && want >= leastPace {
				t.Fatalf("turn %d is in %v", i, got)
			}
		}
		var half int
		for range 10_000 {
			wait := pace()
			if wait >= 2*time.Minute {
				t.Fatalf("one is to wait for %v", wait)
			}
			if wait < time.Minute {
				half++
			}
		}
		if half < 4500 || half > 5500 {
			t.Errorf("%d of 10000 come in the first half of the time", half)
		}
		time.Sleep(time.Minute)
		if got := pace(); got != time.Minute+10*time.Millisecond {
			t.Errorf("after a minute, one is to wait for %v", got)
		}
		time.Sleep(time.Minute + 10*time.Millisecond)
		if got := pace(); got != 0 {
			t.Errorf("after two minutes, one is to wait for %v", got)
		}
	}, func(c *Config) { c.Pace = 100 })
}

// A session that is known, or no pace, is no reason to wait.
func TestNoPace(t *testing.T) {
	onEach(t, func(r *rig, form Form) {
		for range 3 {
			if c := r.tap(form, lostToken); c.pace != 0 {
				r.Errorf("pace %d without a pace", c.pace)
			}
		}
		config := r.made
		config.Pace = 1
		r.SetConfig(config)
		_, token := r.open()
		for range 3 {
			if c := r.tap(form, token); c.pace != 0 {
				r.Errorf("pace %d for a session that is known", c.pace)
			}
		}
	})
}

// Turns that are not now are told of as a bound that is met.
func TestPaceIsTold(t *testing.T) {
	inBubble(t, func(r *rig) {
		waits := uint64(0)
		for range 5 {
			if r.do("GET", "/"+lostToken, "").Pace > 0 {
				waits++
			}
		}
		if got := r.met.Counts()["push.pace"]; got != waits || waits != 3 {
			t.Errorf("told of %d of %d that wait, want 3", got, waits)
		}
	}, func(c *Config) { c.Pace, c.Met = 20, newMet() })
}

// The member comes last, and is one of the object with which a session is opened.
func TestPaceInAnAnswer(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.do("GET", "/"+lostToken, "")
		c := r.poll(lostToken + "?path=public/a")
		a := c.answer()
		r.wantAnswer(a, `public/a=""`)
		if want := `"reconnectWith":"` + a.ReconnectWith + `","pace":1000}` + "\n"; !strings.HasSuffix(string(c.body), want) {
			t.Errorf("answered %s, want %s at the end", c.body, want)
		}
	}, func(c *Config) { c.Pace = 1; c.Open = append(c.Open, "public/**") })
}

// When the daemon stops, those who wait are told to come back at some time within a spread that grows with their
// number, and where that would be at once they are told nothing.
func TestRetryWhileDraining(t *testing.T) {
	for parked, most := range map[int64]time.Duration{2: 0, 500: 0, 5000: 500 * time.Millisecond, 1_000_000: time.Second} {
		onEach(t, func(r *rig, form Form) {
			var taps []*tap
			for range 20 {
				taps = append(taps, r.tap(form, ""))
			}
			if form == Poll {
				time.Sleep(time.Second) // until they have come back, and wait
			}
			r.settle()
			r.stats.Parked.Add(parked - 20)
			r.Drain()
			r.settle()
			told := 0
			for _, c := range taps {
				later := time.Duration(c.later) * time.Millisecond
				if form != Poll {
					later = c.retried()
				}
				if later != 0 && (later < 50*time.Millisecond || later >= most) {
					r.Errorf("%v: %d parked, come back after %v", form, parked, later)
				}
				if later > 0 {
					told++
				}
			}
			if told < 10 && most > 0 || told > 0 && most == 0 {
				r.Errorf("%v: %d of 20 are told to wait, of %d parked", form, told, parked)
			}
			r.stats.Parked.Add(20 - parked)
		})
	}
}

// retried returns after how long a stream that has ended is to come back, if that is not what an event stream was told
// when it began.
func (c *tap) retried() time.Duration {
	c.wait()
	said := c.retry
	if c.form == Frames {
		said = c.end
	}
	d, _ := time.ParseDuration(said + "ms")
	if d >= time.Second {
		return 0
	}
	return d
}

// Who polls while the daemon drains is told as well, with what there is.
func TestRetryComesLast(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open("a")
		r.spread.Store(int64(time.Hour)) // or it could be so soon that nothing is said
		poll := r.poll(token)
		synctest.Wait()
		r.connect(id, "b")
		a := poll.answer()
		if a.Retry != 0 {
			t.Errorf("retry %d before it drains", a.Retry)
		}
		r.draining.Store(true)
		poll = r.poll(a.ReconnectWith)
		a = poll.answer()
		body := string(poll.body)
		if a.Retry == 0 || !strings.Contains(body, `","retry":`) || !strings.HasSuffix(body, "}\n") {
			t.Errorf("answered %s", poll.body)
		}
	})
}
