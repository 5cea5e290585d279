package dispatch_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// restart is a world, and after the restart one more, in which the same happens.
type restart struct {
	t          *rapid.T
	worlds     []*world
	seats      map[string]dispatch.Seat // in the first
	there      []string
	registered int
	since      bool // whether to compare when connections were made, which two that began apart may tell a second apart
}

// TestRestart has anything happen, puts all that components hold into another Dispatcher, and has anything happen to
// both. Nobody is told of the restart, and afterwards everybody is told the same by the two, which say the same of it.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { rapid.Check(struct{ rapid.TB }{t}, runRestart) })
}

func runRestart(t *rapid.T) {
	r := &restart{t: t, seats: make(map[string]dispatch.Seat), since: true}
	r.add()
	defer func() {
		for _, w := range r.worlds {
			w.dispatcher.Close()
		}
	}()
	for range rapid.IntRange(1, 5).Draw(t, "components") {
		r.register()
	}
	t.Repeat(r.actions())
	moment := rapid.SampledFrom([]time.Duration{0, 300 * time.Millisecond}).Draw(t, "moment")
	time.Sleep(moment)
	r.again()
	r.compare()
	r.since = moment == 0
	t.Repeat(r.actions())
}

func (r *restart) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"register":   func(*rapid.T) { r.register() },
		"connect":    func(*rapid.T) { r.command(dispatch.PathConnect) },
		"connect2":   func(*rapid.T) { r.command(dispatch.PathConnect) },
		"connect3":   func(*rapid.T) { r.command(dispatch.PathConnect) },
		"disconnect": func(*rapid.T) { r.command(dispatch.PathDisconnect) },
		"permit":     func(*rapid.T) { r.command(dispatch.PathPermit) },
		"forbid":     func(*rapid.T) { r.command(dispatch.PathForbid) },
		"update":     func(*rapid.T) { r.update() },
		"gone":       func(*rapid.T) { r.gone() },
		"wait":       func(*rapid.T) { time.Sleep(time.Second); synctest.Wait() },
		"":           func(*rapid.T) { r.compare() },
	}
}

// add makes a world with two who connect others.
func (r *restart) add() *world {
	w := newWorld()
	r.worlds = append(r.worlds, w)
	for _, name := range []string{"ingest", "line"} {
		w.ids[name] = w.controller.Register(ignore())
	}
	return w
}

// noting returns a component that notes what it is told in w.
func (w *world) noting(name string) dispatch.Component {
	return recorder(func(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
		w.logs[name] = append(w.logs[name], w.named(fmt.Sprintf("%s %s by %s", path, msg.JSON(), sender)))
	})
}

func (r *restart) register() {
	r.registered++
	name := fmt.Sprintf("<%d>", r.registered)
	r.there = append(r.there, name)
	for i, w := range r.worlds {
		seat := w.controller.Enroll(w.noting(name))
		w.ids[name] = w.controller.IDOf(seat)
		if i == 0 {
			r.seats[name] = seat
		}
	}
}

func (r *restart) anyone() string {
	if len(r.there) == 0 {
		r.t.Skip("nobody is there")
	}
	return rapid.SampledFrom(r.there).Draw(r.t, "name")
}

