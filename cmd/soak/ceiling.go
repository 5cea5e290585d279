package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// bounds are the settings of the daemon that bound its memory, and with them what a trial can need at the worst.
type bounds struct {
	sessions      int // limits.sessions
	connections   int // limits.connections
	control       int // limits.control_connections
	subscriptions int // limits.subscriptions
	paths         int // limits.paths
	queueMessages int // push.queue.messages
	queueBytes    int // push.queue.bytes
	queueTotal    int // push.queue.total
	headerSize    int // limits.header_size
	publishSize   int // limits.publish
	bodySize      int // ingest.max_body
	messageSize   int // ingest.max_message
	tailBuffer    int // limits.tail_buffer, in updates
	history       int // limits.history, in commands
}

// soakBounds are for so many clients at a time, with some room for sessions that nobody comes back to.
func soakBounds(clients int) bounds {
	sessions := clients + clients/4 + 100
	return bounds{
		sessions: sessions, connections: clients + 100, control: 50, subscriptions: 8 * sessions, paths: 20,
		queueMessages: 100, queueBytes: 16 << 10, queueTotal: max(sessions*3<<10, 1<<20),
		headerSize: 4 << 10, publishSize: 1 << 10, bodySize: 256 << 10, messageSize: 8 << 10,
		tailBuffer: 100, history: 1000,
	}
}

// flags are the settings as flags of rootsd serve.
func (b *bounds) flags() map[string]string {
	flags := map[string]string{"log-output": "off"}
	for name, n := range map[string]int{
		"limits-sessions": b.sessions, "limits-connections": b.connections, "limits-control-connections": b.control,
		"limits-subscriptions": b.subscriptions, "limits-paths": b.paths, "push-queue-messages": b.queueMessages,
		"push-queue-bytes": b.queueBytes, "push-queue-total": b.queueTotal, "limits-header-size": b.headerSize,
		"limits-publish": b.publishSize, "ingest-max-body": b.bodySize, "ingest-max-message": b.messageSize,
		"limits-tail-buffer": b.tailBuffer, "limits-history": b.history,
	} {
		flags[name] = strconv.Itoa(n)
	}
	return flags
}

// What things take, in bytes: the constants of "Memory" in docs/operations.md, each with the command that measures it.
const (
	programCost      = 48 << 20 // code, stacks, Go's own tables and a quiet daemon: 15 to 30 MB, by a soak with one client
	sessionCost      = 410      // a session, without subscriptions: "make bench-million" has 368 with one, and its connection
	connectionCost   = 100      // a connection that waits on an event loop: likewise
	subscriptionCost = 300      // a client's connection to a path of its own: "go test -run '^$' -bench Memory ./dispatch"
	queueFactor      = 4        // what a short message takes of what it counts for, at the worst
	answerOverhead   = 512      // of an answer beside its updates: header, token, names of members
	netHTTPCost      = 44 << 10 // a connection that net/http serves, with the header of its request: docs/scaling.md
	bodyFactor       = 4        // what a body takes until it is obeyed: itself, and what is made of it
	commandCost      = 400      // a command that the dashboard can show, with its pattern
	garbageShare     = 4        // one of so many parts more: garbage that Go has not collected
)

// allowance is one line of the ceiling: so many of something, and what one takes at the worst.
type allowance struct {
	name  string
	count int
	each  int // bytes
}

func (t *allowance) bytes() int64 { return int64(t.count) * int64(t.each) }

// allowances are what the memory can be at the worst, whatever clients and back-ends do that speak as these here: the
// bounds, each times what one of it takes. There are two things that the soak does not do, because they take more for each
// of the same bounds: patterns with wildcards that nobody else is connected to (300 bytes a segment), and requests that
// net/http serves for clients (TLS, odd ones: netHTTPCost for each connection).
func (b *bounds) allowances() []allowance {
	list := []allowance{
		{"the program", 1, programCost},
		{"sessions", b.sessions, sessionCost},
		{"connections that wait", b.connections, connectionCost},
		{"subscriptions", b.subscriptions, subscriptionCost},
		{"bytes in queues", b.queueTotal, queueFactor},
		{"answers that are not taken", b.connections, b.queueBytes + answerOverhead},
		{"requests that are not whole", b.connections, b.headerSize + b.publishSize},
		{"back-ends' calls", b.control, bodyFactor*b.bodySize + netHTTPCost},
		{"updates for a tail", b.tailBuffer, b.messageSize},
		{"commands for the dashboard", b.history, commandCost},
	}
	var sum int64
	for _, t := range list {
		sum += t.bytes()
	}
	return append(list, allowance{"room for the collector", 1, int(sum / garbageShare)})
}

// ceiling is the sum of the allowances: what GOMEMLIMIT is set to, and what no reading of the daemon's memory may pass.
func (b *bounds) ceiling() (sum int64) {
	for _, t := range b.allowances() {
		sum += t.bytes()
	}
	return sum
}

// write prints the formula.
func (b *bounds) write(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, t := range b.allowances() {
		fmt.Fprintf(table, "%s\t%d\t× %s\t= %s\t\n", t.name, t.count, size(int64(t.each)), size(t.bytes()))
	}
	fmt.Fprintf(table, "ceiling\t\t\t= %s\t\n", size(b.ceiling()))
	return table.Flush()
}

// size writes bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}
