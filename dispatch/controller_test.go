package dispatch_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

// journal is a component that notes what it is told. The Controller's lock is all that guards it, so that a race
// detector sees calls that overlap; read it when nobody gives updates any more.
type journal struct{ lines []string }

func (j *journal) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	j.lines = append(j.lines, string(path)+" "+msg.JSON())
}

func (j *journal) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(j.lines, want) {
		t.Errorf("got  %q\nwant %q", j.lines, want)
	}
}

// running returns a Controller with a Dispatcher, whose insides are checked when the test is over.
func running(t testing.TB) (*dispatch.Controller, *dispatch.Dispatcher) {
	c := dispatch.NewController("test")
	d := dispatch.NewDispatcher(c)
	t.Cleanup(func() {
		if err := d.Check(); err != nil {
			t.Error(err)
		}
		d.Close()
	})
	return c, d
}

func mustConnect(t testing.TB, d *dispatch.Dispatcher, id dispatch.ID, pattern dispatch.Pattern) {
	t.Helper()
	if err := d.Apply("", dispatch.Command(dispatch.PathConnect, id, pattern, 0)); err != nil {
		t.Fatal(err)
	}
}

func numbered(writer, i int) *dispatch.Message {
	return dispatch.TextMessage(fmt.Sprintf("%d %d", writer, i), dispatch.Options{})
}

const writers, rounds = 8, 300

// each runs do in so many goroutines at once, with the number of each, and waits for them.
func each(do func(writer int)) {
	var group sync.WaitGroup
	for writer := range writers {
		group.Go(func() { do(writer) })
	}
	group.Wait()
}

// inOrder checks that nothing is missing and that what each writer said comes in the order in which it said it.
func (j *journal) inOrder(t *testing.T) {
	t.Helper()
	var next [writers]int
	for _, line := range j.lines {
		var writer, i int
		if _, err := fmt.Sscanf(line, `chat "%d %d"`, &writer, &i); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if i != next[writer] {
			t.Fatalf("writer %d: told of number %d, want %d", writer, i, next[writer])
		}
		next[writer]++
	}
	for writer, n := range next {
		if n != rounds {
			t.Errorf("writer %d: told of %d, want %d", writer, n, rounds)
		}
	}
}

// inSlices runs a test as everything is usually told, and in slices of one component or two.
func inSlices(t *testing.T, test func(*testing.T, *dispatch.Controller, *dispatch.Dispatcher)) {
	for _, slice := range []int{1, 2, dispatch.UsualSlice} {
		t.Run(fmt.Sprintf("slice=%d", slice), func(t *testing.T) {
			c, d := running(t)
			d.SetSlice(slice)
			test(t, c, d)
		})
	}
}

func TestTimelineIsTheSameForAll(t *testing.T) { inSlices(t, testTimelineIsTheSameForAll) }

func testTimelineIsTheSameForAll(t *testing.T, c *dispatch.Controller, d *dispatch.Dispatcher) {
	var one, two, delegate journal
	mustConnect(t, d, c.Register(&one), "chat")
	mustConnect(t, d, c.Register(&two), "**")
	one.lines, two.lines = nil, nil
	c.Delegate(&delegate)
	each(func(writer int) {
		for i := range rounds {
			switch msg := numbered(writer, i); i % 3 {
			case 0:
				c.Update("", "chat", msg)
			case 1:
				c.Post("", "chat", msg)
			case 2:
				if err := d.Apply("", dispatch.Update{Path: "chat", Message: msg}); err != nil {
					t.Error(err)
				}
			}
		}
	})
	d.Close() // tells the rest
	one.inOrder(t)
	two.want(t, one.lines...)
	delegate.want(t, one.lines...)
}

func TestPostIsNeverLost(t *testing.T) {
	c, d := running(t)
	var told journal
	mustConnect(t, d, c.Register(&told), "chat")
	told.lines = nil
	// Nobody gives an update: each post is passed on by whoever posts.
	each(func(writer int) {
		for i := range rounds {
			c.Post("", "chat", numbered(writer, i))
		}
	})
	told.inOrder(t)
}

// A post that comes just as another goroutine has looked for posts and is about to release the lock is the one that
// could be left lying. It takes many tries to meet that moment.
func TestLastPostIsNeverLost(t *testing.T) {
	c, _ := running(t)
	told := 0
	c.Delegate(recorder(func(dispatch.ID, dispatch.Path, *dispatch.Message) { told++ }))
	msg := numbered(0, 0)
	const posters, tries = 3, 20_000
	for try := range tries {
		var group sync.WaitGroup
		for range posters {
			group.Go(func() { c.Post("", "chat", msg) })
		}
		group.Wait()
		if want := posters * (try + 1); told != want {
			t.Fatalf("told of %d posts, want %d", told, want)
		}
	}
}

// echo is a component that answers what it is told by a post.
type echo struct {
	controller *dispatch.Controller
	id         dispatch.ID
}

func (e *echo) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	if path == "ping" {
		e.controller.Post(e.id, "pong", msg)
	}
}

func TestPostFromUpdateTakesItsTurn(t *testing.T) {
	c, d := running(t)
	e := &echo{controller: c}
	e.id = c.Register(e)
	mustConnect(t, d, e.id, "ping")
	var told journal
	c.Delegate(&told)
	ping := func(text string) dispatch.Update {
		return dispatch.Update{Path: "ping", Message: dispatch.TextMessage(text, dispatch.Options{})}
	}
	if err := d.Apply("", ping("1"), ping("2")); err != nil {
		t.Fatal(err)
	}
	c.Update("", "ping", ping("3").Message)
	told.want(t, `ping "1"`, `ping "2"`, `pong "1"`, `pong "2"`, `ping "3"`, `pong "3"`)
}

