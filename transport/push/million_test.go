package push

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

var (
	crowdClients   = flag.Int("clients", 20_000, "how many clients BenchmarkCrowd parks")
	crowdRounds    = flag.Int("rounds", 5, "how many broadcasts they hear")
	crowdTransport = flag.String("transport", "long-poll", "how they listen: long-poll, sse or websocket")
)

// BenchmarkCrowd parks very many clients, with a path of its own each, on the event loops. Their sockets are stand-ins, so
// that there can be more than a process may have descriptors; everything else is as in the daemon. It prints what they
// take and what is done with them costs; the clients' own work, which is little, is in it.
//
//	go test -run '^$' -bench Crowd -benchtime 1x ./transport/push -clients 1000000
func BenchmarkCrowd(b *testing.B) {
	for b.Loop() {
		c := newCrowd(b, *crowdClients, *crowdTransport)
		c.park()
		c.watch("broadcast", *crowdRounds, len(c.guests), func(i int) { c.apply(newUpdate("all", fmt.Sprintf(`"message %d"`, i), dispatch.Options{})) })
		c.watch("unicast", 1, c.some(), func(int) { c.unicast() })
		c.watch("reconnect", 1, c.some(), func(int) { c.reconnect() })
		c.expire()
		c.close()
	}
}

// guest is one of the crowd. The socket comes first, so that it tells which guest it is of.
type guest struct {
	lanetest.Socket
	crowd   *crowd
	request [160]byte // "GET /<token> HTTP/1.1…", to be sent next
	length  uint8
	heard   uint32 // updates
}

// crowd is a Push on event loops with its clients.
type crowd struct {
	*rig
	b         *testing.B
	net       *lanetest.Net
	listener  *lanetest.Listener
	loops     *lane.Loops
	port      *lane.Port
	opening   string
	stream    bool
	guests    []guest
	heard     atomic.Int64 // updates, by all
	answers   atomic.Int64 // with a token
	heapEmpty uint64
}

