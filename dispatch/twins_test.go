package dispatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

// world is a Dispatcher with components that note what they are told, each for itself.
type world struct {
	*house
	logs map[string][]string // by the components' names
}

func newWorld() *world {
	w := &world{&house{controller: dispatch.NewController("test")}, make(map[string][]string)}
	w.dispatcher = dispatch.NewDispatcher(w.controller)
	w.ids = map[string]dispatch.ID{"rootsd": w.controller.ID()}
	return w
}

func (w *world) register(name string) {
	w.ids[name] = w.controller.Register(recorder(func(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
		w.logs[name] = append(w.logs[name], w.named(fmt.Sprintf("%s %s by %s", path, msg.JSON(), sender)))
	}))
}

// twins are two worlds in which the same happens. In one everybody is told at once, which is the plain order of things;
// in the other in the smallest of slices, each at a time that is left to chance.
type twins struct {
	t             *rapid.T
	plain, sliced *world
	there         []string // the names of those that are registered
	registered    int
	connected     map[grant]bool
}

// TestSlicesChangeNoOrder compares what each component is told in slices with what it is told at once. At any time it
// is a beginning of that; it ends with what the component was last told by itself; and when the component ends, it is all.
func TestSlicesChangeNoOrder(t *testing.T) { rapid.Check(t, runTwins) }

func FuzzSlicesChangeNoOrder(f *testing.F) { f.Fuzz(rapid.MakeFuzz(runTwins)) }

func runTwins(t *rapid.T) {
	w := &twins{t: t, plain: newWorld(), sliced: newWorld(), connected: make(map[grant]bool)}
	w.sliced.dispatcher.SetSlice(rapid.IntRange(1, 3).Draw(t, "slice"))
	w.sliced.dispatcher.StepByHand()
	defer w.plain.dispatcher.Close()
	defer w.sliced.dispatcher.Close()
	for range rapid.IntRange(2, 8).Draw(t, "components") {
		w.register()
	}
	t.Repeat(map[string]func(*rapid.T){
		"register":   func(*rapid.T) { w.register() },
		"connect":    func(*rapid.T) { w.connect(dispatch.PathConnect) },
		"connect2":   func(*rapid.T) { w.connect(dispatch.PathConnect) },
		"disconnect": func(*rapid.T) { w.connect(dispatch.PathDisconnect) },
		"update":     func(*rapid.T) { w.do(w.update()) },
		"update2":    func(*rapid.T) { w.do(w.update()) },
		"batch":      func(*rapid.T) { w.batch() },
		"post":       func(*rapid.T) { w.post() },
		"to":         func(*rapid.T) { w.to() },
		"kick":       func(*rapid.T) { w.kick() },
		"gone":       func(*rapid.T) { w.gone() },
		"look":       func(*rapid.T) { w.look() },
		"step":       func(*rapid.T) { w.sliced.dispatcher.Step() },
		"step2":      func(*rapid.T) { w.sliced.dispatcher.Step() },
		"":           func(*rapid.T) { w.check() },
	})
	w.end()
}

func (w *twins) register() {
	w.registered++
	name := fmt.Sprintf("<%d>", w.registered)
	w.there = append(w.there, name)
	w.plain.register(name)
	w.sliced.register(name)
}

func (w *twins) anyone() string {
	if len(w.there) == 0 {
		w.t.Skip("nobody is there")
	}
	return rapid.SampledFrom(w.there).Draw(w.t, "name")
}

// do applies what make makes of each of the two worlds.
func (w *twins) do(makes ...func(*world) dispatch.Update) {
	for _, world := range []*world{w.plain, w.sliced} {
		var updates []dispatch.Update
		for _, make := range makes {
			updates = append(updates, make(world))
		}
		if err := world.dispatcher.Apply("", updates...); err != nil {
			w.t.Fatal(err)
		}
	}
}

// touch is do for what name must have been told when it is done, after all that came before.
func (w *twins) touch(name string, make func(*world) dispatch.Update) {
	before := len(w.plain.logs[name])
	w.do(make)
	if got := len(w.sliced.logs[name]); got <= before {
		w.t.Fatalf("%s was told %d times, and what it was told before were %d", name, got, before)
	}
}

func (w *twins) command(path dispatch.Path, g grant) func(*world) dispatch.Update {
	return func(world *world) dispatch.Update {
		return dispatch.Command(path, world.ids[string(g.id)], g.pattern, 0)
	}
}

