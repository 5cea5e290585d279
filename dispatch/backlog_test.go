package dispatch_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

// crowded returns a Controller with a Dispatcher that tells so many at once, and so many components at "news".
func crowded(t *testing.T, slice, components int) (*dispatch.Controller, *dispatch.Dispatcher, []*journal) {
	c, d := running(t)
	journals := make([]*journal, components)
	for i := range journals {
		journals[i] = &journal{}
		mustConnect(t, d, c.Register(journals[i]), "news")
		journals[i].lines = nil
	}
	d.SetSlice(slice)
	return c, d, journals
}

// countTold returns how often components were told of anything.
func countTold(journals []*journal) int {
	n := 0
	for _, j := range journals {
		n += len(j.lines)
	}
	return n
}

func news(i int, receipt *dispatch.Receipt) dispatch.Update {
	msg := dispatch.TextMessage(fmt.Sprint(i), dispatch.Options{Receipt: receipt})
	return dispatch.Update{Path: "news", Message: msg}
}

// However much a call gives, the lock is released when so many are told.
func TestNoTurnTellsMoreThanASlice(t *testing.T) {
	_, d, journals := crowded(t, 7, 5)
	d.StepByHand()
	if err := d.Apply("", news(1, nil), news(2, nil), news(3, nil), news(4, nil)); err != nil {
		t.Fatal(err)
	}
	for want := 7; want <= 20; want = min(want+7, 20) {
		if got := countTold(journals); got != want {
			t.Fatalf("%d were told, want %d", got, want)
		}
		if want == 20 {
			break
		}
		d.Step()
	}
	for _, j := range journals {
		j.want(t, `news "1"`, `news "2"`, `news "3"`, `news "4"`)
	}
}

// Who gives more than can be told works off what is too much, so that it cannot grow without end.
func TestPendingIsBounded(t *testing.T) {
	c, d, journals := crowded(t, 3, 10)
	d.StepByHand()
	for i := range 5 * dispatch.MaxPending {
		c.Update("", "news", news(i, nil).Message)
		if got := d.Pending(); got > dispatch.MaxPending {
			t.Fatalf("%d are pending, want %d at most", got, dispatch.MaxPending)
		}
	}
	// A batch takes its turn as a whole, and returns when what it added is worked off.
	batch := make([]dispatch.Update, 5*dispatch.MaxPending)
	for i := range batch {
		batch[i] = news(len(batch)+i, nil)
	}
	if err := d.Apply("", batch...); err != nil {
		t.Fatal(err)
	}
	if got := d.Pending(); got != dispatch.MaxPending {
		t.Errorf("%d are pending, want %d", got, dispatch.MaxPending)
	}
	d.Close()
	for _, j := range journals {
		for i, line := range j.lines {
			if want := fmt.Sprintf("news %q", fmt.Sprint(i)); line != want {
				t.Fatalf("told %s, want %s", line, want)
			}
		}
		if len(j.lines) != 2*len(batch) {
			t.Fatalf("told of %d, want %d", len(j.lines), 2*len(batch))
		}
	}
}

// An update that nobody hears, or few, does not work off what others have given.
func TestFewDoNotWaitForMany(t *testing.T) {
	c, d, journals := crowded(t, 4, 100)
	d.StepByHand()
	var alone journal
	mustConnect(t, d, c.Register(&alone), "alone")
	c.Update("", "news", news(1, nil).Message)
	receipt := dispatch.NewReceipt()
	for _, path := range []dispatch.Path{"nobody", "alone"} {
		if err := d.Apply("", dispatch.Update{Path: path, Message: news(2, receipt).Message}); err != nil {
			t.Fatal(err)
		}
	}
	alone.want(t, `alone ""`, `alone "2"`)
	// Another one for many is not begun before its turn, as that would make the first one slower.
	c.Update("", "news", news(3, nil).Message)

	if got := countTold(journals); got != 4 {
		t.Errorf("%d of many were told, want 4", got)
	}
	d.Close()
}

// matcher counts itself at the receipt, as a session does.
type matcher struct{}

func (matcher) Update(_ dispatch.ID, _ dispatch.Path, msg *dispatch.Message) {
	if r := msg.Receipt(); r != nil {
		r.Match()
	}
}

// Who waits for a receipt closes it when Apply has returned: all have to be told then.
func TestReceiptIsCompleteWhenApplyReturns(t *testing.T) {
	c, d := running(t)
	d.SetSlice(2)
	for range 25 {
		mustConnect(t, d, c.Register(matcher{}), "news")
	}
	for range 20 {
		receipt := dispatch.NewReceipt()
		if err := d.Apply("", news(1, nil), news(2, receipt)); err != nil {
			t.Fatal(err)
		}
		if got := receipt.Counts().Matched; got != 25 {
			t.Fatalf("%d matched, want 25", got)
		}
	}
}