func (r *restart) command(path dispatch.Path) {
	name, pattern := r.anyone(), modelPatterns.Draw(r.t, "pattern")
	if pattern == "::members/**" && len(r.worlds) > 1 {
		r.t.Skip("who is there is told path by path, in no order")
	}
	sender := rapid.SampledFrom([]string{"", name, "ingest", "line", "rootsd"}).Draw(r.t, "sender")
	term := modelTerms.Draw(r.t, "term")
	for _, w := range r.worlds {
		if err := w.dispatcher.Apply(w.ids[sender], dispatch.Command(path, w.ids[name], pattern, term)); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *restart) update() {
	path := modelPaths.Draw(r.t, "path")
	except := rapid.SampledFrom(append([]string{""}, r.there...)).Draw(r.t, "except")
	text := fmt.Sprint(rapid.Uint32().Draw(r.t, "text"))
	for _, w := range r.worlds {
		w.controller.Update("", path, dispatch.TextMessage(text, dispatch.Options{Except: w.ids[except]}))
	}
}

func (r *restart) gone() {
	name := r.anyone()
	r.there = slices.DeleteFunc(r.there, func(other string) bool { return other == name })
	for _, w := range r.worlds {
		w.controller.Unregister(w.ids[name])
	}
}

// again makes a second world of what the first holds.
func (r *restart) again() {
	synctest.Wait()
	first, second := r.worlds[0], r.add()
	restoration := second.dispatcher.NewRestoration()
	if err := restoration.Raise(first.controller.Counter()); err != nil {
		r.t.Fatal(err)
	}
	for _, name := range rapid.Permutation(r.there).Draw(r.t, "order") {
		second.ids[name] = first.ids[name]
		r.move(restoration, name)
	}
	if err := restoration.Commit(); err != nil {
		r.t.Fatal(err)
	}
	if got, want := second.controller.Counter(), first.controller.Counter(); got != want {
		r.t.Fatalf("the next ID is number %d, want %d", got+1, want+1)
	}
	first.logs = make(map[string][]string)
	synctest.Wait()
	if len(second.logs) > 0 {
		r.t.Fatalf("the restart tells %v", second.logs)
	}
}

// move has name hold in the second world what it holds in the first.
func (r *restart) move(restoration *dispatch.Restoration, name string) {
	first, second := r.worlds[0], r.worlds[1]
	var held dispatch.Held
	first.dispatcher.Held(r.seats[name], time.Now(), &held)
	seat, err := restoration.Enroll(first.ids[name], second.noting(name))
	if err != nil {
		r.t.Fatal(err)
	}
	if got := second.controller.IDOf(seat); got != first.ids[name] {
		r.t.Fatalf("%s is seated as %s", first.ids[name], got)
	}
	for _, link := range held.Connected {
		for _, sender := range []string{"ingest", "line", "rootsd"} {
			if link.By == first.ids[sender] {
				link.By = second.ids[sender]
			}
		}
		err = errors.Join(err, restoration.Connect(link))
	}
	for _, link := range held.Permits {
		err = errors.Join(err, restoration.Permit(link))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// compare looks at both worlds from all sides.
func (r *restart) compare() {
	for _, w := range r.worlds {
		if err := w.dispatcher.Check(); err != nil {
			r.t.Fatal(err)
		}
	}
	if len(r.worlds) < 2 {
		return
	}
	synctest.Wait()
	first, second := r.worlds[0], r.worlds[1]
	for name := range r.registered {
		name := fmt.Sprintf("<%d>", name+1)
		if !slices.Equal(first.logs[name], second.logs[name]) {
			got, want := strings.Join(second.logs[name], "\n"), strings.Join(first.logs[name], "\n")
			r.t.Fatalf("%s was told\n%s\nwant\n%s", name, got, want)
		}
		r.same(first.client(name, r.since), second.client(name, r.since))
	}
	r.same(first.below(""), second.below(""))
	r.same(first.below("a"), second.below("a"))
	path := modelPaths.Draw(r.t, "path")
	r.same(first.reach(path, r.since), second.reach(path, r.since))
	r.same(fmt.Sprint(first.dispatcher.Subscriptions()), fmt.Sprint(second.dispatcher.Subscriptions()))
}

func (r *restart) same(first, second string) {
	if first != second {
		r.t.Fatalf("the restarted says\n%s\nwant\n%s", second, first)
	}
}

func (w *world) client(name string, since bool) string {
	info, ok := w.dispatcher.Client(w.ids[name])
	for i := range info.Connected {
		if !since {
			info.Connected[i].Since = time.Time{}
		}
	}
	return w.named(fmt.Sprint(ok, info.Connected, info.Permits))
}

func (w *world) below(under dispatch.Pattern) string {
	return fmt.Sprint(w.dispatcher.Below(under, 100))
}

func (w *world) reach(path dispatch.Path, since bool) string {
	info := w.dispatcher.Path(path, 100)
	lines := []string{fmt.Sprint(info.Matched)}
	for _, a := range info.Audience {
		for _, s := range a.Some {
			if !since {
				s.Since = time.Time{}
			}
			lines = append(lines, fmt.Sprint(a.Pattern, s.ID, s.Since, s.By))
		}
	}
	return w.named(strings.Join(lines, "\n"))
}

func counterOf(id dispatch.ID) (counter int) {
	fmt.Sscan(string(id[strings.LastIndexByte(string(id), '-')+1:]), &counter)
	return counter
}

const someSecret = "abcdefghijklmnopqrstuv"

func TestRestorationRefuses(t *testing.T) {
	_, d := running(t)
	r := d.NewRestoration()
	for _, id := range []string{
		"", "test", "test-", "other-" + someSecret + "-1", "test-" + someSecret, "test-" + someSecret + "-",
		"test-" + someSecret + "-0", "test-" + someSecret + "-01", "test-" + someSecret + "-+1", "test-" + someSecret + "-1x",
		"test-" + someSecret[1:] + "-1", "test-" + someSecret + "x-1", "test-" + someSecret[1:] + "_-1",
		"test-" + someSecret + "-1000000000000000", "test-" + someSecret + "-99999999999999999999",
		"test_-" + someSecret + "-1",
	} {
		if _, err := r.Enroll(dispatch.ID(id), ignore()); !errors.Is(err, dispatch.ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := r.Raise(1e15); !errors.Is(err, dispatch.ErrID) {
		t.Error("a counter that leaves no room is taken")
	}
	if _, err := r.Enroll("test-"+someSecret+"-999999999999999", ignore()); err != nil {
		t.Error(err)
	}
	for i, want := range []error{nil, dispatch.ErrTwice} {
		if err := r.Connect(dispatch.HeldLink{Pattern: "a"}); !errors.Is(err, want) {
			t.Errorf("connection %d: %v", i, err)
		}
		if err := r.Permit(dispatch.HeldLink{Pattern: "a"}); !errors.Is(err, want) {
			t.Errorf("permit %d: %v", i, err)
		}
	}
}

// What is refused in the end is refused whole.
func TestRestorationIsAllOrNothing(t *testing.T) {
	for _, test := range []struct{ name, taken string }{{"taken", ""}, {"twice", "test-" + someSecret + "-9"}} {
		t.Run(test.name, func(t *testing.T) {
			c := dispatch.NewController("test")
			d := dispatch.NewDispatcher(c)
			defer d.Close()
			taken := dispatch.ID(test.taken)
			r := d.NewRestoration()
			_ = r.Raise(50)
			enroll := func(id dispatch.ID) {
				if _, err := r.Enroll(id, ignore()); err != nil {
					t.Fatal(err)
				}
				lease := dispatch.HeldLease{Lapses: true, Left: time.Hour}
				_ = r.Connect(dispatch.HeldLink{Pattern: "::members/a", Lease: lease})
				_ = r.Permit(dispatch.HeldLink{Pattern: "a", Lease: lease})
			}
			enroll("test-" + someSecret + "-8")
			if taken == "" {
				taken = c.Register(ignore())
				defer c.Unregister(taken)
			} else {
				enroll(taken)
			}
			enroll(taken)
			before := c.Counter()
			if err := r.Commit(); !errors.Is(err, dispatch.ErrTaken) {
				t.Fatal(err)
			}
			if c.Counter() != before {
				t.Errorf("IDs are counted from %d on, not from %d", c.Counter(), before)
			}
			if test.taken == "" {
				c.Unregister(taken)
			}
			if rest := d.Rest(); rest != "" {
				t.Error(rest)
			}
		})
	}
}

// Connections that are older than the Dispatcher say so, and those that stand in it already stay as old as they are.
func TestRestorationOfOldConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dispatch.NewController("test")
		d := dispatch.NewDispatcher(c)
		defer d.Close()
		time.Sleep(1500 * time.Millisecond)
		there := c.Register(ignore())
		mustConnect(t, d, there, "a")
		time.Sleep(10 * time.Second)
		now, old := time.Now(), dispatch.ID("test-"+someSecret+"-99")
		r := d.NewRestoration()
		if _, err := r.Enroll(old, ignore()); err != nil {
			t.Fatal(err)
		}
		ages := []time.Duration{month(1), month(100), -time.Hour, 3 * time.Second}
		for i, age := range ages {
			link := dispatch.HeldLink{Pattern: dispatch.Pattern(fmt.Sprint("a/", i)), Since: now.Add(-age), By: there}
			if err := r.Connect(link); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
		info, _ := d.Client(old)
		for i, want := range []time.Duration{month(1), 0, 0, 3 * time.Second} {
			got := now.Truncate(time.Second).Sub(info.Connected[i].Since).Truncate(time.Second)
			if i == 1 { // longer ago than can be told
				want = (1<<27 - 1) / 2 * time.Second
			}
			if got != want || info.Connected[i].By != there {
				t.Errorf("%s: %v ago by %s, want %v by %s", info.Connected[i].Pattern, got, info.Connected[i].By, want, there)
			}
		}
		info, _ = d.Client(there)
		if got := now.Sub(info.Connected[0].Since).Truncate(time.Second); got != 10*time.Second {
			t.Errorf("what stood already was connected %v ago", got)
		}
	})
}

func month(n int) time.Duration { return time.Duration(n) * 30 * 24 * time.Hour }

// Who is restored stands behind those who are connected already, and those who were first stay first.
func TestRestorationKeepsOrder(t *testing.T) {
	c, d := running(t)
	there := c.Register(ignore())
	mustConnect(t, d, there, "a")
	r := d.NewRestoration()
	want := []dispatch.ID{there, "", "", ""}
	for i, place := range []int{7, 2, 3} {
		id := dispatch.ID(fmt.Sprintf("test-%s-%d", someSecret, 10+i))
		want[[]int{3, 1, 2}[i]] = id
		if _, err := r.Enroll(id, ignore()); err != nil {
			t.Fatal(err)
		}
		if err := r.Connect(dispatch.HeldLink{Pattern: "a", Place: place}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	for i, s := range d.Path("a", 10).Audience[0].Some {
		if s.ID != want[i] {
			t.Errorf("%d is %s, want %s", i, s.ID, want[i])
		}
	}
	if got := counterOf(c.Register(ignore())); got != 13 {
		t.Errorf("the next ID has the number %d", got)
	}
	if all := c.Registered(); len(all) != 5 || all[there] == nil {
		t.Errorf("%d are registered", len(all))
	}
}

// What lapsed while nobody looked is undone as usual, and told to the component.
func TestRestorationOfOverdueLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dispatch.NewController("test")
		d := dispatch.NewDispatcher(c)
		defer d.Close()
		id, told := dispatch.ID("test-"+someSecret+"-1"), new(journal)
		r := d.NewRestoration()
		if _, err := r.Enroll(id, told); err != nil {
			t.Fatal(err)
		}
		for i, left := range []time.Duration{-time.Minute, time.Minute} {
			lease := dispatch.HeldLease{Lapses: true, Left: left, Place: i}
			_ = r.Connect(dispatch.HeldLink{Pattern: dispatch.Pattern(fmt.Sprint("a/", i)), Lease: lease})
			_ = r.Permit(dispatch.HeldLink{Pattern: dispatch.Pattern(fmt.Sprint("b/", i)), Lease: lease})
		}
		if err := r.Commit(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		told.want(t, `::+::disconnect "a/0"`)
		info, _ := d.Client(id)
		if len(info.Connected) != 1 || len(info.Permits) != 1 || info.Connected[0].Lapses != time.Minute {
			t.Errorf("holds %v", info)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		told.want(t, `::+::disconnect "a/0"`, `::+::disconnect "a/1"`)
		c.Unregister(id)
		if rest := d.Rest(); rest != "" {
			t.Error(rest)
		}
	})
}

func TestOldMessage(t *testing.T) {
	value, err := strictjson.Parse([]byte(` { "a" : 1 } `))
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-48 * time.Hour)
	options := dispatch.Options{Latest: true, From: "x-1", Gap: "age"}
	m := dispatch.OldMessage(value, options, then)
	if m.JSON() != `{"a":1}` || m.Options() != options || !m.Accepted().Equal(then) {
		t.Errorf("%s, %v, accepted %v", m.JSON(), m.Options(), m.Accepted())
	}
	if m := dispatch.OldMessage(value, dispatch.Options{}, time.Time{}); !m.Accepted().IsZero() {
		t.Errorf("never accepted is %v", m.Accepted())
	}
	empty, _ := strictjson.Parse([]byte(`""`))
	confirmation := dispatch.TextMessage("", dispatch.Options{})
	if m := dispatch.OldMessage(empty, dispatch.Options{}, time.Time{}); m != confirmation {
		t.Error("the blank message of connects is another")
	}
	if m := dispatch.OldMessage(empty, dispatch.Options{}, then); m == confirmation || !m.Blank() {
		t.Error("a blank update has lost its time")
	}
}
