package demo

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// counted returns the messages of ticks from first to last.
func counted(first, last int) []string {
	var all []string
	for n := first; n <= last; n++ {
		all = append(all, fmt.Sprint(n))
	}
	return all
}

func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		in.set(func() { in.viewers = 1 })
		in.said("")
		want(t, request(a, "POST", "/connect/an-id", `["demo/ticks"]`), http.StatusNoContent, "")
		time.Sleep(30*time.Second + beat/2)
		synctest.Wait()
		if got := in.said(ticksPath); !slices.Equal(got, counted(1, 150)) {
			t.Errorf("in 30 s it told %v; want 1 to 150", got)
		}
		want(t, request(a, "GET", "/ticks", ""), http.StatusOK, "150")
	})
}

// TestQuiet has the demo tell nothing while nobody looks, and go on where it was when somebody does.
func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		if got := in.said(ticksPath); !slices.Equal(got, []string{`""`}) {
			t.Errorf("first it told %q; want one blank message", got)
		}
		time.Sleep(10*time.Minute + beat/2) // from here on between two beats
		if got := in.said(ticksPath); len(got) > 0 {
			t.Errorf("it told nobody %v", got)
		}
		in.set(func() { in.viewers = 1 })
		time.Sleep(10 * time.Second)
		some := len(in.said(ticksPath))
		in.set(func() { in.viewers = 0 })
		time.Sleep(10 * time.Minute)
		some += len(in.said(ticksPath))
		if some < 40 || some > 70 {
			t.Errorf("in 10 s it told %d numbers", some)
		}
		in.set(func() { in.viewers = 1 })
		request(a, "POST", "/connect/an-id", `["demo/ticks"]`)
		time.Sleep(beat)
		synctest.Wait()
		if got := in.said(ticksPath); !slices.Equal(got, counted(some+1, some+1)) {
			t.Errorf("after a rest it told %v; want %d", got, some+1)
		}
	})
}

// TestAway has ingest fail for a minute: it is logged once, changes are refused, and afterwards every view starts afresh.
func TestAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		a, in := running(t, &log)
		in.set(func() { in.viewers = 1 })
		time.Sleep(10 * time.Second)
		in.set(func() { in.away = true })
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, request(a, "POST", "/todo", `{"do":"add","text":"unheard"}`), http.StatusServiceUnavailable, "try again")
		in.set(func() { in.updates, in.requests = nil, 0 })
		time.Sleep(time.Minute)
		synctest.Wait()
		if in.requests > 8 {
			t.Errorf("in a minute it tried %d times", in.requests)
		}
		in.set(func() { in.away = false })
		time.Sleep(lastRetry + 2*time.Second)
		synctest.Wait()
		checkAfresh(t, a, in)
		if text := log.String(); strings.Count(text, "level=WARN") != 1 || strings.Count(text, "level=INFO") != 1 {
			t.Errorf("it logged\n%s", text)
		}
		want(t, request(a, "POST", "/todo", `{"do":"add","text":"heard"}`), http.StatusNoContent, "")
		if list := request(a, "GET", "/todo", "").Body.String(); strings.Contains(list, "unheard") || !strings.Contains(list, `"heard"`) {
			t.Errorf("the list is %s", list)
		}
	})
}

// checkAfresh checks that every path was told a blank message before anything else, and that ticks then go on one by one.
func checkAfresh(t *testing.T, a *App, in *standIn) {
	t.Helper()
	var blank []string
	for _, u := range in.updates {
		if string(u.Message) != `""` {
			break
		}
		blank = append(blank, u.Path)
	}
	if paths := a.paths(); !slices.Equal(blank, paths) {
		t.Errorf("blank messages at %q; want %q", blank, paths)
	}
	ticks := in.said(ticksPath)[1:]
	if len(ticks) == 0 {
		t.Fatal("no ticks after the blank message")
	}
	var first int
	_, _ = fmt.Sscan(ticks[0], &first)
	if !slices.Equal(ticks, counted(first, first+len(ticks)-1)) || first <= 1 {
		t.Errorf("ticks are %v", ticks)
	}
}

// TestOutboxFull has more happen than may wait: it is given up, and every view starts afresh.
func TestOutboxFull(t *testing.T) {
	var o outbox
	for n := range maxUnsaid {
		o.add(update{Path: "a", Message: n})
	}
	if o.afresh || len(o.updates) != maxUnsaid {
		t.Fatalf("%d wait, afresh %v", len(o.updates), o.afresh)
	}
	o.add(update{Path: "a", Message: "one more"})
	o.add(update{Path: "a", Message: "and another"})
	batch, afresh := o.take([]string{"a", "b"})
	if want := []update{{Path: "a", Message: ""}, {Path: "b", Message: ""}}; !afresh || !slices.Equal(batch, want) || len(o.updates) > 0 {
		t.Errorf("taken %v, afresh %v, %d left", batch, afresh, len(o.updates))
	}
}

func TestRunRefuses(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:8004", "ftp://localhost", "http://", "http://localhost:8004?a=b", "http://%"} {
		if err := New(Config{}).Run(t.Context(), base); err == nil {
			t.Errorf("it runs on %q", base)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		a, _ := running(t, t.Output())
		if err := a.Run(t.Context(), "http://localhost:8004"); err == nil {
			t.Error("it runs twice")
		}
	})
}

// TestRunAgain ends a run and begins another: the state goes on, and every view starts afresh.
func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &standIn{viewers: 1}
		a := New(Config{Transport: in})
		for run := range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := a.Run(ctx, "http://localhost:8004"); err != nil {
				t.Fatal(err)
			}
			cancel()
			want(t, request(a, "POST", "/todo", `{"do":"reset"}`), http.StatusServiceUnavailable, "")
			if got := in.said(ticksPath); len(got) < 200 || got[0] != `""` || (got[1] == "1") != (run == 0) {
				t.Errorf("run %d told %d numbers, first %.3q", run, len(got), got)
			}
		}
	})
}

func TestJobs(t *testing.T) {
	for _, j := range newJobs() {
		ends, before := 0, j.percent
		for range 10_000 {
			changed := j.step()
			if changed != (j.percent != before) || j.percent < before && (before != finished || j.percent != 0) || j.percent > finished {
				t.Fatalf("%s goes from %d to %d, and says %v", j.name, before, j.percent, changed)
			}
			if before = j.percent; changed && before == finished {
				ends++
			}
		}
		if ends < 10 {
			t.Errorf("%s was done %d times in 10,000 beats", j.name, ends)
		}
	}
}
