package push

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// join opens a session that is connected to patterns by ingest.
func (s *side) join(t testing.TB, patterns ...dispatch.Pattern) *Session {
	t.Helper()
	session, err := s.open(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range patterns {
		s.give(t, dispatch.Command(dispatch.PathConnect, session.id(), pattern, 0))
	}
	s.ids, s.waiters = append(s.ids, session.id()), append(s.waiters, nil)
	return session
}

func (s *side) give(t testing.TB, updates ...dispatch.Update) {
	t.Helper()
	if err := s.dispatcher.Apply(s.senders["ingest"], updates...); err != nil {
		t.Fatal(err)
	}
}

// hand takes what there is for a poll with a cursor, and says that it was written.
func (s *Session) hand(t testing.TB, cursor uint64) string {
	t.Helper()
	waiter, now := new(stubWaiter), time.Now()
	if err := s.Park(cursor, Poll, waiter, now); err != nil {
		t.Fatal(err)
	}
	text, seq, _ := s.Take(nil, waiter, now)
	s.Wrote(seq, now)
	return string(text)
}

func (s *side) snapshot(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	if _, err := s.Save(&file, s.nameOf); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func (s *side) mustRestore(t testing.TB, snapshot []byte) Saved {
	t.Helper()
	saved, err := s.Restore(bytes.NewReader(snapshot), s.idOf)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// varied is a side with a little of everything.
func varied(t testing.TB) *side {
	config := testConfig()
	config.Queue.Messages = 8
	s := newSide(t, config)
	a, b := s.join(t, "a", "b/**", "::members/a"), s.join(t, "a")
	s.join(t)
	s.give(t, dispatch.Command(dispatch.PathConnect, b.id(), "b/*", time.Hour),
		dispatch.Command(dispatch.PathPermit, b.id(), "a", time.Minute),
		dispatch.Command(dispatch.PathPermit, b.id(), "c/**", 0))
	if err := s.dispatcher.Publish(b.id(), newUpdate("a", `"from b"`, dispatch.Options{From: b.id()})); err != nil {
		t.Fatal(err)
	}
	a.hand(t, 0)
	for i := range 12 {
		s.give(t, newUpdate(fmt.Sprint("b/", i%5), `{"n":1}`, dispatch.Options{Latest: i%2 == 0}))
	}
	return s
}

// nothing tells whether s is as it was made.
func (s *side) nothing(counter uint64) error {
	components, patterns := s.dispatcher.Counts()
	stats := &s.stats
	if s.Sessions() != 0 || components != 2 || patterns != 0 || s.dispatcher.Subscriptions() != 0 ||
		s.controller.Counter() != counter || len(s.wheel.all()) != 0 || s.origin != s.began ||
		stats.Messages.Load() != 0 || stats.Bytes.Load() != 0 || stats.Holding.Load() != 0 {
		return fmt.Errorf("%d sessions, %d components, %d patterns, ID %d, %d messages of %d bytes in %d queues",
			s.Sessions(), components, patterns, s.controller.Counter(),
			stats.Messages.Load(), stats.Bytes.Load(), stats.Holding.Load())
	}
	return nil
}

// Wherever a snapshot ends too soon, and whatever follows its end, it is refused, and nothing has changed.
func TestRestoreRefusesDamage(t *testing.T) {
	good := varied(t).snapshot(t)
	s := newSide(t, testConfig())
	counter := s.controller.Counter()
	refused := func(what string, snapshot []byte, want error) {
		t.Helper()
		saved, err := s.Restore(bytes.NewReader(snapshot), s.idOf)
		if err == nil || saved != (Saved{}) || want != nil && !errors.Is(err, want) {
			t.Fatalf("%s: %+v, %v", what, saved, err)
		}
		if err := s.nothing(counter); err != nil {
			t.Fatalf("%s leaves %v", what, err)
		}
	}
	for n := range good {
		refused(fmt.Sprintf("the first %d bytes", n), good[:n], io.ErrUnexpectedEOF)
	}
	refused("a byte more", append(good[:len(good):len(good)], 0), nil)
	refused("another node's", append([]byte("\x04tesu"), good[5:]...), nil)
	broken := errors.New("broken disk")
	half := io.MultiReader(bytes.NewReader(good[:50]), brokenReader{broken})
	if _, err := s.Restore(half, s.idOf); !errors.Is(err, broken) {
		t.Error(err)
	}
	other, err := varied(t).open(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.push.Restore(bytes.NewReader(good), nil); err == nil {
		t.Error("there are sessions, and more are restored")
	}
	s.mustRestore(t, good)
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// An ID that is taken is found last of all, and still nothing has changed.
func TestRestoreRefusesTakenIDs(t *testing.T) {
	old := varied(t)
	s := newSide(t, testConfig())
	r := s.dispatcher.NewRestoration()
	if _, err := r.Enroll(old.ids[1], new(component)); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	counter := s.controller.Counter()
	if _, err := s.Restore(bytes.NewReader(old.snapshot(t)), nil); !errors.Is(err, dispatch.ErrTaken) {
		t.Fatal(err)
	}
	s.controller.Unregister(old.ids[1])
	if err := s.nothing(counter); err != nil {
		t.Error(err)
	}
}

// What a snapshot only announces takes no memory.
func TestRestoreTrustsNoLength(t *testing.T) {
	old := newSide(t, testConfig())
	a := old.join(t, "a")
	old.give(t, newUpdate("a", `"`+strings.Repeat("x", 300)+`"`, dispatch.Options{}))
	good := old.snapshot(t)
	huge := binary.AppendUvarint(nil, longestValue)
	at := bytes.Index(good, []byte{302&0x7f | 0x80, 302 >> 7, '"', 'x'})
	if at < 0 {
		t.Fatalf("no message in %q", good)
	}
	bad := append(append(bytes.Clone(good[:at]), huge...), good[at+2:]...)
	s := newSide(t, testConfig())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.Restore(bytes.NewReader(bad), s.idOf)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d bytes were allocated for %d", took, len(bad))
	}
	if strings.Contains(err.Error(), string(a.secret[:])) {
		t.Errorf("the error tells a secret: %v", err)
	}
}

// What is kept for long is kept, though it is seen long after.
func TestRestoreKeepsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := newSide(t, testConfig())
		s := old.join(t, "a")
		m := newMessage(`"old"`, dispatch.Options{Latest: true})
		mark := dispatch.GapMessage(gapResume)
		s.mu.Lock()
		s.queue.confirmed = 40
		s.queue.held = &backlog{
			entries: []entry{{mark, "b", 41}, {mark, "c/*", 43}, {m, "a", 44}, {m, "a", 50}},
			last:    50, sent: 44, written: 43, faded: 2, loose: true,
		}
		for i := range s.queue.held.entries {
			s.queue.held.bytes += s.queue.held.entries[i].size()
		}
		s.gaps = gaps{3, 4}
		s.mu.Unlock()
		next := newSide(t, testConfig())
		next.mustRestore(t, old.snapshot(t))
		got := next.of(s.id())
		b := got.queue.held
		if got.queue.confirmed != 40 || b.last != 50 || b.sent != 44 || b.written != 43 || b.given != 40 || b.faded != 2 ||
			!b.loose || b.bytes != s.queue.held.bytes || got.gaps != s.gaps || cap(b.entries) > 8 {
			t.Errorf("confirmed %d, gaps %v, queue %+v", got.queue.confirmed, got.gaps, b)
		}
		if b.entries[0].message != b.entries[1].message || b.entries[2].message != b.entries[3].message {
			t.Error("what was one message is several")
		}
	})
}

func (s *side) of(id dispatch.ID) *Session {
	found, _ := s.controller.Find(id).(*Session)
	return found
}

// Tokens are good after a restart as they were before, and for nobody else.
func TestRestoreKeepsTokens(t *testing.T) {
	inBubble(t, func(old *rig) {
		id, token := old.open("a")
		old.update("a", "1")
		newer := old.do("GET", "/"+token, "").ReconnectWith
		old.update("a", "2")
		var file bytes.Buffer
		if _, err := old.Save(&file, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r := newRig(old.TB)
		if _, err := r.Restore(&file, nil); err != nil {
			t.Fatal(err)
		}
		wrong := newer[:len(newer)-1] + "0"
		if newer == wrong {
			wrong = newer[:len(newer)-1] + "1"
		}
		ahead := strings.Replace(newer, "/2/", "/9/", 1)
		for _, unknown := range []string{wrong, ahead} {
			if a := r.do("GET", "/"+unknown, ""); a.code != 200 || a.id() == id || len(a.Updates) > 0 {
				t.Errorf("%s: %d %v of %s", unknown, a.code, a, a.id())
			}
		}
		if a := r.do("GET", "/"+token, ""); a.String() != "a=1 a=2" || a.id() != id {
			t.Errorf("with the older token: %v", a)
		}
		if a := r.do("GET", "/"+newer, ""); a.String() != "a=2" {
			t.Errorf("with the newer token: %v", a)
		}
		if a := r.do("GET", "/"+token, ""); a.code != 409 || a.Reason != "stale" {
			t.Errorf("with the stale token: %d %s", a.code, a.Reason)
		}
	})
}

// The daemon's components are called what they were called, and another where they are no more.
func TestRestoreKeepsWhoConnected(t *testing.T) {
	old := newSide(t, testConfig())
	s := old.join(t, "a")
	id := s.id()
	for sender, pattern := range map[dispatch.ID]dispatch.Pattern{
		"": "b", old.senders["line"]: "c", id: "d", old.controller.ID(): "e",
	} {
		if err := old.dispatcher.Apply(sender, dispatch.Command(dispatch.PathConnect, id, pattern, 0)); err != nil {
			t.Fatal(err)
		}
	}
	next := newSide(t, testConfig())
	delete(next.senders, "line")
	next.mustRestore(t, old.snapshot(t))
	info, _ := next.dispatcher.Client(id)
	for i, want := range []dispatch.ID{next.senders["ingest"], "", "", id, next.controller.ID()} {
		if got := info.Connected[i].By; got != want {
			t.Errorf("%s was connected by %q, want %q", info.Connected[i].Pattern, got, want)
		}
	}
}

// While the daemon is down, leases and messages grow older by the clock, and sessions do not.
func TestRestoreTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := testConfig()
		old := newSide(t, config)
		away, waiting, sent := old.join(t, "a"), old.join(t, "a"), old.join(t, "a")
		old.give(t, dispatch.Command(dispatch.PathConnect, away.id(), "b", time.Minute),
			dispatch.Command(dispatch.PathPermit, away.id(), "b", 10*time.Minute))
		for _, s := range []*Session{waiting, sent} {
			if err := s.Park(0, Events, new(stubWaiter), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		old.give(t, newUpdate("a", "1", dispatch.Options{}))
		opened := away.describe().Since
		old.Drain()
		sent.Unpark(sent.waiter, time.Now())
		time.Sleep(2 * time.Second)
		file := old.snapshot(t)
		time.Sleep(5 * time.Minute)

		next := newSide(t, config)
		next.mustRestore(t, file)
		synctest.Wait()
		for name, test := range map[string]struct {
			s    *Session
			want time.Duration
		}{"away": {away, 18 * time.Second}, "waiting": {waiting, config.Expire}, "sent away": {sent, config.Expire}} {
			restored := next.of(test.s.id())
			if got := time.Until(restored.describe().Until); got != test.want {
				t.Errorf("%s: %v are left, want %v", name, got, test.want)
			}
			if got := restored.describe().Since; !got.Equal(opened) {
				t.Errorf("%s: opened at %v, want %v", name, got, opened)
			}
		}
		s := next.of(away.id())
		info, _ := next.dispatcher.Client(away.id())
		if len(info.Connected) != 1 || info.Permits[0].Lapses != 10*time.Minute-5*time.Minute-12*time.Second {
			t.Errorf("holds %v and %v", info.Connected, info.Permits)
		}
		if got := s.hand(t, 0); !strings.Contains(got, `"::+::disconnect"`) || !strings.Contains(got, `"gap":"age"`) {
			t.Errorf("a client that comes back is told %s", got)
		}
	})
}

// A clock that was set back counts as no time.
func TestRestoreWithAnEarlierClock(t *testing.T) {
	var file []byte
	var id dispatch.ID
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(24 * time.Hour)
		old := newSide(t, testConfig())
		id = old.join(t).id()
		old.give(t, dispatch.Command(dispatch.PathConnect, id, "a", time.Minute))
		time.Sleep(20 * time.Second)
		file = old.snapshot(t)
	})
	synctest.Test(t, func(t *testing.T) {
		next := newSide(t, testConfig())
		next.mustRestore(t, file)
		info, _ := next.dispatcher.Client(id)
		s := next.of(id)
		left, since, opened := info.Connected[0].Lapses, info.Connected[0].Since, time.Since(s.describe().Since)
		if left != 40*time.Second || opened != 20*time.Second || since.After(time.Now()) {
			t.Errorf("%v are left, opened %v ago, connected at %v", left, opened, since)
		}
	})
}

