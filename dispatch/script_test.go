package dispatch_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// TestScripts runs testdata/*.txt against a Controller and a Dispatcher, and a clock of its own for each.
//
// A line is a step; the lines below it that begin with two spaces are what it must lead to, in that order and nothing
// else: what components and delegates are told, as "who path message", with " by who" where a component sent it, and an
// error after "!", with its index where it has one. A line that begins with "#" is a comment. {a} in a step is the ID of
// the component a; an ID in what is told is shown as the component's name.
//
//	register a b              components, by names of the script's choosing
//	delegate d                from now on a delegate tells of every update as d
//	undelegate d
//	limits 2 1                of paths and permits
//	connect a pattern [1m]    and disconnect, permit, forbid: by Apply
//	kick a
//	update path json          by Apply, as are the next two
//	except a path json
//	batch                     takes the steps in the lines below it that begin with "+" as one Apply
//	publish a path json       by Publish; a batch too where there is no more after the name
//	say path json             by Controller.Update
//	post path json            by Controller.Post
//	gone a                    by Controller.Unregister
//	sleep 1m
//	client a                  what the Dispatcher says of a
//	path p                    whom an update at p would reach
//	close                     closes the Dispatcher
//	empty                     nothing may be left
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runScript(t, newHouse(t), file, string(text)) })
		})
		// In slices, each is told the same in the same order, but some are told before others.
		for slice := 1; slice <= 3; slice++ {
			t.Run(fmt.Sprintf("%s/slice=%d", name, slice), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHouse(t)
					h.dispatcher.SetSlice(slice)
					h.each = true
					runScript(t, h, file, string(text))
				})
			})
		}
	}
}

func runScript(t *testing.T, h *house, file, text string) {
	for _, s := range readScript(text) {
		if err := h.do(s.text, s.batch); err != nil {
			h.fault(err)
		}
		synctest.Wait()
		got, want := h.sorted(h.take()), h.sorted(s.want)
		if got != want {
			t.Fatalf("%s:%d: %s\ngot:\n%s\nwant:\n%s", file, s.line, s.text, got, want)
		}
		if err := h.dispatcher.Check(); err != nil {
			t.Fatalf("%s:%d: %s\n%v", file, s.line, s.text, err)
		}
	}
}

// step is one line of a script and those that belong to it.
type step struct {
	line        int
	text        string
	batch, want []string
}

func readScript(text string) []step {
	var steps []step
	for i, line := range strings.Split(text, "\n") {
		wanted, isWanted := strings.CutPrefix(line, "  ")
		part, isPart := strings.CutPrefix(line, "+ ")
		switch last := len(steps) - 1; {
		case line == "" || line[0] == '#':
		case isWanted:
			steps[last].want = append(steps[last].want, wanted)
		case isPart:
			steps[last].batch = append(steps[last].batch, part)
		default:
			steps = append(steps, step{line: i + 1, text: line})
		}
	}
	return steps
}

// house is a Controller and a Dispatcher, and components that note what they are told.
type house struct {
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	ids        map[string]dispatch.ID // by the components' names
	remove     map[string]func()      // by the delegates' names
	each       bool                   // the order of what different ones are told is of no account

	mu   sync.Mutex // guards told
	told []string   // what components and delegates were told, in order
}

func newHouse(t *testing.T) *house {
	c := dispatch.NewController("test")
	h := &house{controller: c, dispatcher: dispatch.NewDispatcher(c)}
	h.ids = map[string]dispatch.ID{"rootsd": c.ID()}
	h.remove = make(map[string]func())
	t.Cleanup(func() {
		if err := h.dispatcher.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// recorder is a component or delegate of a house. A func is a component that cannot be compared.
type recorder func(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message)

func (r recorder) Update(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	r(sender, path, msg)
}

func (h *house) recorder(name string) recorder {
	return func(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
		line := fmt.Sprintf("%s %s %s", name, path, msg.JSON())
		if sender != "" && sender != h.controller.ID() {
			line += " by " + string(sender)
		}
		h.note(h.named(line))
	}
}

func (h *house) note(line string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, line)
}

// take returns what was told since it was last called.
func (h *house) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer func() { h.told = nil }()
	return h.told
}

// sorted returns lines as a text, by who was told if only each one's order counts.
func (h *house) sorted(lines []string) string {
	lines = slices.Clone(lines)
	if h.each {
		who := func(line string) string { name, _, _ := strings.Cut(line, " "); return name }
		slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(who(a), who(b)) })
	}
	return strings.Join(lines, "\n")
}

// named returns text with names in the place of IDs.
func (h *house) named(text string) string {
	for name, id := range h.ids {
		text = strings.ReplaceAll(text, string(id), name)
	}
	return text
}

