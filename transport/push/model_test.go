package push

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

// This file compares all of Push with plain statements of what is promised, on random input.

// world is some clients of a Push, and what each may and must hear.
type world struct {
	*rig
	clients []*modelClient
}

// modelClient does what a client does: it polls, sometimes loses the answer, and comes back.
type modelClient struct {
	world    *world
	patterns []dispatch.Pattern
	token    string
	poll     *call // nil when no request waits
	stream   *tap  // nil when no stream is open
	started  time.Time

	due    map[int]dispatch.Update // what was given while it was connected and it has not seen, by number
	latest map[dispatch.Path]int   // the number of the last update that it saw or loaded, by path
	seen   int                     // the number of the last update that it saw
	kicked bool
}

// update gives an update, whose message is its number.
func (w *world) update(t *rapid.T) {
	number := int(w.given.Add(1))
	options := dispatch.Options{Latest: rapid.Bool().Draw(t, "latest")}
	except := rapid.IntRange(-1, len(w.clients)-1).Draw(t, "except")
	if except >= 0 {
		options.Except = w.clients[except].id()
	}
	u := newUpdate(rapid.SampledFrom([]string{"a", "b/1", "b/2", "b/c/3"}).Draw(t, "path"), fmt.Sprint(number), options)
	for i, c := range w.clients {
		matches := func(p dispatch.Pattern) bool { return p.Matches(u.Path) }
		if i != except && slices.ContainsFunc(c.patterns, matches) {
			c.due[number] = u
		}
	}
	w.apply(u)
	synctest.Wait()
}

func (w *world) client(t *rapid.T) *modelClient {
	return w.clients[rapid.IntRange(0, len(w.clients)-1).Draw(t, "client")]
}

func (c *modelClient) id() dispatch.ID {
	t, _ := parseToken(c.token)
	return t.id
}

// start polls, if nothing waits.
func (c *modelClient) start() {
	if c.poll == nil && c.stream == nil {
		c.poll, c.started = c.world.rig.poll(c.token), time.Now()
		synctest.Wait()
	}
}

// hear takes the answer, if there is one.
func (c *modelClient) hear(t *rapid.T) {
	if c.stream != nil {
		c.hearStream(t)
	}
	if c.poll == nil || c.poll.waits() {
		return
	}
	poll, a := c.poll, c.poll.answer()
	c.poll = nil
	if a.code != 200 {
		t.Fatalf("poll answered %d %s", a.code, a.Detail)
	}
	held := poll.at.Sub(c.started)
	if tick := c.world.wheel.tick; held > c.world.made.Hold+tick {
		t.Fatalf("poll was held for %v", held)
	}
	if a.id() != c.id() {
		c.begin(t, a)
		return
	}
	c.token = a.ReconnectWith
	c.read(t, a, poll.given)
}

// lose throws the answer away, or the request if it waits: the client comes back with the same token.
func (c *modelClient) lose() {
	if c.stream != nil {
		c.stream.cut()
		c.stream = nil
		synctest.Wait()
	}
	if c.poll == nil {
		return
	}
	c.poll.cancel()
	<-c.poll.done
	c.poll = nil
	synctest.Wait()
}

// overtake has a second poll come while one waits: the first is answered 409.
func (c *modelClient) overtake(t *rapid.T) {
	if c.poll == nil || !c.poll.waits() {
		return
	}
	older := c.poll
	c.poll = nil
	c.start()
	if older.waits() {
		t.Fatal("the older poll goes on waiting")
	}
	if a := older.answer(); a.code != 409 || a.Reason != "superseded" {
		t.Fatalf("the older poll was answered %d %s", a.code, a.Reason)
	}
}

// open opens a stream, also where something waits: that is superseded.
func (c *modelClient) open(t *rapid.T) {
	poll, stream := c.poll, c.stream
	if poll != nil && !poll.waits() {
		return // it has an answer to hear
	}
	form := rapid.SampledFrom([]Form{Events, Frames}).Draw(t, "form")
	if stream != nil {
		if c.hearStream(t); c.stream == nil {
			return // the session had ended
		}
	}
	c.stream, c.poll = c.world.tap(form, c.token), nil
	synctest.Wait()
	if poll != nil {
		if a := poll.answer(); a.code != 409 {
			t.Fatalf("the poll was answered %d %s", a.code, a.Reason)
		}
	}
	if stream != nil {
		if stream.cut(); stream.end != "superseded" && stream.end != "ended" {
			t.Fatalf("the older stream ended with %q", stream.end)
		}
	}
}