// More sessions than there may be now are all kept, and no more are opened.
func TestRestoreAboveTheLimit(t *testing.T) {
	old := newSide(t, testConfig())
	for range 5 {
		old.join(t, "a", "b")
	}
	config := testConfig()
	config.MaxSessions = 3
	next := newSide(t, config)
	next.dispatcher.SetLimits(dispatch.Limits{Paths: 1, Subscriptions: 1})
	if saved := next.mustRestore(t, old.snapshot(t)); saved != (Saved{5, 10, 0, 10}) || next.Sessions() != 5 {
		t.Errorf("%+v", saved)
	}
	if _, err := next.open(time.Now()); err == nil {
		t.Error("one more is opened")
	}
}

// A message that many clients wait for stands in the snapshot once, and in memory after it.
func TestSaveSharesMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := newSide(t, testConfig())
		for range 100 {
			old.join(t, "news")
		}
		text := strings.Repeat("x", 10_000)
		old.give(t, newUpdate("news", `"`+text+`"`, dispatch.Options{}))
		file := old.snapshot(t)
		if n := bytes.Count(file, []byte(text)); n != 1 {
			t.Errorf("it is written %d times", n)
		}
		next := newSide(t, testConfig())
		next.mustRestore(t, file)
		var first *dispatch.Message
		for i, id := range old.ids {
			entries := next.of(id).queue.held.entries
			if m := entries[len(entries)-1].message; i == 0 {
				first = m
			} else if m != first {
				t.Fatal("there are several")
			}
		}
	})
}