func TestPostFromUpdateIsNeverLost(t *testing.T) {
	c, d := running(t)
	e := &echo{controller: c}
	e.id = c.Register(e)
	mustConnect(t, d, e.id, "ping")
	counts := make(map[dispatch.Path]int)
	c.Delegate(recorder(func(_ dispatch.ID, path dispatch.Path, _ *dispatch.Message) { counts[path]++ }))
	each(func(writer int) {
		for i := range rounds {
			c.Post("", "ping", numbered(writer, i))
			c.Update("", "ping", numbered(writer, i))
		}
	})
	if want := 2 * writers * rounds; counts["ping"] != want || counts["pong"] != want {
		t.Errorf("got %v, want %d of each", counts, want)
	}
}

// A component whose client leaves posts that client's last words and has it unregistered.
func TestPostComesBeforeWhatTheSameGoroutineDoesNext(t *testing.T) {
	c, d := running(t)
	var told journal
	mustConnect(t, d, c.Register(&told), "chat")
	told.lines = nil
	each(func(writer int) {
		id := c.Register(silent{})
		for i := range rounds {
			c.Post(id, "chat", numbered(writer, i))
			mustConnect(t, d, id, "elsewhere")
			c.Post(id, dispatch.PathDisconnect, dispatch.Command("", id, "elsewhere", 0).Message)
			if info, _ := d.Client(id); len(info.Connected) != 0 {
				t.Errorf("still connected to %v", info.Connected)
			}
		}
	})
	told.inOrder(t)
}

func TestUnregisteredIsToldNothingMore(t *testing.T) { inSlices(t, testUnregisteredIsToldNothingMore) }

func testUnregisteredIsToldNothingMore(t *testing.T, c *dispatch.Controller, d *dispatch.Dispatcher) {
	each(func(int) {
		for range rounds / 10 {
			var gone bool
			id := c.Register(recorder(func(dispatch.ID, dispatch.Path, *dispatch.Message) {
				if gone {
					t.Error("told after Unregister has returned")
				}
			}))
			mustConnect(t, d, id, "chat")
			c.Update("", "chat", numbered(0, 0))
			if !c.Unregister(id) {
				t.Errorf("Unregister(%s) = false, want true", id)
			}
			gone = true
			if c.Unregister(id) {
				t.Errorf("Unregister(%s) = true the second time", id)
			}
		}
	})
	d.Close()
	if rest := d.Rest(); rest != "" {
		t.Error(rest)
	}
}

func TestRemovedDelegateIsToldNothingMore(t *testing.T) {
	c, _ := running(t)
	each(func(writer int) {
		for i := range rounds / 10 {
			var removed bool
			remove := c.Delegate(recorder(func(dispatch.ID, dispatch.Path, *dispatch.Message) {
				if removed {
					t.Error("told after remove has returned")
				}
			}))
			c.Update("", "chat", numbered(writer, i))
			remove()
			removed = true
		}
	})
}

func TestDelegateTwiceIsTwoDelegates(t *testing.T) {
	c := dispatch.NewController("test")
	var told journal
	removeFirst := c.Delegate(&told)
	c.Delegate(&told)
	c.Update("", "a", numbered(0, 0))
	removeFirst()
	removeFirst()
	c.Update("", "b", numbered(0, 0))
	told.want(t, `a "0 0"`, `a "0 0"`, `b "0 0"`)
}

func TestSenders(t *testing.T) {
	c, d := running(t)
	var got []string
	id := c.Register(recorder(func(sender dispatch.ID, path dispatch.Path, _ *dispatch.Message) {
		name := map[dispatch.ID]string{c.ID(): "rootsd", "": "nobody"}[sender]
		got = append(got, fmt.Sprintf("%s by %s", path, name))
	}))
	mustConnect(t, d, id, "chat")
	c.Update("", "chat", numbered(0, 0))
	c.Update(c.ID(), "chat", numbered(0, 0))
	if err := d.Apply("", dispatch.Command(dispatch.PathDisconnect, id, "chat", 0), dispatch.Kick(id)); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"chat by rootsd", "chat by nobody", "chat by rootsd", "::+::disconnect by rootsd", "::kick by nobody",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestCounts(t *testing.T) {
	c, d := running(t)
	for i := range 3 {
		id := c.Register(silent{})
		mustConnect(t, d, id, "news")
		mustConnect(t, d, id, dispatch.Pattern(fmt.Sprintf("user/%d/**", i)))
	}
	if components, patterns := d.Counts(); components != 3 || patterns != 4 {
		t.Errorf("got %d components and %d patterns, want 3 and 4", components, patterns)
	}
}

// An update that is told must cost nothing but the telling, whoever hears it.
func TestUpdateAllocatesNothing(t *testing.T) {
	c, d := running(t)
	for range 100 {
		id := c.Register(silent{})
		mustConnect(t, d, id, "shop/1/order/2")
		mustConnect(t, d, id, "shop/*/order/*")
	}
	except := c.Register(silent{})
	for _, options := range []dispatch.Options{{}, {Except: except}} {
		msg := dispatch.TextMessage("paid", options)
		for _, path := range []dispatch.Path{"shop/1/order/2", "shop/2/order/1", "nobody/listens"} {
			c.Update("", path, msg) // the first one makes room for what matches
			if n := testing.AllocsPerRun(100, func() { c.Update("", path, msg) }); n != 0 {
				t.Errorf("an update at %s with %+v allocates %v times", path, options, n)
			}
		}
	}
}
