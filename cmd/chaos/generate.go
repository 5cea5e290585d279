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
	opened   []string // patterns that are open
	secure   bool     // push is served over TLS
	takeover bool     // the daemon knows how to take over
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
	for i, paths := range publishers {
		g.publisher(fmt.Sprintf("b%d", i+1), paths)
	}
	for i, paths := range waiting {
		g.waits(fmt.Sprintf("b%d", len(publishers)+i+1), paths)
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

// waiting are the paths of each publisher that asks for receipts.
var waiting = [][]string{
	{"slip/1", "feed/4"},
	{"slip/2", "room/c/1"},
}

// patterns are what clients are connected to.
var patterns = []string{
	"feed/1", "feed/2", "feed/*", "room/**", "room/a/*", "room/*/1", "room/b", "jobs/1", "jobs/*", "news", "line/1",
	"**", "talk/**", "slip/*", "slip/1", "feed/4",
}

// quiet are those at which the only updates are some that ask for receipts.
var quiet = []string{"slip/*", "slip/1", "slip/2", "feed/4", "room/c/1", "room/c/*"}

// config chooses the daemon's settings.
func (g *generator) config(seed uint64) {
	lane := []string{"loops", "http"}[seed%2]
	pick := func(values ...string) string { return values[g.IntN(len(values))] }
	g.schedule.Config = []string{
		"limits.lane=" + lane, "drain=1s", "limits.write=1s", "limits.publish_rate=0", "ingest.max_message=4KiB",
		"push.queue.messages=" + pick("20", "60", "300", "1000"), "push.queue.bytes=" + pick("16KiB", "64KiB", "256KiB"),
		"push.queue.age=" + pick("300ms", "1s", "60s", "60s"), "push.hold=" + pick("300ms", "600ms", "1s"),
		"push.bundle=" + pick("0s", "5ms", "50ms"), "push.expire=" + pick("4s", "6s"), "push.resume=" + pick("0", "8", "64"),
		"push.open=" + pick("feed/*,room/**", "room/**,news,line/1", "feed/*,jobs/*,room/a/*", "**"),
	}
	if g.secure = g.IntN(3) == 0; g.secure {
		g.schedule.Config = append(g.schedule.Config, settingTLS+"=made")
	}
	rules := g.schedule.rules()
	g.opened = slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return !rules.open(p) })
}

// add adds a step.
func (g *generator) add(at time.Duration, actor, verb string, args ...string) {
	g.schedule.Steps = append(g.schedule.Steps, Step{at.Truncate(time.Millisecond), actor, verb, args})
}

// at returns a time within the schedule.
func (g *generator) at() time.Duration { return g.within(100*time.Millisecond, length) }

// within returns a time between two.
func (g *generator) within(from, to time.Duration) time.Duration {
	return from + time.Duration(g.Int64N(int64(to-from)))
}

func (g *generator) form() string { return []string{formPoll, formEvents, formFrames}[g.IntN(3)] }

func (g *generator) pattern() string { return patterns[g.IntN(len(patterns))] }

// client adds a client, what it is connected to at first, and what disturbs it.
func (g *generator) client(name string) {
	g.clients = append(g.clients, name)
	began := g.within(0, 200*time.Millisecond)
	open := []string{g.form()}
	if g.IntN(3) == 0 {
		open = append(open, g.some(g.opened)...)
	}
	g.add(began, name, "open", open...)
	g.add(began+20*time.Millisecond, name, "confirm", fmt.Sprint(g.IntN(5)))
	list := []string{g.pattern(), g.pattern(), g.pattern()}
	if g.IntN(4) == 0 { // and hears little
		list = g.some(quiet)
	}
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
	for range g.IntN(4) {
		g.race(name)
	}
}

// own returns patterns that a client connects itself to. Now and then one is not open.
func (g *generator) own() []string {
	list := g.some(g.opened)
	list = list[:min(len(list), 1+g.IntN(3))]
	if g.IntN(8) == 0 {
		list = append(list, without(patterns, list)[g.IntN(len(patterns)-len(list))])
	}
	return list
}

// race has a client connect or disconnect itself, and the application do the same or the opposite at the same time.
func (g *generator) race(name string) {
	at, list := g.at(), g.own()
	pick := func(verbs ...string) string { return verbs[g.IntN(len(verbs))] }
	g.add(at, name, pick("join", "part"), list...)
	args := append([]string{name}, g.some(list)...)
	if g.IntN(4) == 0 {
		g.add(at, g.app(), "connect", append(args, "for="+g.term(50, 900))...)
		return
	}
	g.add(at, g.app(), pick("connect", "disconnect"), args...)
}

// term returns a time of so many milliseconds.
func (g *generator) term(from, to int) string {
	return (time.Duration(from+g.IntN(to-from)) * time.Millisecond).String()
}

// app returns one of the application's parts.
func (g *generator) app() string { return fmt.Sprintf("a%d", 1+g.IntN(3)) }

// disturb adds something that happens to a client.
func (g *generator) disturb(name string) {
	at := g.at()
	switch g.IntN(17) {
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
		g.add(at, name, "stall", g.term(50, 900))
	case 10, 11:
		g.add(at, name, "link", g.link()...)
	case 12:
		if g.IntN(3) == 0 {
			g.add(at, name, "leave")
		}
	case 13, 14:
		g.add(at, name, "join", g.own()...)
	case 15:
		g.add(at, name, "part", g.own()...)
	case 16:
		g.add(at, name, "paths", g.own()...)
	}
}

// link returns how connections are spoilt.
func (g *generator) link() []string {
	times := fmt.Sprintf("times=%d", 1+g.IntN(3))
	greeting := 0
	if g.secure && g.IntN(2) == 0 {
		greeting = 2000 // more than a handshake takes, so that what follows is cut
	}
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
		return []string{fmt.Sprintf("cut=%d", greeting+50+g.IntN(4000)), times}
	case 6:
		return []string{fmt.Sprintf("cutup=%d", greeting+20+g.IntN(200)), times}
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

// waits adds what a publisher gives that asks for receipts.
func (g *generator) waits(name string, paths []string) {
	for at := g.within(50*time.Millisecond, 300*time.Millisecond); at < length; {
		batch, wait := 1+g.IntN(4), g.within(50*time.Millisecond, 700*time.Millisecond).Truncate(time.Millisecond)
		times := 1 + g.IntN(2)
		args := append(g.some(paths), fmt.Sprintf("count=%d", batch*times), "every=20ms", fmt.Sprintf("batch=%d", batch),
			"wait="+wait.String())
		g.add(at, name, "publish", append(args, g.kind(name)...)...)
		at += time.Duration(times)*wait + g.within(0, 100*time.Millisecond)
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
			args = append(args, "for="+g.term(50, 900))
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
		down := "down=" + g.term(0, 300)
		switch n := g.IntN(8); {
		case n < 2:
			g.add(at, "d", "pause", g.term(50, 700))
		case n < 3:
			g.add(at, "d", "kill", down)
		case n < 6 || !g.takeover:
			g.add(at, "d", "restart", down)
		default:
			g.add(at, "d", "takeover")
		}
		for range g.IntN(4) { // while that goes on
			name := g.clients[g.IntN(len(g.clients))]
			g.add(at+g.within(0, 20*time.Millisecond), name, []string{"join", "part"}[g.IntN(2)], g.own()...)
		}
		at += g.within(300*time.Millisecond, 900*time.Millisecond)
	}
}
