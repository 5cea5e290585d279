package load

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Work is what the clients and the publisher do.
type Work string

// The works.
const (
	Park      Work = "park"      // every client listens to a path of its own, and nothing is published
	Broadcast Work = "broadcast" // every client listens to one path, at which is published
	Unicast   Work = "unicast"   // every client listens to a path of its own; publishes go round
	Publish   Work = "publish"   // messages at paths that nobody listens to
	Churn     Work = "churn"     // clients come, are published some messages at a path of their own, and leave
)

// Works lists all works.
var Works = []Work{Park, Broadcast, Unicast, Publish, Churn}

// Transport is how clients listen.
type Transport string

// The transports.
const (
	LongPoll  Transport = "long-poll" // HTTP answers, one after the other on a connection
	SSE       Transport = "sse"       // one HTTP answer that is a stream of events
	WebSocket Transport = "websocket"
)

// Transports lists all transports.
var Transports = []Transport{LongPoll, SSE, WebSocket}

// Phase is how far a run has come.
type Phase int

// The phases, in their order.
const (
	Opening  Phase = iota // no client is open yet
	Opened                // all clients are open and subscribed
	Measure               // warmed up: what follows is measured
	Measured              // all that was measured has arrived, or was given up; the clients are still open
)

// Config says what is done. The zero value of a field means what stands in brackets.
type Config struct {
	Work      Work
	Transport Transport
	Dialect   Dialect

	// Subscribe and Publish are the addresses, host:port, where clients listen and where messages and set-up requests go.
	Subscribe, Publish string

	Clients    int // how many listen; with Churn, how many may be there at a time; none with Publish
	Publishers int // keep-alive connections that publish [1]; all messages of one path go through the same one

	Size     int           // bytes of a message [100]; at least [MinSize]
	Count    int           // messages to measure, or visits with Churn [until Duration is over]
	Duration time.Duration // how long to measure, or to hold parked clients [until Count is reached]
	Warmup   int           // messages, or visits, before the measured ones; for Park there is none

	// Rate is how many messages, or visits, are due a second [the next one when all of the one before has arrived]. With
	// a rate nothing waits for anything, and latencies count from the time at which a message was due.
	Rate float64
	// Burst is how many messages are published in a row, before all are waited for [1]. Broadcast alone knows it.
	Burst int
	// Window is how many messages may be on their way [1]. Unicast alone knows it.
	Window int
	// Visit is how many messages a client of Churn stays for [3].
	Visit int

	Prefix     string        // what paths begin with; their number follows ["bench/<random>/"]
	Connecting int           // how many clients may be opening at a time [128]
	Patience   time.Duration // how long a run stands still before what is missing is given up [10 s]
	Busy       bool          // never sleep: the server then does not pay for waking this process

	// Hook is called as each phase begins, between two system calls of the engine, which waits for its return.
	Hook func(Phase)
	// Progress is called about ten times a second: how much of the phase is done, of how much in all.
	Progress func(phase Phase, done, total int)
}

// ErrPlatform is what [Run] fails with where there is no epoll.
var ErrPlatform = errors.New("load: the load generator needs Linux")

// FileLimitError says that more clients were asked for than the process may have descriptors.
type FileLimitError struct {
	Clients int // asked for
	Room    int // for so many there is room
}

func (e *FileLimitError) Error() string {
	return fmt.Sprintf("%d clients do not fit: the limit of open files leaves room for %d (raise it with ulimit -Hn)",
		e.Clients, e.Room)
}

// ConfigError says which field of a [Config] cannot be.
type ConfigError struct{ Field, Problem string }

func (e *ConfigError) Error() string { return e.Field + " " + e.Problem }

// withDefaults fills in what is left out, and checks the rest.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.Publishers, 1)
	setDefault(&c.Size, 100)
	setDefault(&c.Burst, 1)
	setDefault(&c.Window, 1)
	setDefault(&c.Visit, 3)
	setDefault(&c.Connecting, 128)
	setDefault(&c.Patience, 10*time.Second)
	if c.Work == Publish {
		c.Clients = 0
	}
	return c, c.check()
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (c *Config) check() error {
	for _, rule := range []struct {
		broken         bool
		field, problem string
	}{
		{!slices.Contains(Works, c.Work), "work", "is none of park, broadcast, unicast, publish, churn"},
		{!slices.Contains(Transports, c.Transport), "transport", "is none of long-poll, sse, websocket"},
		{c.Dialect == nil, "dialect", "is missing"},
		{c.Work != Publish && c.Clients < 1, "clients", "must be at least 1"},
		{c.Publishers < 1, "publishers", "must be at least 1"},
		{c.Size < MinSize || c.Size > maxSize, "size", fmt.Sprintf("must be %d to %d bytes", MinSize, maxSize)},
		{c.Count < 0 || c.Duration < 0 || c.Warmup < 0, "count, duration and warm-up", "must not be negative"},
		{c.Count == 0 && c.Duration == 0 && c.Work != Park, "count", "or a duration must be given"},
		{c.Rate < 0, "rate", "must not be negative"},
		{c.Burst < 1 || c.Window < 1 || c.Visit < 1 || c.Connecting < 1, "burst, window, visit and connecting", "must be at least 1"},
		{c.Patience < 0, "patience", "must not be negative"},
	} {
		if rule.broken {
			return &ConfigError{rule.field, rule.problem}
		}
	}
	return nil
}
