package dispatch

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/nats-io/nats-server/v2/server"
)

// million is how many subscriptions or components stand in the larger benchmarks.
const million = 1_000_000

// counter is the cheapest component that still does something.
type counter struct{ told int }

func (c *counter) Update(ID, Path, *Message) { c.told++ }

// forest is the same subscriptions in our tree and in the subscription lists of NATS's server, and paths to look up.
type forest struct {
	ours      tree
	nats      *server.Sublist // as a server has it
	natsCache *server.Sublist // with its cache of the last 1,024 subjects
	hits      []string        // paths of subscriptions, in random order
	misses    []string        // paths of the same form that nobody is connected to
}

var (
	exactForest = sync.OnceValue(func() *forest { return newForest(orderPath) })
	mixedForest = sync.OnceValue(func() *forest { return newForest(mixedPattern) })
)

// orderPath has four segments; there are 1,000 different ones in the second and a million in the last.
func orderPath(i int) string { return fmt.Sprintf("shop/%d/order/%d", i%1000, i) }

// mixedPattern makes every tenth an own pattern, all kinds of which a lookup has to try.
func mixedPattern(i int) string {
	if i%10 != 0 {
		return orderPath(i)
	}
	switch shop := i % 1000; i / 10 % 4 {
	case 0:
		return fmt.Sprintf("shop/*/order/%d", i)
	case 1:
		return fmt.Sprintf("*/%d/order/%d", shop, i)
	case 2:
		return fmt.Sprintf("shop/%d/*/%d", shop, i)
	default:
		return fmt.Sprintf("shop/%d/order/%d/**", shop, i)
	}
}

func newForest(pattern func(i int) string) *forest {
	f := &forest{nats: server.NewSublistNoCache(), natsCache: server.NewSublistWithCache()}
	for i := range million {
		p := pattern(i)
		f.ours.add(Pattern(p))
		insert(f.nats, (*server.Sublist).Insert, p)
		insert(f.natsCache, (*server.Sublist).Insert, p)
	}
	// The texts are made anew, as those of updates are: a lookup with the very string that is the key is quicker.
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(million) {
		f.hits = append(f.hits, orderPath(i))
		f.misses = append(f.misses, orderPath(i+million))
	}
	return f
}

// insert connects a subscription of NATS's server to pattern. The type has no exported name or field, hence the detour.
func insert[Subscription any](list *server.Sublist, insert func(*server.Sublist, *Subscription) error, pattern string) {
	sub := new(Subscription)
	field := reflect.ValueOf(sub).Elem().FieldByName("subject")
	*(*[]byte)(unsafe.Pointer(field.UnsafeAddr())) = []byte(subject(pattern))
	if err := insert(list, sub); err != nil {
		panic(err)
	}
}

// subject returns pattern as NATS writes it.
func subject(pattern string) string {
	return strings.ReplaceAll(strings.ReplaceAll(pattern, "**", ">"), "/", ".")
}

// BenchmarkMatch looks up a million different paths in a million subscriptions, ours and NATS's in the same run.
func BenchmarkMatch(b *testing.B) {
	forests := []struct {
		name string
		make func() *forest
	}{{"exact", exactForest}, {"mixed", mixedForest}}
	for _, f := range forests {
		for _, look := range []string{"hit", "miss"} {
			name := "subs=" + f.name + "/path=" + look
			b.Run(name+"/impl=rootsd", func(b *testing.B) { benchmarkTree(b, f.make(), look) })
			b.Run(name+"/impl=nats", func(b *testing.B) { benchmarkSublist(b, f.make().nats, f.make(), look) })
			b.Run(name+"/impl=natscache", func(b *testing.B) { benchmarkSublist(b, f.make().natsCache, f.make(), look) })
		}
	}
}

func (f *forest) paths(look string) []string {
	if look == "hit" {
		return f.hits
	}
	return f.misses
}

func benchmarkTree(b *testing.B, f *forest, look string) {
	paths := f.paths(look)
	var topics []*topic
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		topics = f.ours.match(Path(paths[i%million]), topics[:0])
	}
}

func benchmarkSublist(b *testing.B, list *server.Sublist, f *forest, look string) {
	subjects := make([]string, 0, million)
	for _, path := range f.paths(look) {
		subjects = append(subjects, subject(path))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		list.Match(subjects[i%million])
	}
}

// BenchmarkFanOut gives an update to a path that so many are connected to. They were registered in another order than
// connected, as it is in a daemon that has run for a while.
func BenchmarkFanOut(b *testing.B) {
	for _, subscribers := range []int{1, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			c := NewController("bench")
			d := NewDispatcher(c)
			ids := make([]ID, subscribers)
			for _, at := range rand.New(rand.NewPCG(3, 4)).Perm(subscribers) {
				ids[at] = c.Register(&counter{})
			}
			for _, id := range ids {
				connect(b, d, id, "news")
			}
			msg := TextMessage("hello", Options{})
			b.ReportAllocs()
			for b.Loop() {
				c.Update("", "news", msg)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(subscribers), "ns/subscriber")
		})
	}
}

