package dispatch

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// deaf is a component that does nothing.
type deaf struct{}

func (deaf) Update(ID, Path, *Message) {}

// All connections of all components are counted, however they come and go. A batch that is taken is obeyed in full, and
// never makes more than there may be; one that is refused changes nothing.
func TestSubscriptions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := NewController("test")
		d := NewDispatcher(c)
		defer d.Close()
		limit := rapid.IntRange(1, 6).Draw(t, "limit")
		d.SetLimits(Limits{Subscriptions: limit, Paths: rapid.IntRange(0, 3).Draw(t, "paths")})
		ids := []ID{c.Register(deaf{}), c.Register(deaf{}), c.Register(deaf{})}
		stands := make(map[string]bool)
		for range 20 {
			after := make(map[string]bool)
			for link := range stands {
				after[link] = true
			}
			var batch []Update
			for range rapid.IntRange(1, 6).Draw(t, "size") {
				id := rapid.SampledFrom(ids).Draw(t, "id")
				pattern := rapid.SampledFrom([]Pattern{"a", "b", "c/*", "::members/a"}).Draw(t, "pattern")
				link := fmt.Sprint(id, pattern)
				if rapid.Bool().Draw(t, "connect") {
					batch, after[link] = append(batch, Command(PathConnect, id, pattern, 0)), true
				} else {
					batch = append(batch, Command(PathDisconnect, id, pattern, 0))
					delete(after, link)
				}
			}
			switch err := d.Apply("", batch...); {
			case err == nil:
				stands = after
			case !errors.Is(err, ErrSubscriptions) && !errors.Is(err, ErrPaths):
				t.Fatal(err)
			}
			if n := d.Subscriptions(); n != len(stands) || n > limit {
				t.Fatalf("%d connections are counted, %d stand, and %d may", n, len(stands), limit)
			}
		}
		for _, id := range ids {
			c.Unregister(id)
		}
		if n := d.Subscriptions(); n != 0 {
			t.Fatalf("%d connections are left", n)
		}
	})
}

// There is room up to the very last one, for whoever it is, and what is connected may be connected again.
func TestSubscriptionsAtTheLimit(t *testing.T) {
	c := NewController("test")
	d := NewDispatcher(c)
	defer d.Close()
	d.SetLimits(Limits{Subscriptions: 2})
	one, other := c.Register(deaf{}), c.Register(deaf{})
	connect := func(id ID, pattern Pattern) Update { return Command(PathConnect, id, pattern, 0) }
	disconnect := func(id ID, pattern Pattern) Update { return Command(PathDisconnect, id, pattern, 0) }
	steps := []struct {
		batch []Update
		entry int // which is refused; -1 for none
	}{
		{[]Update{connect(one, "a"), connect(other, "a"), connect(one, "b")}, 2},
		{[]Update{connect(one, "a"), connect(other, "a"), connect(one, "a")}, -1},
		{[]Update{connect(one, "b"), disconnect(one, "a")}, 0},
		{[]Update{disconnect(one, "a"), connect(one, "b")}, -1},
		{[]Update{disconnect(one, "x"), connect(one, "c")}, 1},
		{[]Update{connect(other, "a"), connect(one, "b")}, -1},
	}
	for i, step := range steps {
		err, entry := d.Apply("", step.batch...), -1
		if at, ok := errors.AsType[*UpdateError](err); ok && errors.Is(err, ErrSubscriptions) {
			entry = at.Index
		}
		if entry != step.entry {
			t.Errorf("step %d: %v, want entry %d to be refused", i, err, step.entry)
		}
	}
}
