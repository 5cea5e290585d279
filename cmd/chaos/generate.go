package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// generator makes a schedule of a seed.
type generator struct {
	*rand.Rand
	schedule Schedule
	clients  []string
	takeover bool // the daemon knows how to take over
}

// length is how long the steps of a schedule take.
const length = 3 * time.Second

// generate makes the schedule of a seed. With takeover, the daemon may be taken over.
func generate(seed uint64, takeover bool) *Schedule {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), takeover: takeover}
	g.config(seed)
	for i := range 6 + g.IntN(5) {
		g.client(fmt.Sprintf("c%d", i+1))
	}
	for i := range 3 {
		g.publisher(fmt.Sprintf("b%d", i+1), publishers[i])
	}
	g.application()
	g.keeper()
	slices.SortStableFunc(g.schedule.Steps, func(a, b Step) int { return int(a.At - b.At) })
	return &g.schedule
}

// publishers are the paths of each.
var publishers = [][]string{
	{"feed/1", "feed/2", "feed/3"},
	{"room/a/1", "room/a/2", "room/b", "jobs/1"},
	{"news", "line/1"},
}

// patterns are what clients are connected to.
var patterns = []string{
	"feed/1", "feed/2", "feed/*", "room/**", "room/a/*", "room/*/1", "room/b", "jobs/1", "jobs/*", "news", "line/1",
	"**", "talk/**",
}

func (g *generator) config(seed uint64) {
	lane := []string{"loops", "http"}[seed%2]
	pick := func(values ...string) string { return values[g.IntN(len(values))] }
	g.schedule.Config = []string{
		"limits.lane=" + lane, "drain=1s", "limits.write=1s", "limits.publish_rate=0", "ingest.max_message=4KiB",
		"push.queue.messages=" + pick("20", "60", "300", "1000"), "push.queue.bytes=" + pick("16KiB", "64KiB", "256KiB"),
		"push.queue.age=" + pick("300ms", "1s", "60s", "60s"), "push.hold=" + pick("300ms", "600ms", "1s"),
		"push.bundle=" + pick("0s", "5ms", "50ms"), "push.expire=" + pick("4s", "6s"), "push.resume=" + pick("0", "8", "64"),
	}
}

func (g *generator) add(at time.Duration, actor, verb string, args ...string) {
	g.schedule.Steps = append(g.schedule.Steps, Step{at.Truncate(time.Millisecond), actor, verb, args})
}

// at returns a time within the schedule.
func (g *generator) at() time.Duration { return g.within(100*time.Millisecond, length) }

func (g *generator) within(from, to time.Duration) time.Duration {
	return from + time.Duration(g.Int64N(int64(to-from)))
}

func (g *generator) form() string { return []string{formPoll, formEvents, formFrames}[g.IntN(3)] }

func (g *generator) pattern() string { return patterns[g.IntN(len(patterns))] }

// client adds a client, what it is connected to at first, and what disturbs it.
func (g *generator) client(name string) {
	g.clients = append(g.clients, name)
	began := g.within(0, 200*time.Millisecond)
	g.add(began, name, "open", g.form())
	g.add(began+20*time.Millisecond, name, "confirm", fmt.Sprint(g.IntN(5)))
	list := []string{g.pattern(), g.pattern(), g.pattern()}
	g.add(began+g.within(10*time.Millisecond, 60*time.Millisecond), g.app(), "connect", append([]string{name}, list...)...)
	if g.IntN(2) == 0 {
		g.add(began+50*time.Millisecond, g.app(), "permit", name, "talk/"+name+"/*")
		for range 1 + g.IntN(4) {
			g.add(g.at(), name, "talk", fmt.Sprint(1+g.IntN(8)))
		}
	}
	for range 3 + g.IntN(6) {
		g.disturb(name)
	}
}

func (g *generator) app() string { return fmt.Sprintf("a%d", 1+g.IntN(3)) }

func (g *generator) disturb(name string) {
	at := g.at()
	switch g.IntN(13) {
	case 0, 1:
		g.add(at, name, "again")
	case 2:
		g.add(at, name, "back", fmt.Sprint(1+g.IntN(6)))
	case 3:
		g.add(at, name, "twice")
	case 4:
		g.add(at, name, "older")
	case 5, 6:
		g.add(at, name, "move", append([]string{g.form()}, []string{"keep"}[:g.IntN(2)]...)...)
	case 7:
		g.add(at, name, "break", []string{"rst", "fin"}[g.IntN(2)])
	case 8:
		g.add(at, name, "half")
	case 9:
		g.add(at, name, "stall", g.within(50*time.Millisecond, 900*time.Millisecond).Truncate(time.Millisecond).String())
	case 10, 11:
		g.add(at, name, "link", g.link()...)
	case 12:
		if g.IntN(3) == 0 {
			g.add(at, name, "leave")
		}
	}
}

