package push

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

// side is a Push with what it stands on, before the restart or after it.
type side struct {
	*Push
	senders map[string]dispatch.ID // the daemon's components, by their names
	ids     []dispatch.ID          // of clients, by their numbers
	waiters []*stubWaiter          // of the same; nil where none is parked
	names   []string               // for a strings.Replacer: what is another on each side
}

type stubWaiter struct{ woken int }

func (w *stubWaiter) Wake() { w.woken++ }

// component is one of the daemon's that is told of nothing.
type component struct{ _ byte }

func (*component) Update(dispatch.ID, dispatch.Path, *dispatch.Message) {}

func newSide(t testing.TB, config Config) *side {
	c := dispatch.NewController("test")
	s := &side{Push: New(config, c, dispatch.NewDispatcher(c), slog.New(slog.DiscardHandler))}
	s.senders = map[string]dispatch.ID{"rootsd": c.ID()}
	for _, name := range []string{"ingest", "line"} {
		s.senders[name] = c.Register(new(component))
	}
	s.names = []string{string(c.ID()), "<rootsd>"}
	t.Cleanup(func() { s.Close(); s.dispatcher.Close() })
	return s
}

// nameOf names a sender, as the daemon does.
func (s *side) nameOf(id dispatch.ID) string {
	for name, known := range s.senders {
		if id == known {
			return name
		}
	}
	return ""
}

func (s *side) idOf(name string) dispatch.ID { return s.senders[name] }

// session returns the session of a client, or nil if it has ended.
func (s *side) session(client int) *Session {
	found, _ := s.controller.Find(s.ids[client]).(*Session)
	return found
}

// open opens a session for one more client.
func (s *side) begin(t *rapid.T) string {
	opened, err := s.open(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	n := len(s.ids)
	s.ids, s.waiters = append(s.ids, opened.id()), append(s.waiters, nil)
	s.names = append(s.names, string(opened.id()), fmt.Sprintf("<%d>", n))
	s.names = append(s.names, string(opened.secret[:]), fmt.Sprintf("<secret %d>", n))
	return fmt.Sprint(s.controller.Counter())
}

// twins are one side and, after the restart, another, to which the same happens.
type twins struct {
	t     *rapid.T
	sides []*side
}

// TestRestart has anything happen to clients, restarts, and has anything happen to the clients of the daemon that was
// restarted and to those of the one that was not: they are given the same answers, byte by byte, and the same is said
// of them.
func TestRestart(t *testing.T) {
	checkInBubbles(t, func(t *testing.T, rt *rapid.T) {
		config := testConfig()
		config.Queue = QueueLimits{
			Messages: rapid.SampledFrom([]int{3, 8, 1000}).Draw(rt, "messages"), Bytes: 1 << 20, Age: 10 * time.Second,
		}
		config.Resume = rapid.SampledFrom([]int{0, 2, 8}).Draw(rt, "resume")
		config.Hold, config.Expire = 5*time.Second, 6*time.Second
		w := &twins{t: rt, sides: []*side{newSide(t, config)}}
		for range rapid.IntRange(1, 4).Draw(rt, "clients") {
			w.do(func(s *side) string { return s.begin(rt) })
		}
		rt.Repeat(w.actions())
		w.restart(newSide(t, config))
		rt.Repeat(w.actions())
		w.end()
	})
}

func (w *twins) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"open":       func(t *rapid.T) { w.do(func(s *side) string { return s.begin(t) }) },
		"connect":    func(*rapid.T) { w.command(dispatch.PathConnect) },
		"connect2":   func(*rapid.T) { w.command(dispatch.PathConnect) },
		"disconnect": func(*rapid.T) { w.command(dispatch.PathDisconnect) },
		"permit":     func(*rapid.T) { w.command(dispatch.PathPermit) },
		"forbid":     func(*rapid.T) { w.command(dispatch.PathForbid) },
		"update":     func(*rapid.T) { w.update() },
		"burst":      func(t *rapid.T) { w.burst() },
		"publish":    func(*rapid.T) { w.publish() },
		"park":       func(*rapid.T) { w.park() },
		"park2":      func(*rapid.T) { w.park() },
		"take":       func(*rapid.T) { w.take() },
		"take2":      func(*rapid.T) { w.take() },
		"go":         func(*rapid.T) { w.unpark() },
		"confirm":    func(*rapid.T) { w.confirm() },
		"leave":      func(*rapid.T) { w.leave() },
		"pass":       func(*rapid.T) { w.pass() },
		"":           func(*rapid.T) { w.compare() },
	}
}

// do does something on each side, which must come to the same.
func (w *twins) do(what func(*side) string) string {
	w.t.Helper()
	var first string
	for i, s := range w.sides {
		got := what(s)
		got = strings.NewReplacer(s.names...).Replace(got)
		if i == 0 {
			first = got
		} else if got != first {
			w.t.Fatalf("after the restart\n%s\nwithout it\n%s", got, first)
		}
	}
	return first
}