func (w *twins) connect(path dispatch.Path) {
	name := w.anyone()
	g := grant{dispatch.ID(name), modelPatterns.Draw(w.t, "pattern")}
	if path == dispatch.PathDisconnect && !w.connected[g] {
		w.do(w.command(path, g))
		return
	}
	w.touch(name, w.command(path, g))
	w.connected[g] = path == dispatch.PathConnect
}

// update draws an update that may leave one out.
func (w *twins) update() func(*world) dispatch.Update {
	path := modelPaths.Draw(w.t, "path")
	except := rapid.SampledFrom(append([]string{""}, w.there...)).Draw(w.t, "except")
	text := w.text()
	return func(world *world) dispatch.Update {
		msg := dispatch.TextMessage(text, dispatch.Options{Except: world.ids[except]})
		return dispatch.Update{Path: path, Message: msg}
	}
}

// text returns another text every time.
func (w *twins) text() string { return fmt.Sprint(rapid.Uint32().Draw(w.t, "text")) }

func (w *twins) batch() {
	var makes []func(*world) dispatch.Update
	for range rapid.IntRange(2, 4).Draw(w.t, "updates") {
		g := grant{dispatch.ID(w.anyone()), modelPatterns.Draw(w.t, "pattern")}
		switch rapid.IntRange(0, 4).Draw(w.t, "kind") {
		case 0:
			makes, w.connected[g] = append(makes, w.command(dispatch.PathConnect, g)), true
		case 1:
			makes, w.connected[g] = append(makes, w.command(dispatch.PathDisconnect, g)), false
		default:
			makes = append(makes, w.update())
		}
	}
	w.do(makes...)
}

func (w *twins) post() {
	make := w.update()
	for _, world := range []*world{w.plain, w.sliced} {
		u := make(world)
		world.controller.Post("", u.Path, u.Message)
	}
}

func (w *twins) to() {
	name, text := w.anyone(), w.text()
	w.touch(name, func(world *world) dispatch.Update {
		msg := dispatch.TextMessage(text, dispatch.Options{})
		return dispatch.Update{Path: dispatch.PathTo(world.ids[name]), Message: msg}
	})
}

func (w *twins) kick() {
	name := w.anyone()
	w.touch(name, func(world *world) dispatch.Update { return dispatch.Kick(world.ids[name]) })
	w.left(name)
}

func (w *twins) gone() {
	name := w.anyone()
	w.plain.controller.Unregister(w.plain.ids[name])
	w.sliced.controller.Unregister(w.sliced.ids[name])
	w.left(name)
}

// left notes that name is registered no more. It must have been told of everything.
func (w *twins) left(name string) {
	w.there = slices.DeleteFunc(w.there, func(other string) bool { return other == name })
	for g := range w.connected {
		if string(g.id) == name {
			delete(w.connected, g)
		}
	}
	w.same(name, true)
}

// look asks whom an update would reach, which must disturb nothing.
func (w *twins) look() {
	path := modelPaths.Draw(w.t, "path")
	plain, sliced := w.plain.dispatcher.Path(path, 0), w.sliced.dispatcher.Path(path, 0)
	if plain.Matched != sliced.Matched {
		w.t.Fatalf("%s reaches %d, want %d", path, sliced.Matched, plain.Matched)
	}
}

// check compares all that anybody was told so far, and looks at the Dispatcher's insides.
func (w *twins) check() {
	if err := w.sliced.dispatcher.Check(); err != nil {
		w.t.Fatal(err)
	}
	for name := range w.plain.logs {
		w.same(name, !slices.Contains(w.there, name))
	}
}

// same compares what name was told: all of it, or what it was told so far.
func (w *twins) same(name string, all bool) {
	plain, sliced := w.plain.logs[name], w.sliced.logs[name]
	if !all {
		plain = plain[:min(len(plain), len(sliced))]
	}
	if !slices.Equal(plain, sliced) {
		w.t.Fatalf("%s was told\n%s\nwant\n%s", name, strings.Join(sliced, "\n"), strings.Join(plain, "\n"))
	}
}

// end works off everything, and has all go.
func (w *twins) end() {
	w.sliced.dispatcher.Flush()
	for name := range w.plain.logs {
		w.same(name, true)
	}
	for len(w.there) > 0 {
		w.gone()
	}
	w.sliced.dispatcher.Flush()
	if rest := w.sliced.dispatcher.Rest(); rest != "" {
		w.t.Fatal(rest)
	}
}
