package lane

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// lines is a log of lines without their time.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// taken returns what was written since it was called before.
func (l *lines) taken() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.TrimSpace(l.text.String())
	l.text.Reset()
	return text
}

func newMet(level slog.Level) (*Met, *lines) {
	said := new(lines)
	options := slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	value := func(setting string) any { return "value of " + setting }
	return NewMet(slog.New(slog.NewTextHandler(said, &options)), value), said
}

// A bound that is met is said at once, and then every 10 s at most, for as long as it is met.
func TestMet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		wants := func(times int) {
			t.Helper()
			synctest.Wait()
			want := ""
			if times > 0 {
				want = `level=WARN msg="a bound is met" setting=limits.sessions value="value of limits.sessions" times=` +
					fmt.Sprint(times)
			}
			if got := said.taken(); got != want {
				t.Errorf("after %v the log says %q, want %q", time.Since(began(t)), got, want)
			}
		}
		met.Note("limits.sessions")
		wants(1)
		for range 99 { // for 9.9 s
			time.Sleep(100 * time.Millisecond)
			met.Note("limits.sessions")
		}
		wants(0)
		time.Sleep(200 * time.Millisecond)
		wants(99)
		met.Note("limits.sessions")
		wants(0)
		time.Sleep(10 * time.Second)
		wants(1)
		time.Sleep(time.Hour)
		wants(0)
		met.Note("limits.sessions")
		wants(1)
		if got := met.Counts()["limits.sessions"]; got != 102 {
			t.Errorf("counted %d, want 102", got)
		}
	})
}

// began returns when a bubble's time begins.
func began(*testing.T) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// What is said again and again beside bounds is said as seldom, with what it was the last time, and is no bound.
func TestMetTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		wants := func(want string) {
			t.Helper()
			synctest.Wait()
			if got := said.taken(); got != want {
				t.Errorf("the log says %q, want %q", got, want)
			}
		}
		met.Trouble("it does not work", "here", "port", "here", "try", 1)
		wants(`level=WARN msg="it does not work" times=1 port=here try=1`)
		met.Trouble("it does not work", "there", "port", "there")
		wants(`level=WARN msg="it does not work" times=1 port=there`)
		for try := range 3 {
			met.Trouble("it does not work", "here", "port", "here", "try", 2+try)
		}
		wants("")
		time.Sleep(10 * time.Second)
		wants(`level=WARN msg="it does not work" times=3 port=here try=4`)
		if n := len(met.Counts()); n != 0 {
			t.Errorf("%d counted", n)
		}
	})
}

// Of a bound on each address one is named that has met it, and of no other.
func TestMetOfAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		refused := Refuse(429, "address_sessions", "too many")
		bounds := map[string]string{"address_sessions": "limits.address_sessions", "sessions": "limits.sessions"}
		wants := func(end string) {
			t.Helper()
			synctest.Wait()
			const begin = `level=WARN msg="a bound is met" setting=limits.`
			if got := said.taken(); !strings.HasPrefix(got, begin) || !strings.HasSuffix(got, end) {
				t.Errorf("the log says %q, want %q at its end", got, end)
			}
		}
		met.NoteProblem(refused.By(netip.MustParseAddr("203.0.113.7")), bounds)
		wants(` value="value of limits.address_sessions" times=1 address=203.0.113.7`)
		met.NoteProblem(refused.By(netip.MustParseAddr("203.0.113.8")), bounds)
		met.NoteProblem(refused.By(netip.MustParseAddr("2001:db8::")), bounds)
		time.Sleep(10 * time.Second)
		wants(` value="value of limits.address_sessions" times=2 address=2001:db8::`)
		met.NoteProblem(Refuse(503, "sessions", "too many"), bounds)
		wants(` value="value of limits.sessions" times=1`)
		met.NoteProblem(Refuse(404, "address", "nothing"), bounds)
		met.Notice("push.pace")
		synctest.Wait()
		if got := said.taken(); !strings.HasPrefix(got, "level=INFO") || met.Counts()["push.pace"] != 1 {
			t.Errorf("the log says %q", got)
		}
	})
}

// One bound says nothing of another, and what is routine is for those who look closely.
func TestMetSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		met.Note("limits.paths")
		synctest.Wait()
		said.taken()
		met.NoteError(fmt.Errorf("it is so: %w", dispatch.ErrPermits))
		met.NoteError(dispatch.ErrUnknownID)
		synctest.Wait()
		if got := said.taken(); !strings.Contains(got, "limits.permits") || strings.Contains(got, "\n") {
			t.Errorf("the log says %q", got)
		}
		met.Routine("limits.idle")
		synctest.Wait()
		if got := said.taken(); got != "" || met.Counts()["limits.idle"] != 1 {
			t.Errorf("the log says %q", got)
		}
		met, said = newMet(slog.LevelDebug)
		met.Routine("limits.idle")
		synctest.Wait()
		if got := said.taken(); !strings.HasPrefix(got, "level=DEBUG") {
			t.Errorf("the log says %q", got)
		}
	})
}

// A Met that is closed has said everything, and leaves no timer behind.
func TestMetClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		met.Note("limits.paths")
		synctest.Wait()
		said.taken()
		met.Note("limits.paths") // would be said in ten seconds
		met.Close()
		if got := said.taken(); !strings.Contains(got, "setting=limits.paths") {
			t.Errorf("after Close the log says %q", got)
		}
		met.Note("limits.paths")
		met.Note("limits.sessions")
		time.Sleep(time.Minute)
		if got := said.taken(); got != "" || met.Counts()["limits.sessions"] != 1 {
			t.Errorf("a minute after Close the log says %q", got)
		}
	})
}

// Many may note at a time; each is said once.
func TestMetByMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		met, said := newMet(slog.LevelInfo)
		for range 50 {
			go func() {
				for range 100 {
					met.Note("limits.paths")
				}
			}()
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		synctest.Wait()
		sum := 0
		for line := range strings.SplitSeq(said.taken(), "\n") {
			var times int
			_, after, _ := strings.Cut(line, "times=")
			if _, err := fmt.Sscan(after, &times); err != nil {
				t.Fatal(err)
			}
			sum += times
		}
		if sum != 5000 {
			t.Errorf("%d were said, want 5000", sum)
		}
	})
}

// Nobody need be told.
func TestNoMet(t *testing.T) {
	var met *Met
	met.Note("limits.paths")
	met.NoteError(dispatch.ErrPaths)
	met.Trouble("it does not work", "here")
	if n := len(met.Counts()); n != 0 {
		t.Errorf("%d counted", n)
	}
}