// link returns how connections are spoilt.
func (g *generator) link() []string {
	times := fmt.Sprintf("times=%d", 1+g.IntN(3))
	switch g.IntN(9) {
	case 0:
		return []string{"clean", times}
	case 1:
		return []string{fmt.Sprintf("latency=%d", 5+g.IntN(100)), fmt.Sprintf("jitter=%d", g.IntN(5)), times}
	case 2:
		return []string{fmt.Sprintf("slow=%d", 4+g.IntN(60)), times}
	case 3:
		return []string{fmt.Sprintf("slice=%d", 16+g.IntN(200)), times}
	case 4, 5:
		return []string{fmt.Sprintf("cut=%d", 50+g.IntN(4000)), times}
	case 6:
		return []string{fmt.Sprintf("cutup=%d", 20+g.IntN(200)), times}
	case 7:
		return []string{fmt.Sprintf("reset=%d", g.IntN(100)), times}
	}
	return []string{fmt.Sprintf("swallow=%d", 50+g.IntN(400)), times}
}

// publisher adds what one publisher gives: stretches, one after the other.
func (g *generator) publisher(name string, paths []string) {
	for at := g.within(0, 100*time.Millisecond); at < length; {
		stretch := g.within(150*time.Millisecond, 600*time.Millisecond)
		every := g.within(2*time.Millisecond, 20*time.Millisecond).Truncate(time.Millisecond)
		batch := 1 + g.IntN(6)
		args := g.some(paths)
		args = append(args, fmt.Sprintf("count=%d", int(stretch/every)*batch), "every="+every.String(),
			fmt.Sprintf("batch=%d", batch))
		args = append(args, g.kind(name)...)
		g.add(at, name, "publish", args...)
		at += stretch + g.within(0, 150*time.Millisecond)
	}
}

// kind returns how a stretch of updates is given.
func (g *generator) kind(name string) (args []string) {
	switch g.IntN(6) {
	case 0:
		return []string{fmt.Sprintf("latest=%d", 1+g.IntN(2))}
	case 1:
		return []string{"except=" + g.clients[g.IntN(len(g.clients))]}
	case 2:
		return []string{fmt.Sprintf("pad=%d", 100+g.IntN(3000))}
	case 3:
		if name == "b3" {
			return []string{"by=" + []string{"line", "old"}[g.IntN(2)]}
		}
	}
	return nil
}

// some returns some of a list, one at least.
func (g *generator) some(list []string) []string {
	list = slices.Clone(list)
	g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:1+g.IntN(len(list))]
}

// application adds connects, disconnects and their like.
func (g *generator) application() {
	for range 10 + g.IntN(20) {
		client := g.clients[g.IntN(len(g.clients))]
		args := []string{client, g.pattern()}
		if g.IntN(3) == 0 {
			args = append(args, g.pattern())
		}
		verb := []string{"connect", "connect", "disconnect", "disconnect", "permit", "forbid"}[g.IntN(6)]
		if strings.HasSuffix(verb, "it") || verb == "forbid" {
			args = []string{client, "talk/" + client + "/*"}
		}
		if (verb == "connect" || verb == "permit") && g.IntN(4) == 0 {
			args = append(args, "for="+g.within(50*time.Millisecond, 900*time.Millisecond).Truncate(time.Millisecond).String())
		}
		g.add(g.at(), g.app(), verb, args...)
	}
	if g.IntN(3) == 0 {
		g.add(g.at(), g.app(), "kick", g.clients[g.IntN(len(g.clients))])
	}
}

// keeper adds what happens to the daemon.
func (g *generator) keeper() {
	at := g.within(300*time.Millisecond, 900*time.Millisecond)
	for range g.IntN(4) {
		down := "down=" + g.within(0, 300*time.Millisecond).Truncate(time.Millisecond).String()
		switch n := g.IntN(8); {
		case n < 2:
			g.add(at, "d", "pause", g.within(50*time.Millisecond, 700*time.Millisecond).Truncate(time.Millisecond).String())
		case n < 3:
			g.add(at, "d", "kill", down)
		case n < 6 || !g.takeover:
			g.add(at, "d", "restart", down)
		default:
			g.add(at, "d", "takeover")
		}
		at += g.within(300*time.Millisecond, 900*time.Millisecond)
	}
}