func (w *twins) client() int {
	n := rapid.IntRange(0, len(w.sides[0].ids)-1).Draw(w.t, "client")
	if w.sides[0].session(n) == nil {
		w.t.Skip("it has ended")
	}
	return n
}

var statePatterns = []dispatch.Pattern{"a", "b/1", "b/2", "b/*", "b/**", "**", "::members/a", "::members/b/1", "::gone"}

func (w *twins) command(path dispatch.Path) {
	n, pattern := w.client(), rapid.SampledFrom(statePatterns).Draw(w.t, "pattern")
	sender := rapid.SampledFrom([]string{"", "itself", "ingest", "line", "rootsd"}).Draw(w.t, "sender")
	term := rapid.SampledFrom([]time.Duration{0, 0, time.Second, 4 * time.Second}).Draw(w.t, "term")
	w.do(func(s *side) string {
		id := s.senders[sender]
		if sender == "itself" {
			id = s.ids[n]
		}
		return fmt.Sprint(s.dispatcher.Apply(id, dispatch.Command(path, s.ids[n], pattern, term)))
	})
}

func (w *twins) update() {
	path := rapid.SampledFrom([]string{"a", "b/1", "b/2", "b/c/3"}).Draw(w.t, "path")
	number := fmt.Sprint(rapid.Uint16().Draw(w.t, "number"))
	value := rapid.SampledFrom([]string{`"é\n"`, `{"a":[1,null]}`, `""`, number}).Draw(w.t, "value")
	latest := rapid.Bool().Draw(w.t, "latest")
	except := rapid.IntRange(-1, len(w.sides[0].ids)-1).Draw(w.t, "except")
	w.do(func(s *side) string {
		options := dispatch.Options{Latest: latest}
		if except >= 0 {
			options.Except = s.ids[except]
		}
		return fmt.Sprint(s.dispatcher.Apply("", newUpdate(path, value, options)))
	})
}

func (w *twins) burst() {
	for range rapid.IntRange(2, 12).Draw(w.t, "size") {
		w.update()
	}
}

func (w *twins) publish() {
	n := w.client()
	path := rapid.SampledFrom([]string{"a", "b/1"}).Draw(w.t, "path")
	w.do(func(s *side) string {
		return fmt.Sprint(s.dispatcher.Publish(s.ids[n], newUpdate(path, `"hello"`, dispatch.Options{From: s.ids[n]})))
	})
}

