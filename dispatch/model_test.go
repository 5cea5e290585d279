package dispatch_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

// model is what a Dispatcher should know, told in the plainest way.
type model struct {
	t          *rapid.T
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	ids        []dispatch.ID
	connected  map[grant]time.Time // when it lapses; zero for never
	permitted  map[grant]time.Time
	told       []string // what components were told of ordinary updates
}

// grant is a connection or a permit.
type grant struct {
	id      dispatch.ID
	pattern dispatch.Pattern
}

var (
	modelPatterns = rapid.SampledFrom([]dispatch.Pattern{
		"a", "b", "a/b", "a/c", "*", "**", "a/*", "*/b", "a/**", "*/*", "::members/a", "::members/**", "::connect",
	})
	modelPaths = rapid.SampledFrom([]dispatch.Path{"a", "b", "c", "a/b", "a/c", "b/b", "a/b/c"})
	modelTerms = rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute})
)

// TestDispatcherAgainstModel has components come, connect, be permitted, disconnect, lapse and go at random, and compares
// who is told of updates, and who may publish, with a set of connections and one of permits. Whatever happens, the
// Dispatcher's cross-references hold, and when all are gone nothing is left.
func TestDispatcherAgainstModel(t *testing.T) {
	// In a bubble there is no T.Deadline, which rapid would ask for: this hides it.
	synctest.Test(t, func(t *testing.T) { rapid.Check(struct{ rapid.TB }{t}, runModel) })
}

func runModel(t *rapid.T) {
	c := dispatch.NewController("test")
	m := &model{
		t: t, controller: c, dispatcher: dispatch.NewDispatcher(c),
		connected: make(map[grant]time.Time), permitted: make(map[grant]time.Time),
	}
	defer m.dispatcher.Close()
	m.dispatcher.SetSlice(rapid.SampledFrom([]int{1, 2, 3, dispatch.UsualSlice}).Draw(t, "slice"))
	t.Repeat(map[string]func(*rapid.T){
		"register":   func(*rapid.T) { m.register() },
		"connect":    func(*rapid.T) { m.command(dispatch.PathConnect) },
		"connect2":   func(*rapid.T) { m.command(dispatch.PathConnect) },
		"disconnect": func(*rapid.T) { m.command(dispatch.PathDisconnect) },
		"permit":     func(*rapid.T) { m.command(dispatch.PathPermit) },
		"forbid":     func(*rapid.T) { m.command(dispatch.PathForbid) },
		"gone":       func(*rapid.T) { m.leave(func(id dispatch.ID) { m.controller.Unregister(id) }) },
		"kick":       func(*rapid.T) { m.leave(func(id dispatch.ID) { m.apply(dispatch.Kick(id)) }) },
		"wait":       func(*rapid.T) { m.wait() },
		"publish":    func(*rapid.T) { m.publish() },
		"":           func(*rapid.T) { m.check() },
	})
	for len(m.ids) > 0 {
		m.controller.Unregister(m.ids[0])
		m.ids = m.ids[1:]
	}
	synctest.Wait()
	if rest := m.dispatcher.Rest(); rest != "" {
		t.Fatal(rest)
	}
}

func (m *model) apply(updates ...dispatch.Update) {
	if err := m.dispatcher.Apply("", updates...); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) register() {
	var id dispatch.ID
	id = m.controller.Register(recorder(func(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
		if !path.System() && !msg.Blank() {
			m.told = append(m.told, string(id))
		}
	}))
	m.ids = append(m.ids, id)
}

// anyone draws a component's ID, or passes the step over where there is none.
func (m *model) anyone() dispatch.ID {
	if len(m.ids) == 0 {
		m.t.Skip("nobody is there")
	}
	return rapid.SampledFrom(m.ids).Draw(m.t, "id")
}

func (m *model) command(path dispatch.Path) {
	g := grant{m.anyone(), modelPatterns.Draw(m.t, "pattern")}
	var term time.Duration
	set := m.connected
	if path == dispatch.PathPermit || path == dispatch.PathForbid {
		set = m.permitted
	}
	if path == dispatch.PathConnect || path == dispatch.PathPermit {
		term = modelTerms.Draw(m.t, "term")
		set[g] = time.Time{}
		if term > 0 {
			set[g] = time.Now().Add(term)
		}
	} else {
		delete(set, g)
	}
	m.apply(dispatch.Command(path, g.id, g.pattern, term))
}

func (m *model) leave(how func(dispatch.ID)) {
	id := m.anyone()
	how(id)
	m.ids = slices.DeleteFunc(m.ids, func(other dispatch.ID) bool { return other == id })
	for _, set := range []map[grant]time.Time{m.connected, m.permitted} {
		for g := range set {
			if g.id == id {
				delete(set, g)
			}
		}
	}
}

func (m *model) wait() {
	time.Sleep(time.Second)
	synctest.Wait()
	for _, set := range []map[grant]time.Time{m.connected, m.permitted} {
		for g, end := range set {
			if !end.IsZero() && !end.After(time.Now()) {
				delete(set, g)
			}
		}
	}
}

// publish has a component publish and compares whether it may, and who is told.
func (m *model) publish() {
	id, path := m.anyone(), modelPaths.Draw(m.t, "path")
	may := m.any(m.permitted, id, path)
	var want []string
	for _, other := range m.ids {
		if may && m.any(m.connected, other, path) {
			want = append(want, string(other))
		}
	}
	m.told = nil
	msg := dispatch.TextMessage("hello", dispatch.Options{})
	err := m.dispatcher.Publish(id, dispatch.Update{Path: path, Message: msg})
	if (err == nil) != may {
		m.t.Fatalf("publish at %s: %v, want permitted = %v", path, err, may)
	}
	m.compare(path, want)
}

func (m *model) any(set map[grant]time.Time, id dispatch.ID, path dispatch.Path) bool {
	for g := range set {
		if g.id == id && g.pattern.Matches(path) {
			return true
		}
	}
	return false
}

// check gives an update that leaves one out, and looks at the Dispatcher's insides.
func (m *model) check() {
	if err := m.dispatcher.Check(); err != nil {
		m.t.Fatal(err)
	}
	m.compareBelow()
	path := modelPaths.Draw(m.t, "path")
	except := rapid.SampledFrom(append([]dispatch.ID{""}, m.ids...)).Draw(m.t, "except")
	var want []string
	for _, id := range m.ids {
		if id != except && m.any(m.connected, id, path) {
			want = append(want, string(id))
		}
	}
	m.told = nil
	m.controller.Update("", path, dispatch.TextMessage("hello", dispatch.Options{Except: except}))
	m.compare(path, want)
	connections := 0
	for _, id := range m.ids {
		info, _ := m.dispatcher.Client(id)
		connections += len(info.Connected) + len(info.Permits)
	}
	if want := len(m.connected) + len(m.permitted); connections != want {
		m.t.Fatalf("there are %d connections and permits, want %d", connections, want)
	}
}

func (m *model) compare(path dispatch.Path, want []string) {
	synctest.Wait() // for the rest of the slices
	slices.Sort(m.told)
	slices.Sort(want)
	if got, want := fmt.Sprint(m.told), fmt.Sprint(want); got != want {
		m.t.Fatalf("told of an update at %s\ngot  %s\nwant %s", path, got, want)
	}
}
