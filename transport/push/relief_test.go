package push

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// oneMark is what one mark takes at the most, of the paths of these tests.
const oneMark = 2*entryOverhead + 8

// All queues together keep within the total, whoever the updates are for, and each client is told of what it did not
// get.
func TestTotal(t *testing.T) {
	inBubble(t, func(r *rig) {
		const clients = 20
		total := r.config().Total
		var tokens []string
		for i := range clients {
			_, token := r.open("all", dispatch.Pattern(fmt.Sprintf("own/%d", i)))
			tokens = append(tokens, token)
		}
		most := int64(0)
		for n := range 2000 {
			path := "all"
			if n%3 > 0 {
				path = fmt.Sprintf("own/%d", n%7) // some are told more often
			}
			r.update(path, fmt.Sprintf(`{"n":%d,"text":"%0100d"}`, n, 0))
			most = max(most, r.stats.Bytes.Load())
			synctest.Wait()
			if now := r.stats.Bytes.Load(); now > total+clients*oneMark {
				t.Fatalf("%d bytes are held after %d updates, of %d", now, n, total)
			}
		}
		if most > total*5/4 {
			t.Errorf("%d bytes were held at a time, of %d", most, total)
		}
		if r.met.Counts()["push.queue.total"] == 0 {
			t.Error("nobody was told")
		}
		for i, token := range tokens {
			a := r.do("GET", "/"+token, "")
			wantNoHole(t, a, "all", func(n int) bool { return n%3 == 0 })
			wantNoHole(t, a, fmt.Sprintf("own/%d", i), func(n int) bool { return n%3 > 0 && n%7 == i })
			r.do("DELETE", "/"+a.ReconnectWith, "")
		}
		if n := r.stats.Holding.Load(); n != 0 || r.stats.Bytes.Load() != 0 {
			t.Errorf("%d sessions hold %d bytes in the end", n, r.stats.Bytes.Load())
		}
	}, func(c *Config) { c.Total, c.Bundle, c.Met = 40<<10, 0, newMet() })
}

// wantNoHole wants every update of 2000 that was for a path to be there, in order, or to be covered by a mark that
// comes after it would have.
func wantNoHole(t *testing.T, a *answer, path string, was func(n int) bool) {
	t.Helper()
	next := 0
	for _, u := range a.Updates {
		if u.Gap != "" && standsFor(dispatch.Pattern(u.Path), dispatch.Path(path)) {
			next = -1 // whatever comes next is the first that is there
			continue
		}
		if u.Path != path {
			continue
		}
		var message struct{ N int }
		if err := json.Unmarshal(u.Message, &message); err != nil {
			t.Fatal(err)
		}
		for ; next >= 0 && next < message.N; next++ {
			if was(next) {
				t.Errorf("%s: %d is missing without a mark", path, next)
			}
		}
		next = message.N + 1
	}
	for ; next >= 0 && next < 2000; next++ {
		if was(next) {
			t.Errorf("%s: %d is missing without a mark in the end", path, next)
		}
	}
}

// Who keeps little loses nothing because of others who keep much, also where those are not told of anything any more.
func TestTotalIsShared(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, hog := r.open("hog")
		_, quick := r.open("quick")
		for range 100 {
			r.update("hog", fmt.Sprintf(`"%0300d"`, 0))
		}
		before, _ := r.session((&answer{ReconnectWith: hog}).id()).queue.size()
		for n := range 20 {
			r.update("quick", fmt.Sprintf(`"%d %0200d"`, n, 0))
			if n%5 != 4 {
				continue
			}
			a := r.do("GET", "/"+quick, "")
			if len(a.Updates) != 5 || strings.Contains(a.String(), "#") {
				t.Fatalf("heard %v", a)
			}
			quick = a.ReconnectWith
		}
		for range 90 { // more than its share, so that something has to go
			r.update("quick", fmt.Sprintf(`"%0200d"`, 0))
		}
		synctest.Wait()
		after, _ := r.session((&answer{ReconnectWith: hog}).id()).queue.size()
		if bytes := r.stats.Bytes.Load(); bytes > r.config().Total || after >= before {
			t.Errorf("%d bytes are held; the one that is told of nothing has %d of %d messages", bytes, after, before)
		}
		a := r.do("GET", "/"+hog, "")
		if !strings.Contains(a.String(), "hog#overflow") {
			t.Error("what it lost is not marked")
		}
		r.do("DELETE", "/"+a.ReconnectWith, "")
		a = r.do("GET", "/"+quick, "")
		quick = a.ReconnectWith
		for range 50 { // it has recovered
			r.update("quick", fmt.Sprintf(`"%0200d"`, 0))
		}
		if a = r.do("GET", "/"+quick, ""); len(a.Updates) != 50 || strings.Contains(a.String(), "#") {
			t.Errorf("heard %d updates after it was over: %.200s", len(a.Updates), a)
		}
	}, func(c *Config) { c.Total, c.Bundle = 40<<10, 0 })
}

// A lower total, as after a reload, is kept to before anybody is told of anything.
func TestLowerTotal(t *testing.T) {
	inBubble(t, func(r *rig) {
		_, token := r.open("a")
		for range 100 {
			r.update("a", fmt.Sprintf(`"%0300d"`, 0))
		}
		config := r.made
		config.Total = 10 << 10
		r.SetConfig(config)
		time.Sleep(r.wheel.tick)
		synctest.Wait()
		if bytes := r.stats.Bytes.Load(); bytes > config.Total {
			t.Errorf("%d bytes are held, of %d", bytes, config.Total)
		}
		if a := r.do("GET", "/"+token, ""); !strings.Contains(a.String(), "a#overflow") {
			t.Errorf("heard %.200s", a)
		}
	})
}