func (h *house) fault(err error) {
	text := err.Error()
	var at *dispatch.UpdateError
	if errors.As(err, &at) {
		text = fmt.Sprintf("%d %s", at.Index, text)
	}
	h.note(h.named("! " + text))
}

// do does one step of a script.
func (h *house) do(text string, batch []string) error {
	verb, rest, _ := strings.Cut(text, " ")
	words := strings.Fields(rest)
	switch verb {
	case "register":
		for _, name := range words {
			h.ids[name] = h.controller.Register(h.recorder(name))
		}
	case "delegate":
		h.remove[rest] = h.controller.Delegate(h.recorder(rest))
	case "undelegate":
		h.remove[rest]()
	case "say", "post":
		u := h.update("update " + rest)
		map[string]func(dispatch.ID, dispatch.Path, *dispatch.Message){
			"say": h.controller.Update, "post": h.controller.Post,
		}[verb]("", u.Path, u.Message)
	case "gone":
		if !h.controller.Unregister(h.id(rest)) {
			return dispatch.ErrUnknownID
		}
	case "batch":
		return h.dispatcher.Apply("", h.updates(batch)...)
	case "publish":
		name, rest, single := strings.Cut(rest, " ")
		if single {
			batch = []string{"update " + rest}
		}
		return h.dispatcher.Publish(h.id(name), h.updates(batch)...)
	case "close", "limits", "sleep", "client", "path", "empty":
		return h.manage(verb, rest, words)
	default:
		return h.dispatcher.Apply("", h.update(text))
	}
	return nil
}

// manage does the steps that are no updates.
func (h *house) manage(verb, rest string, words []string) error {
	switch verb {
	case "close":
		return h.dispatcher.Close()
	case "limits":
		h.dispatcher.SetLimits(dispatch.Limits{Paths: number(words[0]), Permits: number(words[1])})
	case "sleep":
		time.Sleep(duration(rest))
	case "client":
		h.describeClient(rest)
	case "path":
		h.describePath(dispatch.Path(rest))
	case "empty":
		if rest := h.dispatcher.Rest(); rest != "" {
			return errors.New(rest)
		}
	}
	return nil
}

// id returns the ID of the component with this name; one that there is not has the name as its ID.
func (h *house) id(name string) dispatch.ID { return cmp.Or(h.ids[name], dispatch.ID(name)) }

func (h *house) updates(lines []string) []dispatch.Update {
	var updates []dispatch.Update
	for _, line := range lines {
		updates = append(updates, h.update(line))
	}
	return updates
}

// update makes the update that a step stands for.
func (h *house) update(text string) dispatch.Update {
	for name, id := range h.ids {
		text = strings.ReplaceAll(text, "{"+name+"}", string(id))
	}
	verb, rest, _ := strings.Cut(text, " ")
	first, rest, _ := strings.Cut(rest, " ")
	switch verb {
	case "connect", "disconnect", "permit", "forbid":
		pattern, term, _ := strings.Cut(rest, " ")
		path, lapses := dispatch.Path("::"+verb), duration(cmp.Or(term, "0s"))
		return dispatch.Command(path, h.id(first), dispatch.Pattern(pattern), lapses)
	case "kick":
		return dispatch.Kick(h.id(first))
	case "except":
		path, rest, _ := strings.Cut(rest, " ")
		return dispatch.Update{Path: dispatch.Path(path), Message: message(rest, dispatch.Options{Except: h.id(first)})}
	case "update":
		return dispatch.Update{Path: dispatch.Path(first), Message: message(rest, dispatch.Options{})}
	}
	panic("no such step: " + text)
}

func (h *house) describeClient(name string) {
	info, ok := h.dispatcher.Client(h.id(name))
	if !ok {
		h.note("there is none")
		return
	}
	h.note(h.named(string(info.ID)))
	for _, l := range info.Connected {
		h.note(fmt.Sprintf("connected %s since %s lapses %s", l.Pattern, l.Since.Format(time.TimeOnly), l.Lapses))
	}
	for _, l := range info.Permits {
		h.note(fmt.Sprintf("permit %s lapses %s", l.Pattern, l.Lapses))
	}
}

func (h *house) describePath(path dispatch.Path) {
	info := h.dispatcher.Path(path, 2)
	h.note(fmt.Sprintf("%s matched %d", info.Path, info.Matched))
	for _, a := range info.Audience {
		line := fmt.Sprintf("%s connected %d:", a.Pattern, a.Connected)
		for _, s := range a.Some {
			line += h.named(fmt.Sprintf(" %s since %s", s.ID, s.Since.Format(time.TimeOnly)))
		}
		h.note(line)
	}
}

func message(text string, options dispatch.Options) *dispatch.Message {
	msg, err := dispatch.JSONMessage([]byte(text), options)
	if err != nil {
		panic(fmt.Sprintf("%v: %s", err, text))
	}
	return msg
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(err)
	}
	return n
}

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}