// hearStream reads what a stream has brought.
func (c *modelClient) hearStream(t *rapid.T) {
	synctest.Wait()
	s := c.stream
	s.mu.Lock()
	a, token, end, refusal := s.heard, s.token, s.end, s.refusal
	s.heard, s.tokens = answer{}, nil
	s.mu.Unlock()
	a.ReconnectWith = token
	switch {
	case refusal != nil:
		t.Fatalf("the stream was refused: %s", refusal.Detail)
	case a.id() != c.id():
		s.cut()
		c.stream = nil
		c.begin(t, &a)
	case closed(s.done):
		if c.stream = nil; end != "ended" {
			t.Fatalf("the stream ended with %q", end)
		}
	default:
		c.token = token
		c.read(t, &a, c.world.given.Load())
	}
}

// breaks has a stream break after the client has got a part of what it brought.
func (c *modelClient) breaks(t *rapid.T) {
	s := c.stream
	if s == nil {
		return
	}
	synctest.Wait()
	s.mu.Lock()
	a, tokens := s.heard, s.tokens
	s.mu.Unlock()
	n := rapid.IntRange(0, len(tokens)).Draw(t, "got")
	for n > 0 && tokens[n-1] == "" {
		n-- // a part of an answer is nothing
	}
	if id := (&answer{ReconnectWith: s.token}).id(); n > 0 && id == c.id() {
		a.Updates = a.Updates[:n]
		c.token = tokens[n-1]
		c.read(t, &a, 0)
	}
	c.lose()
}

// confirm has a WebSocket's client say what it has got.
func (c *modelClient) confirm() {
	if s := c.stream; s != nil && s.form == Frames && !closed(s.done) {
		s.say(`"` + c.token + `"`)
		synctest.Wait()
	}
}

// begin is what a client does that has a new ID: it has the back-end connect it, and loads everything.
func (c *modelClient) begin(t *rapid.T, a *answer) {
	c.token = a.ReconnectWith
	c.due, c.latest, c.seen, c.kicked = map[int]dispatch.Update{}, map[dispatch.Path]int{}, 0, false
	for _, pattern := range c.patterns {
		u := dispatch.Command(dispatch.PathConnect, c.id(), pattern, 0)
		if err := c.world.dispatcher.Apply("", u); errors.Is(err, dispatch.ErrUnknownID) {
			return // expired since the answer was given; the next poll opens another
		} else if err != nil {
			t.Fatal(err)
		}
	}
	c.start()
	synctest.Wait()
	c.hear(t)
}

// read is what a client does with updates. So many were given when the answer was.
func (c *modelClient) read(t *rapid.T, a *answer, given int64) {
	for _, u := range a.Updates {
		if string(u.Message) == `""` {
			c.load(dispatch.Pattern(u.Path))
			continue
		}
		var number int
		fmt.Sscan(string(u.Message), &number)
		if number <= c.seen {
			t.Fatalf("%d came after %d", number, c.seen)
		}
		c.seen = number
		if due, ok := c.due[number]; !ok && c.latest[dispatch.Path(u.Path)] < number {
			t.Fatalf("%d at %s was not for this client", number, u.Path)
		} else if ok && due.Path != dispatch.Path(u.Path) {
			t.Fatalf("%d came at %s, not %s", number, u.Path, due.Path)
		}
		delete(c.due, number)
		c.latest[dispatch.Path(u.Path)] = max(c.latest[dispatch.Path(u.Path)], number)
	}
	// An answer holds all there is: what is still due of what was given before it was lost.
	for number, u := range c.due {
		if int64(number) <= given && !c.kicked && !(u.Message.Latest() && c.latest[u.Path] > number) {
			t.Fatalf("%d at %s was neither told nor marked; this was: %v", number, u.Path, a)
		}
	}
}

// load reads what pattern stands for from the back-end, which knows everything that was given.
func (c *modelClient) load(pattern dispatch.Pattern) {
	for number, u := range c.due {
		if standsFor(pattern, u.Path) {
			c.latest[u.Path] = max(c.latest[u.Path], number)
			delete(c.due, number)
		}
	}
}