// FuzzRestore reads anything. What is refused has changed nothing, and what is taken can be written and read again.
func FuzzRestore(f *testing.F) {
	f.Add(varied(f).snapshot(f))
	f.Add(newSide(f, testConfig()).snapshot(f))
	one := newSide(f, testConfig())
	one.join(f, "a", "*").hand(f, 0)
	f.Add(one.snapshot(f))
	aged := append([]byte("\x04test"), 1) // written in 1970, when it was as old as may be
	f.Add(append(binary.AppendUvarint(aged, uint64(longestAge)), 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newSide(t, testConfig())
		counter := s.controller.Counter()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		saved, err := s.Restore(bytes.NewReader(data), s.idOf)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+2000*uint64(len(data)) {
			t.Fatalf("%d bytes were allocated for %d", took, len(data))
		}
		if err != nil {
			if err := s.nothing(counter); err != nil {
				t.Fatal(err)
			}
			return
		}
		again := newSide(t, testConfig())
		if got := again.mustRestore(t, s.snapshot(t)); got.Sessions > saved.Sessions { // some may have expired
			t.Fatalf("%+v were restored, and %+v after that", saved, got)
		}
		for _, session := range again.wheel.all() {
			session.hand(t, session.describe().Confirmed)
			again.leave(session)
		}
		components, patterns := again.dispatcher.Counts()
		if again.Sessions() != 0 || components != 2 || patterns != 0 || again.stats.Bytes.Load() != 0 {
			t.Fatalf("%d sessions, %d components, %d patterns are left", again.Sessions(), components, patterns)
		}
	})
}

