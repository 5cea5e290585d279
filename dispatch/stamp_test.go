package dispatch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// byOf returns who the Dispatcher says has connected id to pattern.
func byOf(t *testing.T, d *dispatch.Dispatcher, id dispatch.ID, pattern dispatch.Pattern) dispatch.ID {
	t.Helper()
	info, _ := d.Client(id)
	for _, l := range info.Connected {
		if l.Pattern != pattern {
			continue
		}
		for _, a := range d.Path(dispatch.Path(pattern), 100).Audience {
			for _, s := range a.Some {
				if s.ID == id && (s.By != l.By || !s.Since.Equal(l.Since)) {
					t.Errorf("%s: %q at %v among the listeners, %q at %v in the client", pattern, s.By, s.Since, l.By, l.Since)
				}
			}
		}
		return l.By
	}
	t.Fatalf("%s is not connected to %s", id, pattern)
	return ""
}

func ignore() dispatch.Component {
	return recorder(func(dispatch.ID, dispatch.Path, *dispatch.Message) {})
}

func TestWhoConnected(t *testing.T) {
	c := dispatch.NewController("test")
	d := dispatch.NewDispatcher(c)
	defer d.Close()
	client, other, backend := c.Register(ignore()), c.Register(ignore()), c.Register(ignore())
	connect := func(sender, id dispatch.ID, pattern dispatch.Pattern) {
		if err := d.Apply(sender, dispatch.Command(dispatch.PathConnect, id, pattern, 0)); err != nil {
			t.Fatal(err)
		}
	}
	connect(backend, client, "a")
	connect(client, client, "b")
	connect("", client, "c")
	connect(c.ID(), client, "d")
	connect(backend, other, "a")
	connect(client, client, "a") // was connected already
	connect("test-of another node", client, "e")
	connect(backend, backend, "f")
	for _, test := range []struct {
		id      dispatch.ID
		pattern dispatch.Pattern
		want    dispatch.ID
	}{
		{client, "a", backend}, {client, "b", client}, {client, "c", ""}, {client, "d", c.ID()},
		{other, "a", backend}, {client, "e", "test-of another node"}, {backend, "f", backend},
	} {
		if got := byOf(t, d, test.id, test.pattern); got != test.want {
			t.Errorf("%s: %q, want %q", test.pattern, got, test.want)
		}
	}
}

// There are numbers for so many who connect others; those who come later are not known, and nobody else is affected.
func TestWhoConnectedOfMany(t *testing.T) {
	const known = 30
	c := dispatch.NewController("test")
	d := dispatch.NewDispatcher(c)
	defer d.Close()
	client := c.Register(ignore())
	for i := range known + 5 {
		sender := c.Register(ignore())
		pattern := dispatch.Pattern("p/" + string(rune('A'+i)))
		if err := d.Apply(sender, dispatch.Command(dispatch.PathConnect, client, pattern, 0)); err != nil {
			t.Fatal(err)
		}
		want := sender
		if i >= known {
			want = ""
		}
		if got := byOf(t, d, client, pattern); got != want {
			t.Errorf("sender %d: %q, want %q", i, got, want)
		}
	}
	if err := d.Apply(client, dispatch.Command(dispatch.PathConnect, client, "own", 0)); err != nil {
		t.Fatal(err)
	}
	if got := byOf(t, d, client, "own"); got != client {
		t.Errorf("itself: %q", got)
	}
}

func TestWhenConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := dispatch.NewController("test")
		d := dispatch.NewDispatcher(c)
		defer d.Close()
		sender, client := c.Register(ignore()), c.Register(ignore())
		const longest = (1<<27 - 1) * time.Second
		for _, test := range []struct {
			at   time.Duration
			path dispatch.Pattern
			want time.Duration
		}{
			{0, "a", 0}, {1500 * time.Millisecond, "b", time.Second}, {longest, "c", longest}, {longest + time.Hour, "d", longest},
		} {
			time.Sleep(time.Until(began.Add(test.at)))
			if err := d.Apply(sender, dispatch.Command(dispatch.PathConnect, client, test.path, 0)); err != nil {
				t.Fatal(err)
			}
			if got := byOf(t, d, client, test.path); got != sender {
				t.Errorf("after %v: connected by %q", test.at, got)
			}
			info, _ := d.Client(client)
			last := info.Connected[len(info.Connected)-1]
			if got := last.Since.Sub(began); got != test.want {
				t.Errorf("after %v: %s connected at %v, want %v", test.at, last.Pattern, got, test.want)
			}
		}
	})
}