func newCrowd(b *testing.B, n int, transport string) *crowd {
	c := &crowd{b: b, net: new(lanetest.Net), guests: make([]guest, n)}
	for i := range c.guests {
		c.guests[i].crowd = c
		c.guests[i].Written = written
	}
	c.net.Reserve(n + 1)
	c.rig = newRig(b, func(config *Config) {
		config.Hold, config.Expire, config.Bundle, config.MaxSessions = 10*time.Minute, 10*time.Minute, 0, math.MaxInt32
		config.Queue.Age = 10 * time.Minute
	})
	c.opening = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	switch transport {
	case "sse":
		c.opening, c.stream = "GET / HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n", true
	case "websocket":
		c.opening, c.stream = "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", true
	}
	log := slog.New(slog.DiscardHandler)
	bounds := lane.Bounds{Header: time.Minute, Idle: 10 * time.Minute, Write: 10 * time.Second}
	var err error
	if c.loops, err = lane.NewLoops(runtime.GOMAXPROCS(0), c.net.Open, bounds, log); err != nil {
		b.Fatal(err)
	}
	c.listener = c.net.Listen()
	if c.port, err = c.loops.OpenFD("push", lane.NewLimitListener(c.listener, math.MaxInt32, nil), c.Fast(""), c.listener.FD); err != nil {
		b.Fatal(err)
	}
	c.heapEmpty = heapInUse()
	return c
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// written is what a guest does with what it reads: it counts updates, and comes back with its token.
func written(s *lanetest.Socket, text []byte) int {
	g := (*guest)(unsafe.Pointer(s))
	if n := bytes.Count(text, []byte(`"message":`)); n > 0 {
		g.heard += uint32(n)
		g.crowd.heard.Add(int64(n))
	}
	if g.crowd.stream {
		if i := bytes.Index(text, []byte("test-")); i >= 0 && g.length == 0 {
			g.note(text[i:])
		}
		return len(text)
	}
	if i := bytes.Index(text, []byte(`reconnectWith":"`)); i >= 0 {
		first := g.length == 0
		g.note(text[i+len(`reconnectWith":"`):])
		if !first {
			g.Send(g.request[:g.length])
		}
	}
	return len(text)
}

// note notes the token that text begins with.
func (g *guest) note(text []byte) {
	token := text[:bytes.IndexAny(text, "\"\n")]
	request := append(append(append(g.request[:0], "GET /"...), token...), " HTTP/1.1\r\nHost: x\r\n\r\n"...)
	g.length = uint8(len(request))
	g.crowd.answers.Add(1)
}

func (g *guest) id() dispatch.ID {
	id := g.request[len("GET /"):]
	return dispatch.ID(id[:bytes.IndexByte(id, '/')])
}

func (c *crowd) until(what string, is func() bool) {
	for limit := time.Now().Add(5 * time.Minute); !is(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(limit) {
			c.b.Fatal("waited in vain: ", what)
		}
	}
}

func (c *crowd) all(parked int) {
	c.until("all wait", func() bool { return c.stats.Parked.Load() == int64(parked) })
}

// park has all come and wait, and prints what they take.
func (c *crowd) park() {
	began, n := time.Now(), len(c.guests)
	for i := range c.guests {
		if err := c.listener.Connect(&c.guests[i].Socket); err != nil {
			c.b.Fatal(err)
		}
		c.guests[i].Send([]byte(c.opening))
		if i%1000 == 999 || i == n-1 {
			c.until("sessions are open", func() bool { return c.answers.Load() == int64(i+1) })
		}
	}
	for i := range c.guests {
		g := &c.guests[i]
		if !c.stream {
			g.Send(g.request[:g.length])
		}
		c.connect(g.id(), dispatch.Pattern(fmt.Sprintf("c/%d", i)))
		if i%1000 == 999 || i == n-1 {
			c.until("all heard", func() bool { return c.heard.Load() == int64(i+1) })
		}
	}
	c.all(n)
	c.b.ReportMetric(float64(time.Since(began).Microseconds())/float64(n), "µs/opening")
	c.b.ReportMetric(float64(int64(heapInUse())-int64(c.heapEmpty))/float64(n), "heap-bytes/client")
	for i := range c.guests {
		c.connect(c.guests[i].id(), "all")
	}
	c.until("all heard", func() bool { return c.heard.Load() == int64(2*n) })
	c.all(n)
}

func (c *crowd) some() int { return min(len(c.guests), 100_000) }

// watch measures what act costs, each time it is called until so many updates more were heard.
func (c *crowd) watch(name string, times, updates int, act func(i int)) {
	runtime.GC()
	stop := make(chan struct{})
	waits := make(chan []time.Duration)
	go func() { waits <- c.timeline(stop) }()
	go runtime.GC() // one collection at least, while all goes on
	before, gc, began, cpu := pauses(), gcCPU(), time.Now(), usedCPU()
	for i := range times {
		want := c.heard.Load() + int64(updates)
		act(i)
		c.until(name, func() bool { return c.heard.Load() == want })
	}
	c.all(len(c.guests))
	took, used := time.Since(began), usedCPU()-cpu
	close(stop)
	done := float64(times * updates)
	c.b.ReportMetric(float64(used.Nanoseconds())/done, "cpu-ns/"+name)
	waited := <-waits
	slices.Sort(waited)
	c.b.ReportMetric(waited[len(waited)*99/100].Seconds()*1000, "timeline-p99-ms/"+name)
	c.b.ReportMetric(waited[len(waited)-1].Seconds()*1000, "timeline-max-ms/"+name)
	c.b.ReportMetric(longestPause(before, pauses()).Seconds()*1000, "gc-pause-ms/"+name)
	c.b.Logf("%s: %v, garbage collection %.1f %% of CPU", name, took, 100*(gcCPU()-gc)/used.Seconds())
}

// timeline gives updates that nobody hears, again and again, and returns how long each took. The longest have waited for
// a processor as well, while the loops have all there are.
func (c *crowd) timeline(stop chan struct{}) (waits []time.Duration) {
	u := newUpdate("nobody/hears", "1", dispatch.Options{})
	for {
		began := time.Now()
		_ = c.dispatcher.Apply("", u)
		waits = append(waits, time.Since(began))
		select {
		case <-stop:
			return waits
		case <-time.After(200 * time.Microsecond):
		}
	}
}

func (c *crowd) unicast() {
	for range c.some() {
		c.update(fmt.Sprintf("c/%d", rand.IntN(len(c.guests))), `"for you alone"`)
	}
}

// reconnect has some lose their connection and come back with another, and an update for each.
func (c *crowd) reconnect() {
	for i := range c.some() {
		c.guests[i].Reset()
	}
	for i := range c.some() {
		g := &c.guests[i]
		c.until("the connection is closed", g.Closed)
		if err := c.listener.Connect(&g.Socket); err != nil {
			c.b.Fatal(err)
		}
		if c.stream {
			g.length = 0
			g.Send([]byte(c.opening))
			c.connectLater(i)
			continue
		}
		g.Send(g.request[:g.length])
		c.update(fmt.Sprintf("c/%d", i), `"again"`)
	}
}

// connectLater connects a guest whose stream is another session's.
func (c *crowd) connectLater(i int) {
	g := &c.guests[i]
	n := c.answers.Load()
	c.until("the session is open", func() bool { return g.length > 0 || c.answers.Load() > n })
	c.connect(g.id(), dispatch.Pattern(fmt.Sprintf("c/%d", i)))
}

// expire has some leave, and waits until their sessions are no more.
func (c *crowd) expire() {
	for i := range c.some() {
		c.guests[i].Reset()
	}
	c.all(len(c.guests) - c.some())
	config := c.made
	config.Expire = time.Second
	began, cpu := time.Now(), usedCPU()
	c.SetConfig(config)
	c.until("sessions expire", func() bool { return c.Sessions() == len(c.guests)-c.some() })
	c.b.ReportMetric(float64((usedCPU()-cpu).Nanoseconds())/float64(c.some()), "cpu-ns/expiry")
	c.b.Logf("expiry: %v", time.Since(began))
}

func (c *crowd) close() {
	for i := range c.guests {
		c.guests[i].Reset()
	}
	if err := c.port.Shutdown(c.b.Context()); err != nil {
		c.b.Error(err)
	}
	if err := c.loops.Close(); err != nil {
		c.b.Error(err)
	}
}

func usedCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func readMetric(name string) metrics.Value {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value
}

func gcCPU() float64 { return readMetric("/cpu/classes/gc/total:cpu-seconds").Float64() }

func pauses() *metrics.Float64Histogram {
	return readMetric("/sched/pauses/total/gc:seconds").Float64Histogram()
}

// longestPause returns the upper bound of the longest pause that after has and before has not.
func longestPause(before, after *metrics.Float64Histogram) time.Duration {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return time.Duration(after.Buckets[i] * float64(time.Second))
		}
	}
	return 0
}
