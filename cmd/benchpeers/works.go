package main

import (
	"fmt"
	"time"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// A figure is what a work measures.
type figure struct {
	unit     string
	decimals int
}

// The figures.
var (
	cpuPerDelivery = &figure{"µs of CPU a delivery", 2}
	cpuPerPublish  = &figure{"µs of CPU a publish", 2}
	bytesPerClient = &figure{"bytes a client", 0}
	latency        = &figure{"ms, p99 of deliveries", 1}
	idle           = &figure{"% of a core", 2}
)

// A work is a row of the table: what a server is given to do.
type work struct {
	name      string // for --works
	about     string
	figure    *figure
	kind      load.Work
	transport load.Transport // of Publish: none
	clients   int
	count     int     // messages that are measured
	burst     int     // messages in a row; 0: one by one
	rate      float64 // messages a second; 0: in lock-step
	fields    string  // that clients add to each request
	hold      time.Duration
	settle    time.Duration // between opening and measuring, for what is in the making
	without   []string      // peers that cannot do it, though they have the transport
}

// settled is how long the memory of parked clients is given to come to rest, and idleTime how long a server is watched.
const (
	settled  = 4 * time.Second
	idleTime = 20 * time.Second
)

// works are run in this order in each round.
var works = concat(
	broadcasts("poll", load.LongPoll, 200_000),
	[]work{
		{name: "poll-headers-5k", about: "long-poll, to 5,000 with 600 bytes of a browser's fields", figure: cpuPerDelivery,
			kind: load.Broadcast, transport: load.LongPoll, clients: 5_000, count: 40, fields: load.BrowserFields},
		{name: "unicast", about: "long-poll, 1,000 paths of one client each: publish and delivery", figure: cpuPerDelivery,
			kind: load.Unicast, transport: load.LongPoll, clients: 1_000, count: 20_000},
		{name: "publish", about: "publish that nobody hears, on a keep-alive connection", figure: cpuPerPublish,
			kind: load.Publish, count: 20_000},
	},
	broadcasts("sse", load.SSE, 400_000),
	broadcasts("ws", load.WebSocket, 400_000),
	bursts(),
	memories(10_000, ""),
	memories(19_000, ""),
	memories(10_000, load.BrowserFields),
	paced(),
	[]work{{name: "idle", about: "nothing happens to 19,000 parked long-polls", figure: idle, kind: load.Park,
		transport: load.LongPoll, clients: 19_000, hold: idleTime, settle: settled}},
)

// shorts are what transports are called in the names of works.
var shorts = []struct {
	name      string
	transport load.Transport
}{{"poll", load.LongPoll}, {"sse", load.SSE}, {"ws", load.WebSocket}}

func broadcasts(short string, transport load.Transport, deliveries int) []work {
	var list []work
	for _, clients := range []int{5_000, 10_000} {
		list = append(list, work{
			name:   fmt.Sprintf("%s-%dk", short, clients/1000),
			about:  fmt.Sprintf("%s, broadcast to %s in lock-step", transport, grouped(clients)),
			figure: cpuPerDelivery,
			kind:   load.Broadcast, transport: transport, clients: clients, count: deliveries / clients,
		})
	}
	return list
}

func bursts() []work {
	var list []work
	for _, t := range shorts {
		w := work{
			name: "burst-" + t.name, about: string(t.transport) + ", bursts of 5 messages to 5,000", figure: cpuPerDelivery,
			kind: load.Broadcast, transport: t.transport, clients: 5_000, count: 60, burst: 5,
		}
		list = append(list, w.withoutForgetful())
	}
	return list
}

func memories(clients int, fields string) []work {
	var list []work
	for _, t := range shorts {
		w := work{
			name: fmt.Sprintf("memory-%s-%dk", t.name, clients/1000), figure: bytesPerClient,
			kind: load.Park, transport: t.transport,
			about:   fmt.Sprintf("%s, memory of %s parked clients, each with a path of its own", t.transport, grouped(clients)),
			clients: clients, fields: fields, hold: settled,
		}
		if fields != "" {
			w.name += "-headers"
			w.about += ", with 600 bytes of a browser's fields"
		}
		list = append(list, w)
	}
	return list
}

func paced() []work {
	var list []work
	for _, t := range shorts {
		w := work{
			name: "p99-" + t.name, about: fmt.Sprintf("%s, broadcast to 10,000 twice a second", t.transport), figure: latency,
			kind: load.Broadcast, transport: t.transport, clients: 10_000, count: 20, rate: 2,
		}
		list = append(list, w.withoutForgetful())
	}
	return list
}

// withoutForgetful leaves out, where a message may come before a long-poll is back, those that keep nothing for it.
func (w work) withoutForgetful() work {
	if w.transport == load.LongPoll {
		w.without = []string{nameFloor, nameGoroutines}
	}
	return w
}

func concat(lists ...[]work) []work {
	var all []work
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// resized returns the work for another number of clients; 0 leaves it as it is.
func (w work) resized(clients int) work {
	if clients > 0 && w.clients > 0 {
		w.clients = clients
		w.about += fmt.Sprintf(" [%s clients]", grouped(clients))
	}
	return w
}

// quick returns the work for a tenth of the clients and a quarter of the time. Its figures say only that it works.
func (w work) quick() work {
	w = w.resized(w.clients / 10)
	w.hold /= 4
	w.settle /= 4
	if w.count > 1000 {
		w.count /= 4
	}
	return w
}

// value computes the figure from what was read; ok is false where nothing arrived.
func (w *work) value(r *readings) (value float64, ok bool) {
	switch w.figure {
	case cpuPerDelivery:
		return microseconds(r.cpu) / float64(r.result.Deliveries), r.result.Deliveries > 0
	case cpuPerPublish:
		return microseconds(r.cpu) / float64(r.result.Messages), r.result.Messages > 0
	case bytesPerClient:
		return float64(r.resident) / float64(w.clients), true
	case latency:
		return float64(r.result.Latency.P99) / 1000, r.result.Deliveries > 0
	default:
		return 100 * float64(r.cpu) / float64(r.wall), true
	}
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