// cursor draws one that is good or nearly so.
func (w *twins) cursor(n int) uint64 {
	s := w.sides[0].session(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	return rapid.Uint64Range(max(s.queue.confirmed, 1)-1, s.queue.sent()+1).Draw(w.t, "cursor")
}

func (w *twins) park() {
	n := w.client()
	cursor, form := w.cursor(n), rapid.SampledFrom(allForms).Draw(w.t, "form")
	w.do(func(s *side) string {
		waiter := new(stubWaiter)
		err := s.session(n).Park(cursor, form, waiter, time.Now())
		if err == nil {
			s.waiters[n] = waiter
		}
		return fmt.Sprint(err)
	})
}

// take takes what there is, which may not get through.
func (w *twins) take() {
	n := w.client()
	wrote := rapid.IntRange(0, 3).Draw(w.t, "wrote") > 0
	w.do(func(s *side) string {
		waiter, session := s.waiters[n], s.session(n)
		if waiter == nil {
			return "nobody"
		}
		state, wait := session.Ready(waiter, time.Now())
		if state != Answer {
			return fmt.Sprint(state, wait)
		}
		text, seq, ok := session.Take(nil, waiter, time.Now())
		if wrote {
			session.Wrote(seq, time.Now())
		}
		return fmt.Sprintf("%s %d %v", text, seq, ok)
	})
}

func (w *twins) unpark() {
	n := w.client()
	w.do(func(s *side) string { s.session(n).Unpark(s.waiters[n], time.Now()); return "" })
}

func (w *twins) confirm() {
	n := w.client()
	cursor := w.cursor(n)
	w.do(func(s *side) string { return fmt.Sprint(s.session(n).Confirm(cursor, time.Now())) })
}

func (w *twins) leave() {
	n := w.client()
	w.do(func(s *side) string { s.leave(s.session(n)); return "" })
}

func (w *twins) pass() {
	times := []time.Duration{50 * time.Millisecond, 2 * time.Second, 5 * time.Second, 11 * time.Second}
	time.Sleep(rapid.SampledFrom(times).Draw(w.t, "time"))
	synctest.Wait()
}

// compare looks at all that can be seen of the sides.
func (w *twins) compare() {
	synctest.Wait()
	w.do(func(s *side) string { return s.look(w.t) })
}

func (s *side) look(t *rapid.T) string {
	var b strings.Builder
	messages, bytes := 0, 0
	for n, id := range s.ids {
		info, ok := s.dispatcher.Client(id)
		session := s.session(n)
		if ok != (session != nil) {
			t.Fatalf("client %d is known and unknown", n)
		}
		if !ok {
			continue
		}
		described, err := json.Marshal(session)
		if err != nil {
			t.Fatal(err)
		}
		for i := range info.Connected {
			info.Connected[i].By = dispatch.ID(s.nameOf(info.Connected[i].By))
		}
		session.mu.Lock()
		if err := session.queue.check(); err != nil {
			t.Fatal(err)
		}
		m, size := session.queue.size()
		fmt.Fprintln(&b, n, string(described), session.patterns == nil, session.listPatterns())
		session.mu.Unlock()
		fmt.Fprintln(&b, info.Connected, info.Permits)
		messages, bytes = messages+m, bytes+size
	}
	for _, path := range []dispatch.Path{"a", "b/1", "b/c/3", "::members/a"} {
		info := s.dispatcher.Path(path, 100)
		for _, a := range info.Audience {
			for _, l := range a.Some {
				fmt.Fprintln(&b, path, info.Matched, a.Pattern, l.ID, l.Since, s.nameOf(l.By))
			}
		}
	}
	fmt.Fprintln(&b, s.dispatcher.Below("", 100), s.dispatcher.Below("b", 100), s.dispatcher.Subscriptions(), s.Sessions())
	fmt.Fprintln(&b, s.stats.Messages.Load()-int64(messages), s.stats.Bytes.Load()-int64(bytes), s.stats.Holding.Load())
	return b.String()
}

// restart has next go on with what the first side holds. There, those who wait are sent away at the same moment, and
// both are looked at by their wheels at the same times and in the same order from then on.
func (w *twins) restart(next *side) {
	synctest.Wait()
	first := w.sides[0]
	var file bytes.Buffer
	saved, err := first.Save(&file, first.nameOf)
	if err != nil {
		w.t.Fatal(err)
	}
	restored, err := next.Restore(&file, next.idOf)
	if err != nil {
		w.t.Fatal(err)
	}
	if saved != restored || int64(saved.Messages) != first.stats.Messages.Load() || saved.Sessions != first.Sessions() {
		w.t.Fatalf("saved %+v and restored %+v", saved, restored)
	}
	for n, waiter := range first.waiters {
		if session := first.session(n); session != nil {
			session.Unpark(waiter, time.Now())
			first.waiters[n] = nil
		}
	}
	next.ids, next.waiters = slices.Clone(first.ids), make([]*stubWaiter, len(first.ids))
	next.names = append(next.names, first.names[2:]...)
	w.sides = append(w.sides, next)
	for n := range first.ids {
		w.do(func(s *side) string { return s.insides(n) })
	}
	for _, s := range w.sides {
		s.align()
	}
	w.compare()
}

// insides tells what the session of a client has that is seen much later.
func (s *side) insides(n int) string {
	session := s.session(n)
	if session == nil {
		return "none"
	}
	session.mu.Lock()
	defer session.mu.Unlock()
	at := s.instant(time.Now())
	left, quiet := session.deadline.sub(at), max(session.quiet.sub(at), 0)
	text := fmt.Sprintln(session.form, session.gaps, left, quiet, session.queue.confirmed)
	b := session.queue.held
	if b == nil {
		return text
	}
	text += fmt.Sprintln(b.last, b.sent, b.written, b.bytes, b.faded, b.loose)
	for _, e := range b.entries {
		accepted := e.message.Accepted()
		if !accepted.IsZero() {
			accepted = time.Now().Add(-time.Since(accepted))
		}
		options := e.message.Options()
		text += fmt.Sprintln(e.seq, e.path, e.message.JSON(), options.Latest, options.From, options.Gap, accepted)
	}
	return text
}

// align has the wheel look at all sessions with the next tick, in the order of the clients.
func (s *side) align() {
	s.SetConfig(*s.config())
	synctest.Wait()
	for n := range s.ids {
		if session := s.session(n); session != nil {
			s.wheel.remove(session)
		}
	}
	for n := range s.ids {
		if session := s.session(n); session != nil {
			s.wheel.add(session, time.Now(), 0)
		}
	}
}

// end has all sessions expire, after which nothing may be left.
func (w *twins) end() {
	for n := range w.sides[0].ids {
		w.do(func(s *side) string {
			if session := s.session(n); session != nil {
				session.Unpark(s.waiters[n], time.Now())
			}
			return ""
		})
	}
	time.Sleep(10 * time.Second)
	w.compare()
	for _, s := range w.sides {
		if n := s.Sessions(); n != 0 || s.stats.Messages.Load() != 0 || s.stats.Bytes.Load() != 0 {
			w.t.Fatalf("left over: %d sessions, %d messages of %d bytes", n, s.stats.Messages.Load(), s.stats.Bytes.Load())
		}
		if components, patterns := s.dispatcher.Counts(); components != 2 || patterns != 0 {
			w.t.Fatalf("left over in the dispatcher: %d components, %d patterns", components, patterns)
		}
	}
}
