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

// This file compares the queue, and then all of Push, with plain statements of what is promised, on random input.

// queueModel follows each update that was put into a queue, and wants a good reason whenever one is there no more.
type queueModel struct {
	queue    queue
	limits   QueueLimits
	patterns []dispatch.Pattern
	receipts []*dispatch.Receipt
	waiting  []entry // the queue's entries after the last step
	sent     uint64  // the queue's sent then
}

func (m *queueModel) put(t *rapid.T) {
	path := rapid.SampledFrom(modelPaths(m.limits.Messages)).Draw(t, "path")
	receipt := twoMatched()
	m.receipts = append(m.receipts, receipt)
	message := newMessage(fmt.Sprint(len(m.receipts)), dispatch.Options{Latest: rapid.Bool().Draw(t, "latest"), Receipt: receipt})
	m.queue.put(path, message)
	m.waiting = append(m.waiting, entry{message, path, m.queue.last})
	m.queue.trim(m.limits, m.patterns)
	m.check(t, "put")
}

func (m *queueModel) take(t *rapid.T) {
	entries, _ := m.queue.take(nil)
	for i, e := range entries {
		later := func(o entry) bool { return e.message.Latest() && o.message.Latest() && o.path == e.path }
		if e.seq > m.sent && slices.ContainsFunc(entries[i+1:], later) {
			t.Fatalf("%d is given, though a later one took its place: %v", e.seq, &m.queue)
		}
	}
	m.check(t, "take")
}

func (m *queueModel) confirm(t *rapid.T) {
	cursor := rapid.Uint64Range(m.queue.confirmed, m.queue.sent).Draw(t, "cursor")
	m.queue.confirm(cursor)
	m.waiting = slices.DeleteFunc(m.waiting, func(e entry) bool { return e.seq <= cursor })
	m.check(t, "confirm")
}

func (m *queueModel) age(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second}).Draw(t, "sleep"))
	m.queue.expire(m.limits.Age, time.Now())
	for _, e := range m.queue.entries {
		if time.Since(e.message.Accepted()) > m.limits.Age && !e.mark() {
			t.Fatalf("%d is older than may be: %v", e.seq, &m.queue)
		}
	}
	m.check(t, "age")
}

// check wants everything that waited to be there still, or to be replaced.
func (m *queueModel) check(t *rapid.T, after string) {
	if err := m.queue.check(); err != nil {
		t.Fatalf("after %s: %v", after, err)
	}
	if n, most := len(m.queue.entries), max(m.limits.Messages, 2); n > most || m.queue.bytes > m.limits.Bytes {
		t.Fatalf("after %s: %d entries of %d bytes", after, n, m.queue.bytes)
	}
	for _, e := range m.waiting {
		if !m.accounted(e) {
			t.Fatalf("after %s: %d at %s is lost without a mark: %v", after, e.seq, e.path, &m.queue)
		}
	}
	m.waiting, m.sent = slices.Clone(m.queue.entries), m.queue.sent
}

func (m *queueModel) accounted(e entry) bool {
	return slices.ContainsFunc(m.queue.entries, func(o entry) bool {
		switch {
		case o.seq <= e.seq:
			return o.message == e.message && o.path == e.path && o.seq == e.seq
		case o.mark():
			return standsFor(dispatch.Pattern(o.path), e.path)
		}
		return o.path == e.path && o.message.Latest() && e.message.Latest() && e.seq > m.sent
	})
}

// modelPaths returns as many paths as make the limits interesting.
func modelPaths(messages int) []dispatch.Path {
	paths := []dispatch.Path{"a", "b/1", "b/2", "b/c/3", "::members/b"}
	for i := len(paths); i < messages*3/4; i++ {
		paths = append(paths, dispatch.Path(fmt.Sprintf("b/%d", i)))
	}
	return paths
}

// checkInBubbles is rapid.Check with a bubble of its own, in which time is fake, for every run of property.
func checkInBubbles(t *testing.T, property func(*testing.T, *rapid.T)) {
	t.Helper()
	rapid.Check(t, func(rt *rapid.T) {
		var failure any // rapid tells of it by a panic, which does not leave a bubble
		synctest.Test(t, func(t *testing.T) {
			defer func() { failure = recover() }()
			property(t, rt)
		})
		// Rapid tells failures apart by where they come from, and these are no failures.
		if fmt.Sprintf("%T", failure) == "rapid.invalidData" {
			panic(failure)
		}
		if failure != nil {
			panic(failure)
		}
	})
}

func TestQueueModel(t *testing.T) {
	checkInBubbles(t, func(_ *testing.T, t *rapid.T) {
		m := &queueModel{
			limits: QueueLimits{
				Messages: rapid.SampledFrom([]int{1, 2, 3, 5, 8, 20, 200}).Draw(t, "messages"),
				Bytes:    rapid.SampledFrom([]int{1 << 10, 1 << 20}).Draw(t, "bytes"),
				Age:      10 * time.Second,
			},
			patterns: rapid.SampledFrom([][]dispatch.Pattern{nil, {"b/*"}, {"b/**", "*"}, {"**"}}).Draw(t, "patterns"),
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "put again": m.put, "put more": func(t *rapid.T) {
				for range m.limits.Messages {
					m.put(t)
				}
			},
			"take": m.take, "confirm": m.confirm, "age": m.age,
		})
		m.queue.clear()
		for i, r := range m.receipts {
			if err := settledOnce(r); err != nil {
				t.Fatalf("receipt %d: %v", i+1, err)
			}
		}
	})
}

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

// start polls, if no poll waits.
func (c *modelClient) start() {
	if c.poll == nil {
		c.poll, c.started = c.world.rig.poll(c.token), time.Now()
		synctest.Wait()
	}
}

// hear takes the answer, if there is one.
func (c *modelClient) hear(t *rapid.T) {
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

func newWorld(t *testing.T, rt *rapid.T) *world {
	w := &world{rig: newRig(t, func(c *Config) {
		c.Queue = QueueLimits{
			Messages: rapid.SampledFrom([]int{3, 8, 1000}).Draw(rt, "messages"), Bytes: 1 << 20, Age: 10 * time.Second,
		}
		c.Bundle = rapid.SampledFrom([]time.Duration{0, 250 * time.Millisecond}).Draw(rt, "bundle")
		c.Hold, c.Expire = 5*time.Second, 6*time.Second
	})}
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
	synctest.Wait()
	if n, parked, messages, bytes := w.Sessions(), w.stats.Parked.Load(), w.stats.Messages.Load(), w.stats.Bytes.Load(); n != 0 || parked != 0 || messages != 0 || bytes != 0 {
		t.Fatalf("left over: %d sessions, %d parked, %d messages of %d bytes", n, parked, messages, bytes)
	}
	if components, patterns := w.dispatcher.Counts(); components != 0 || patterns != 0 {
		t.Fatalf("left over in the dispatcher: %d components, %d patterns", components, patterns)
	}
}

// TestModel is the first promise, on random sequences of all that clients and back-ends do.
func TestModel(t *testing.T) {
	checkInBubbles(t, func(t *testing.T, rt *rapid.T) {
		w := newWorld(t, rt)
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
			"pass":     w.pass,
			"kick":     w.kick,
		})
		w.finish(rt)
	})
}