func newWorld(t *testing.T, rt *rapid.T, use func(*rig)) *world {
	w := &world{rig: newRig(t, func(c *Config) {
		c.Queue = QueueLimits{
			Messages: rapid.SampledFrom([]int{3, 8, 1000}).Draw(rt, "messages"), Bytes: 1 << 20, Age: 10 * time.Second,
		}
		c.Total = rapid.SampledFrom([]int64{0, 0, 150, 300, 1000}).Draw(rt, "total")
		c.Resume = rapid.SampledFrom([]int{0, 2, 8, 64}).Draw(rt, "resume")
		c.Bundle = rapid.SampledFrom([]time.Duration{0, 250 * time.Millisecond}).Draw(rt, "bundle")
		c.Hold, c.Expire = 5*time.Second, 6*time.Second
	})}
	use(w.rig)
	for _, patterns := range [][]dispatch.Pattern{{"a", "b/1"}, {"b/**"}, {"**", "b/2"}} {
		c := &modelClient{world: w, patterns: patterns}
		w.clients = append(w.clients, c)
		c.begin(rt, w.do("GET", "/", ""))
	}
	return w
}

func (w *world) pass(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{100 * time.Millisecond, 2 * time.Second, 11 * time.Second}).Draw(t, "time"))
	synctest.Wait()
}

func (w *world) kick(t *rapid.T) {
	c := w.client(t)
	c.kicked = true
	err := w.dispatcher.Apply("", dispatch.Kick(c.id()))
	if err != nil && !errors.Is(err, dispatch.ErrUnknownID) {
		t.Fatal(err)
	}
	synctest.Wait()
}

// finish has every client hear everything, and looks for what is left over.
func (w *world) finish(t *rapid.T) {
	for _, c := range w.clients {
		c.lose()
		c.start()
		time.Sleep(w.made.Hold + w.wheel.tick)
		synctest.Wait()
		c.hear(t)
		if c.poll != nil {
			t.Fatal("a poll was not answered in time")
		}
		c.lose()
		w.do("DELETE", "/"+c.token, "")
	}
	time.Sleep(w.made.Expire + w.wheel.tick) // for those that opened and never came to hear of it
	synctest.Wait()
	if n, parked, messages, bytes := w.Sessions(), w.stats.Parked.Load(), w.stats.Messages.Load(), w.stats.Bytes.Load(); n != 0 || parked != 0 || messages != 0 || bytes != 0 {
		t.Fatalf("left over: %d sessions, %d parked, %d messages of %d bytes", n, parked, messages, bytes)
	}
	if n := w.stats.Holding.Load(); n != 0 {
		t.Fatalf("left over: %d sessions that hold something", n)
	}
	if components, patterns := w.dispatcher.Counts(); components != 0 || patterns != 0 {
		t.Fatalf("left over in the dispatcher: %d components, %d patterns", components, patterns)
	}
}

// TestModel is the first promise, on random sequences of all that clients and back-ends do.
func TestModel(t *testing.T) {
	onLanes(t, func(t *testing.T, use func(*rig)) {
		checkInBubbles(t, func(t *testing.T, rt *rapid.T) {
			w := newWorld(t, rt, use)
			defer func() {
				for _, c := range w.clients {
					c.lose()
				}
			}()
			rt.Repeat(map[string]func(*rapid.T){
				"update": w.update,
				"burst": func(t *rapid.T) {
					for range rapid.IntRange(2, 12).Draw(t, "size") {
						w.update(t)
					}
				},
				"poll":     func(t *rapid.T) { w.client(t).start() },
				"hear":     func(t *rapid.T) { w.client(t).hear(t) },
				"lose":     func(t *rapid.T) { w.client(t).lose() },
				"overtake": func(t *rapid.T) { w.client(t).overtake(t) },
				"open":     func(t *rapid.T) { w.client(t).open(t) },
				"breaks":   func(t *rapid.T) { w.client(t).breaks(t) },
				"confirm":  func(t *rapid.T) { w.client(t).confirm() },
				"pass":     w.pass,
				"kick":     w.kick,
			})
			w.finish(rt)
		})
	})
}
