package dispatch_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

// naiveBelow says the same as Below, from a list of all connections.
func naiveBelow[V any](connections map[grant]V, under dispatch.Pattern, limit int) dispatch.BelowInfo {
	patterns, children := make(map[dispatch.Pattern]bool), make(map[string]*dispatch.Child)
	for g := range connections {
		first := !patterns[g.pattern]
		patterns[g.pattern] = true
		rest := strings.Split(string(g.pattern), "/")
		if under != "" {
			above := strings.Split(string(under), "/")
			if len(rest) <= len(above) || !slices.Equal(rest[:len(above)], above) {
				continue
			}
			rest = rest[len(above):]
		}
		c := children[rest[0]]
		if c == nil {
			c = &dispatch.Child{Segment: rest[0], Path: dispatch.Pattern(strings.TrimPrefix(string(under)+"/"+rest[0], "/"))}
			children[rest[0]] = c
		}
		switch {
		case len(rest) == 1:
			c.Connected++
		case first:
			c.Below++
		}
	}
	info := dispatch.BelowInfo{Patterns: len(patterns), Children: []dispatch.Child{}}
	for _, c := range children {
		info.Children = append(info.Children, *c)
	}
	slices.SortFunc(info.Children, func(a, b dispatch.Child) int {
		return cmp.Or(b.Connected+b.Below-a.Connected-a.Below, strings.Compare(a.Segment, b.Segment))
	})
	info.More = max(len(info.Children)-limit, 0)
	info.Children = info.Children[:len(info.Children)-info.More]
	return info
}

// compareBelow compares what is below a few places with a naive count. It is a part of the model's check.
func (m *model) compareBelow() {
	for _, under := range []dispatch.Pattern{"", "a", "*", "**", "::members", "a/*", "nowhere"} {
		got, want := m.dispatcher.Below(under, 2), naiveBelow(m.connected, under, 2)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			m.t.Fatalf("below %q:\ngot  %+v\nwant %+v", under, got, want)
		}
	}
}

// forest is a Dispatcher with many paths and patterns.
type forest struct {
	t           *testing.T
	dispatcher  *dispatch.Dispatcher
	clients     []dispatch.ID
	connections map[grant]bool
}

func newForest(t *testing.T) *forest {
	c := dispatch.NewController("test")
	f := &forest{t: t, dispatcher: dispatch.NewDispatcher(c), connections: make(map[grant]bool)}
	t.Cleanup(func() { f.dispatcher.Close() })
	for range 3 {
		f.clients = append(f.clients, c.Register(ignore()))
	}
	return f
}

func (f *forest) apply(path dispatch.Path, id dispatch.ID, pattern dispatch.Pattern) {
	if err := f.dispatcher.Apply("", dispatch.Command(path, id, pattern, 0)); err != nil {
		f.t.Error(err)
	}
}

// plant connects clients to so many paths and patterns on three levels.
func (f *forest) plant(n int) {
	for i := range n {
		branch := fmt.Sprintf("orders/%d", i)
		for _, pattern := range []string{branch, branch + "/lines", branch + "/**", fmt.Sprintf("shops/%d/*/%d", i%100, i), fmt.Sprintf("news/%d", i%7)} {
			g := grant{f.clients[i%len(f.clients)], dispatch.Pattern(pattern)}
			f.apply(dispatch.PathConnect, g.id, g.pattern)
			f.connections[g] = true
		}
	}
}

// look compares Below with a naive count, but for the number of all patterns.
func (f *forest) look(under dispatch.Pattern, limit int, total bool) {
	f.t.Helper()
	got, want := f.dispatcher.Below(under, limit), naiveBelow(f.connections, under, limit)
	if !total {
		got.Patterns = want.Patterns
	}
	if got, want := fmt.Sprint(got), fmt.Sprint(want); got != want {
		f.t.Errorf("below %q, %d:\ngot  %.300s…\nwant %.300s…", under, limit, got, want)
	}
}

var forestPlaces = []dispatch.Pattern{"", "orders", "orders/7", "shops", "shops/7", "shops/7/*", "news", "nowhere"}

func TestBelowOfMany(t *testing.T) {
	f := newForest(t)
	f.plant(2500)
	for _, under := range forestPlaces {
		for _, limit := range []int{0, 1, 100, 10_000} {
			f.look(under, limit, true)
		}
	}
}

// While paths and patterns come and go beside and between them, and the table grows and shrinks, those that stay are
// counted once, and nothing is counted twice.
func TestBelowWhilePathsComeAndGo(t *testing.T) {
	f := newForest(t)
	f.plant(500)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for n, id := range f.clients {
		busy.Go(func() { f.comeAndGo(id, rand.New(rand.NewPCG(1, uint64(n))), stop) })
	}
	for range 8 {
		for _, under := range forestPlaces[1:] {
			f.look(under, 10_000, false)
		}
		for _, c := range f.dispatcher.Below("passing", 10_000).Children {
			if c.Connected > 3 || c.Below > 2 {
				t.Errorf("%+v: there are three clients, and two patterns below", c)
			}
		}
	}
	close(stop)
	busy.Wait()
}

// comeAndGo connects a client to waves of paths and patterns, and disconnects it.
func (f *forest) comeAndGo(id dispatch.ID, chance *rand.Rand, stop <-chan struct{}) {
	for {
		size := chance.IntN(3000)
		for _, command := range []dispatch.Path{dispatch.PathConnect, dispatch.PathDisconnect} {
			for i := range size {
				for _, tail := range []string{"", "/x", "/*"} {
					f.apply(command, id, dispatch.Pattern(fmt.Sprintf("passing/%d%s", i, tail)))
				}
				if i%100 == 0 && stopped(stop) {
					return
				}
			}
		}
	}
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}