// BenchmarkState saves and restores very many sessions, each connected to a path of its own and to one that all have,
// with two messages that wait, of which one is the same for all. It says how long each takes, and how large what is
// written is.
func BenchmarkState(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				benchState(b, n)
			}
		})
	}
}

func benchState(b *testing.B, n int) {
	config := testConfig()
	config.MaxSessions, config.Hold, config.Expire, config.Queue.Age = n, time.Hour, time.Hour, time.Hour
	heapEmpty := heapInUse()
	old := newSide(b, config)
	for i := range n {
		s, err := old.open(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		own := fmt.Sprintf("users/%d", i)
		old.give(b, dispatch.Command(dispatch.PathConnect, s.id(), dispatch.Pattern(own), 0),
			dispatch.Command(dispatch.PathConnect, s.id(), "all", 0))
		s.hand(b, 0)
		_ = s.Confirm(2, time.Now())
		old.give(b, newUpdate(own, fmt.Sprintf(`{"order":%d,"state":"shipped"}`, i), dispatch.Options{}))
	}
	old.give(b, newUpdate("all", `"good morning"`, dispatch.Options{}))
	heapOld := heapInUse()
	next := newSide(b, config)
	began := time.Now()
	var file bytes.Buffer
	if _, err := old.Save(&file, old.nameOf); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-save")
	b.ReportMetric(float64(file.Len())/float64(n), "B/session")
	b.ReportMetric(float64(heapOld-heapEmpty)/float64(n), "heap-B/session")
	began = time.Now()
	saved := next.mustRestore(b, file.Bytes())
	b.ReportMetric(time.Since(began).Seconds(), "s-restore")
	if saved.Sessions != n || saved.Messages != 2*n {
		b.Fatalf("%+v", saved)
	}
}