func TestCloseTellsTheRest(t *testing.T) {
	c, d, journals := crowded(t, 3, 10)
	for i := range 10 {
		c.Update("", "news", news(i, nil).Message)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := countTold(journals); got != 100 {
		t.Errorf("%d were told, want 100", got)
	}
	// Nobody works off anything any more.
	if c.Update("", "news", news(10, nil).Message); countTold(journals) != 110 || d.Pending() != 0 {
		t.Errorf("%d were told, and %d updates are pending, want 110 and 0", countTold(journals), d.Pending())
	}
}

// entry is what a delegate heard: the timeline itself.
type entry struct {
	path dispatch.Path
	text string
	json string
}

// TestSlicesInAStorm has many at once publish, answer by posts, connect, disconnect, and come and go, while everything
// is told in slices, and compares what each component was told with the timeline.
func TestSlicesInAStorm(t *testing.T) {
	c, d := running(t)
	d.SetSlice(3)
	var timeline []entry
	c.Delegate(recorder(func(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
		text, _ := msg.Text()
		timeline = append(timeline, entry{path, text, msg.JSON()})
	}))
	s := &storm{t: t, controller: c, dispatcher: d, journals: make([]map[dispatch.ID]*journal, writers)}
	for range 20 {
		mustConnect(t, d, s.come(0), "**")
	}
	e := &echo{controller: c}
	e.id = c.Register(e)
	mustConnect(t, d, e.id, "ping")
	each(s.rage)
	d.Close()
	told := replay(timeline)
	for _, journals := range s.journals {
		for id, j := range journals {
			if !slices.Equal(j.lines, told[id]) {
				t.Fatalf("%s was told\n%s\nwant\n%s", id, strings.Join(j.lines, "\n"), strings.Join(told[id], "\n"))
			}
		}
	}
}

type storm struct {
	t          *testing.T
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	journals   []map[dispatch.ID]*journal // by writer
}

// come registers a component of a writer's.
func (s *storm) come(writer int) dispatch.ID {
	if s.journals[writer] == nil {
		s.journals[writer] = make(map[dispatch.ID]*journal)
	}
	j := &journal{}
	id := s.controller.Register(j)
	s.journals[writer][id] = j
	return id
}

func (s *storm) rage(writer int) {
	random := rand.New(rand.NewPCG(uint64(writer), 9))
	patterns := []dispatch.Pattern{"a", "ping", "*", "**", "a/*"}
	paths := []dispatch.Path{"a", "ping", "pong", "a/b"}
	id := s.come(writer)
	for i := range rounds {
		var err error
		switch random.IntN(10) {
		case 0:
			s.controller.Unregister(id)
			id = s.come(writer)
		case 1, 2:
			err = s.dispatcher.Apply("", dispatch.Command(dispatch.PathConnect, id, patterns[random.IntN(5)], 0))
		case 3:
			err = s.dispatcher.Apply("", dispatch.Command(dispatch.PathDisconnect, id, patterns[random.IntN(5)], 0))
		case 4:
			s.controller.Update("", dispatch.PathTo(id), numbered(writer, i))
		case 5:
			s.controller.Post("", paths[random.IntN(4)], numbered(writer, i))
		default:
			s.controller.Update("", paths[random.IntN(4)], numbered(writer, i))
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// replay returns what each component is to be told, by the timeline and nothing else.
func replay(timeline []entry) map[dispatch.ID][]string {
	told := make(map[dispatch.ID][]string)
	connected := make(map[dispatch.ID][]dispatch.Pattern)
	for _, e := range timeline {
		id, pattern := parseOrder(e.text)
		i := slices.Index(connected[id], pattern)
		switch to, isTo := strings.CutPrefix(string(e.path), "::to/"); {
		case isTo:
			told[dispatch.ID(to)] = append(told[dispatch.ID(to)], string(e.path)+" "+e.json)
		case e.path == dispatch.PathGone:
			delete(connected, dispatch.ID(e.text))
		case e.path == dispatch.PathConnect:
			told[id] = append(told[id], string(pattern)+` ""`)
			if i < 0 {
				connected[id] = append(connected[id], pattern)
			}
		case e.path == dispatch.PathDisconnect && i >= 0:
			text, _ := json.Marshal(pattern)
			told[id] = append(told[id], string(dispatch.PathDisconnected)+" "+string(text))
			connected[id] = slices.Delete(connected[id], i, i+1)
		}
		for id, patterns := range connected {
			if slices.ContainsFunc(patterns, func(p dispatch.Pattern) bool { return p.Matches(e.path) }) {
				told[id] = append(told[id], string(e.path)+" "+e.json)
			}
		}
	}
	return told
}

func parseOrder(text string) (dispatch.ID, dispatch.Pattern) {
	id, pattern, _ := strings.Cut(text, "->")
	return dispatch.ID(id), dispatch.Pattern(pattern)
}