// mailbox is a component that does about what a session does.
type mailbox struct {
	mu    sync.Mutex
	queue []Update
}

func (m *mailbox) Update(_ ID, path Path, msg *Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 8 {
		m.queue = nil
	}
	m.queue = append(m.queue, Update{path, msg})
}

// BenchmarkWait gives updates to a path that a million are connected to, and tells how long others wait for an update
// that nobody hears until all are told: the longest that it took, and what 99 of 100 stay below. The longest is often
// the machine's own doing; without the garbage collector it is less so.
func BenchmarkWait(b *testing.B) {
	for _, gc := range []string{"on", "off"} {
		b.Run("gc="+gc, func(b *testing.B) {
			if gc == "off" {
				defer debug.SetGCPercent(debug.SetGCPercent(-1))
			}
			benchmarkWait(b)
		})
	}
}

func benchmarkWait(b *testing.B) {
	c := NewController("bench")
	d := NewDispatcher(c)
	ids := make([]ID, million)
	for _, at := range rand.New(rand.NewPCG(3, 4)).Perm(million) {
		ids[at] = c.Register(&mailbox{})
	}
	for _, id := range ids {
		connect(b, d, id, "news")
	}
	runtime.GC()
	stop, waits := make(chan struct{}), make(chan []time.Duration)
	go func() { waits <- probe(d, stop) }()
	msg, began := TextMessage("hello", Options{}), time.Now()
	for b.Loop() {
		c.Update("", "news", msg)
	}
	d.Close() // returns when all are told
	elapsed := time.Since(began)
	close(stop)
	took := <-waits
	b.ReportMetric(float64(elapsed.Nanoseconds())/float64(b.N)/million, "ns/subscriber")
	b.ReportMetric(took[len(took)-1].Seconds()*1000, "max-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "hundredth-ms")
}

// probe gives an update that nobody hears again and again, and returns how long each took, in order.
func probe(d *Dispatcher, stop <-chan struct{}) (took []time.Duration) {
	u := Update{"nobody", TextMessage("hello", Options{})}
	ticker := time.NewTicker(100 * time.Microsecond)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			slices.Sort(took)
			return took
		case <-ticker.C:
			began := time.Now()
			_ = d.Apply("", u)
			took = append(took, time.Since(began))
		}
	}
}

func connect(tb testing.TB, d *Dispatcher, id ID, pattern Pattern) {
	if err := d.Apply("", Command(PathConnect, id, pattern, 0)); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkNobody gives an update that nobody is connected to, among a million paths.
func BenchmarkNobody(b *testing.B) {
	c := NewController("bench")
	d := NewDispatcher(c)
	d.tree = exactForest().ours
	msg := TextMessage("hello", Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Update("", Path(exactForest().misses[i%million]), msg)
	}
}

// BenchmarkConnect connects a component and disconnects it again.
func BenchmarkConnect(b *testing.B) {
	c := NewController("bench")
	d := NewDispatcher(c)
	id := c.Register(&counter{})
	on := Command(PathConnect, id, "shop/17/order/42", 0)
	off := Command(PathDisconnect, id, "shop/17/order/42", 0)
	b.ReportAllocs()
	for b.Loop() {
		if d.Apply("", on) != nil || d.Apply("", off) != nil {
			b.Fatal("refused")
		}
	}
}

// BenchmarkLife registers a component, connects it, and has it go.
func BenchmarkLife(b *testing.B) {
	c := NewController("bench")
	d := NewDispatcher(c)
	b.ReportAllocs()
	for b.Loop() {
		id := c.Register(&counter{})
		connect(b, d, id, "shop/17/order/42")
		c.Unregister(id)
	}
}

// BenchmarkMemory tells how much of the heap a registered component takes that is connected to a path of its own, or to
// a pattern of its own, without the component itself, and in how many objects.
func BenchmarkMemory(b *testing.B) {
	b.Run("path=exact", func(b *testing.B) { benchmarkMemory(b, "shop/%d/order/%d") })
	b.Run("path=wild", func(b *testing.B) { benchmarkMemory(b, "shop/%d/order/%d/**") })
	b.Run("path=star", func(b *testing.B) { benchmarkMemory(b, "shop/%d/%d/order/*") })
}

func benchmarkMemory(b *testing.B, format string) {
	components := make([]counter, million)
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := NewController("bench")
		d := NewDispatcher(c)
		for i := range components {
			id := c.Register(&components[i])
			connect(b, d, id, Pattern(fmt.Sprintf(format, i%1000, i)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(d)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/million, "B/client")
	b.ReportMetric(float64(after.HeapObjects-before.HeapObjects)/million, "objects/client")
}
