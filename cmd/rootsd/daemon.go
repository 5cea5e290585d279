package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootsd/rootsd/clients/demo"
	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/line"
	"github.com/rootsd/rootsd/transport/push"
)

// daemon is a running rootsd: the components of the table in components.go around one Controller. All of its methods
// are called by the goroutine that runs serve.
type daemon struct {
	config   *Config
	log      *slog.Logger
	level    *slog.LevelVar
	withDemo bool // whether to serve the demo
	takeover bool // whether to take the place of another rootsd

	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	metrics    *prometheus.Registry
	met        *lane.Met                     // is told of the bounds that are met
	bounds     *bounds                       // what they are set to
	loops      *lane.Loops                   // that serve push and ingest; nil: net/http does
	secure     *security                     // of the push port; nil: it speaks plain HTTP
	senders    map[dispatch.Component]string // the names, for people, of those who give updates; not changed once it serves
	names      map[dispatch.ID]string        // the same by ID, and with the daemon's own; not changed once it serves
	push       *push.Push                    // nil: no clients are served
	demo       *demo.App                     // nil: not served
	state      *stateFile                    // for the next daemon; nil: nothing is kept
	handover   *handover                     // to another rootsd; nil: there can be none
	activated  []*socket                     // from systemd
	inherited  []*socket                     // from the rootsd whose place this one takes
	parts      []*part
	ports      []*port
	failed     chan error // a port that serves no more
	serving    sync.WaitGroup
	ready      atomic.Bool // for /readyz
}

// part is what a component gives the daemon. Any of its members may be nil.
type part struct {
	name     string
	ports    []*port
	begin    func()        // once all ports are open
	apply    func(*Config) // takes what can be changed while it runs
	drain    func()        // has those who wait answered, and lets nobody wait any more
	reopen   func() error  // reopens its files
	close    func() error  // after its ports are closed
	counters []prometheus.Collector
}

// port is an address that a component listens on.
type port struct {
	key     string // of the configuration
	address string
	scheme  string // for the URL that is printed: "http", "tcp"

	fast  lane.Fast // what the event loops serve it with, if there are any; nil: they do not
	serve func(net.Listener) error
	stop  func(context.Context) error // waits for requests that are being served, until the context ends
	last  bool                        // stays open until all others have stopped

	// How many connections it takes, and where those that are too many are counted; nil where the component sees to that
	// itself.
	max        func(*Config) int
	refused    *lane.Tally
	perAddress bool // limits.address_connections is for it

	served   chan struct{}       // closed when serve has returned; nil before it is called
	socket   *net.TCPListener    // what listens
	inode    uint64              // of the socket; unknownSocket where the system does not tell
	listener net.Listener        // the same, or what stands before it
	limit    *lane.LimitListener // the same, where max is set
	looped   *lane.Port          // the same, where event loops serve it
}

func newDaemon(config *Config, log *slog.Logger, level *slog.LevelVar) *daemon {
	setLevel(level, config.Log.Level)
	controller := dispatch.NewController(config.Name)
	bounds := new(bounds)
	bounds.take(config)
	return &daemon{
		met: lane.NewMet(log, bounds.value), bounds: bounds,
		config: config, log: log, level: level,
		controller: controller, dispatcher: dispatch.NewDispatcher(controller),
		metrics: prometheus.NewRegistry(),
		senders: make(map[dispatch.Component]string),
		failed:  make(chan error, 16),
	}
}

// start makes the components and opens their ports: all of them, or none.
func (d *daemon) start() error {
	if err := d.prepare(); err != nil {
		return errors.Join(err, d.giveUp())
	}
	d.bounds.say(d.config, d.log)
	d.restore()
	for _, p := range d.ports {
		if err := p.open(d); err != nil {
			return errors.Join(err, d.giveUp())
		}
	}
	d.registerMetrics()
	for _, p := range d.ports {
		p.served = make(chan struct{})
		d.serving.Go(func() {
			defer close(p.served)
			if err := p.serve(p.listener); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				d.failed <- fmt.Errorf("%s: %w", p.key, err)
			}
		})
		d.log.Info("listening", p.place()...)
	}
	for _, p := range d.parts {
		if p.begin != nil {
			p.begin()
		}
	}
	if d.handover != nil {
		d.handover.start()
	}
	d.ready.Store(true)
	d.log.Info("ready", "version", version, "pid", os.Getpid())
	d.tell("READY=1", mainPID(os.Getpid()))
	return nil
}

// prepare does all that can fail, before anybody is served: it makes the components, and opens the sockets.
func (d *daemon) prepare() (err error) {
	d.dispatcher.SetLimits(limitsOf(d.config))
	if d.activated, err = activatedSockets(); err != nil {
		return err
	}
	if err := d.findState(); err != nil {
		return err
	}
	if err := d.build(); err != nil {
		return err
	}
	d.noteNames()
	return d.takePlace()
}

// giveUp closes what a start that has failed had opened or made by then.
func (d *daemon) giveUp() error {
	closeUntaken(d.activated)
	closeUntaken(d.inherited)
	err := errors.Join(d.closePorts(context.Background()), d.closeParts())
	if d.handover != nil {
		err = errors.Join(err, d.handover.close(nil))
	}
	return err
}

func (d *daemon) build() error {
	for _, c := range components {
		p, err := c.build(d, d.config)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if p == nil {
			continue
		}
		p.name = c.name
		d.parts = append(d.parts, p)
		d.ports = append(d.ports, p.ports...)
	}
	return nil
}

// open has what serves the port accept the connections that come to its socket.
func (p *port) open(d *daemon) (err error) {
	if p.max != nil {
		p.limit = lane.NewLimitListener(p.socket, p.max(d.bounds.config.Load()), p.refused)
		p.limit.Report(d.met, p.key, p.limitedBy())
		p.boundAddresses(d.config)
		p.listener = p.limit
	}
	if d.loops == nil || p.fast == nil {
		return nil
	}
	// From here on, what serves the port is given the connections that the loops leave to it.
	p.looped, err = d.loops.Open(p.key, p.limit, p.fast)
	if err != nil {
		return fmt.Errorf("%s: cannot serve %s by event loops: %w", p.key, p.address, err)
	}
	p.listener = p.looped
	return nil
}

// url is where the port can be reached from this machine.
func (p *port) url() string {
	host, number, _ := net.SplitHostPort(p.listener.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return p.scheme + "://" + net.JoinHostPort(host, number)
}

// place says for the log where the port listens, with the address itself where others than this machine may reach it.
func (p *port) place() []any {
	place := []any{"for", p.key, "url", p.url()}
	address := p.listener.Addr().String()
	if host, _, _ := net.SplitHostPort(address); !isLoopback(host) {
		place = append(place, "address", address)
	}
	return place
}

// reload takes the new configuration as far as that is possible without a restart. One that has errors changes nothing.
func (d *daemon) reload(load func() (*Config, error)) {
	for _, p := range d.parts {
		if p.reopen == nil {
			continue
		}
		if err := p.reopen(); err != nil {
			d.log.Error("could not reopen; writing on as before", "component", p.name, "err", err)
		}
	}
	next, err := load()
	if err != nil {
		d.log.Error("the new configuration is not taken; everything stays as it was", "err", err)
		return
	}
	changed, fixed := d.config.Changes(next)
	if len(fixed) > 0 {
		d.log.Warn("these settings need a restart; they stay as they were", "keys", fixed)
	}
	mixed, err := next.WithFixedFrom(d.config)
	if err != nil {
		d.log.Error("the new configuration is not taken; everything stays as it was", "err", err)
		return
	}
	d.apply(mixed)
	d.log.Info("configuration reloaded", "changed", changed)
}

func (d *daemon) apply(config *Config) {
	d.config = config
	d.bounds.take(config)
	d.bounds.say(config, d.log)
	setLevel(d.level, config.Log.Level)
	d.dispatcher.SetLimits(limitsOf(config))
	for _, p := range d.ports {
		if p.limit != nil {
			p.limit.SetMax(p.max(d.bounds.config.Load()))
			p.boundAddresses(config)
		}
	}
	for _, p := range d.parts {
		if p.apply != nil {
			p.apply(config)
		}
	}
}

// stop ends the daemon in good order: waiting clients are answered, requests in flight are finished, within the time
// that the configuration gives; then what is left of its sessions is written down, for the next. A signal cuts that short,
// but not the writing.
func (d *daemon) stop(stops <-chan os.Signal) error {
	d.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), d.config.Drain)
	defer cancel()
	interrupted := cutShort(stops, cancel)
	err := d.drain(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		d.log.Warn("some requests did not end in time and were cut off", "within", d.config.Drain)
		err = nil
	}
	err = errors.Join(err, d.closeParts())
	cut := interrupted()
	if cut {
		err = errInterrupted // what it cut short has nothing to say
	}
	err = errors.Join(err, d.leave())
	if !cut {
		d.log.Info("stopped")
	}
	return err
}

// cutShort calls cancel at the next signal to stop. The function that it returns ends that, and tells whether one came.
func cutShort(stops <-chan os.Signal, cancel func()) (end func() bool) {
	done, came := make(chan struct{}), make(chan bool, 1)
	go func() {
		select {
		case <-stops:
			cancel()
			came <- true
		case <-done:
			came <- false
		}
	}()
	return func() bool { close(done); return <-came }
}

// drain closes the ports and has those who wait answered, so that they come back to whoever listens next. From its beginning
// on nobody is accepted: who comes then is another's, if somebody else holds the sockets.
func (d *daemon) drain(ctx context.Context) error {
	for _, p := range d.ports {
		if !p.last {
			p.unlisten()
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- d.closePorts(ctx) }()
	for _, p := range d.parts {
		if p.drain != nil {
			p.drain()
		}
	}
	return <-closed
}

// leave writes the state, and tells the rootsd that waits for it, if one does.
func (d *daemon) leave() error {
	err := d.save()
	if err != nil {
		d.log.Error("clients will begin afresh", "err", err)
	}
	if d.handover == nil {
		return err
	}
	return errors.Join(err, d.handover.close(err))
}

// closePorts stops the ports, those that are to be last after all others, and returns when they have stopped.
func (d *daemon) closePorts(ctx context.Context) error {
	err := d.closeSome(ctx, func(p *port) bool { return !p.last })
	err = errors.Join(err, d.closeSome(ctx, func(p *port) bool { return p.last }))
	d.serving.Wait()
	return err
}

// closeSome stops the open ports that are meant, all at the same time.
func (d *daemon) closeSome(ctx context.Context, meant func(*port) bool) error {
	errs := make([]error, len(d.ports))
	var stopping sync.WaitGroup
	for i, p := range d.ports {
		if p.listener == nil || !meant(p) {
			continue
		}
		stopping.Go(func() {
			errs[i] = p.end(ctx)
			p.listener.Close() // it was not, if nobody has served it yet
		})
	}
	stopping.Wait()
	return errors.Join(errs...)
}

// unlisten has the port accept no more connections. That it may have closed already, end finds.
func (p *port) unlisten() {
	if p.looped != nil {
		_ = p.looped.Unlisten()
		return
	}
	_ = p.listener.Close()
}

// end stops what serves the port, on the event loops and beside them. What the loops leave to net/http is served first.
func (p *port) end(ctx context.Context) error {
	if p.looped == nil {
		p.listener.Close()
		p.awaitServed()
		return p.stop(ctx)
	}
	err := errors.Join(p.looped.Settle(ctx), p.looped.Close())
	p.awaitServed()
	looped := make(chan error, 1)
	go func() { looped <- p.looped.Shutdown(ctx) }()
	return errors.Join(err, p.stop(ctx), <-looped)
}

// awaitServed waits until the last connection that was accepted is being served. Its listener is closed.
func (p *port) awaitServed() {
	if p.served != nil {
		<-p.served
	}
}

func (d *daemon) closeParts() error {
	var errs []error
	for _, p := range d.parts {
		if p.close == nil {
			continue
		}
		if err := p.close(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	err := errors.Join(append(errs, d.dispatcher.Close())...)
	d.met.Close()
	return err
}

// httpPort makes a port that serves h.
func (d *daemon) httpPort(key, address string, h http.Handler, max func(*Config) int, refused *lane.Tally) *port {
	return serverPort(key, address, d.newServer(h), max, refused)
}

func (d *daemon) newServer(h http.Handler) *http.Server {
	return lane.NewServer(h, d.boundsOf(d.config), d.log)
}

// serverPort makes a port that server serves.
func serverPort(key, address string, server *http.Server, max func(*Config) int, refused *lane.Tally) *port {
	newcomers := watchNewcomers(server)
	stop := func(ctx context.Context) error {
		newcomers.settle()
		err := server.Shutdown(ctx)
		return errors.Join(err, server.Close())
	}
	return &port{key: key, address: address, scheme: "http", max: max, refused: refused, serve: server.Serve, stop: stop}
}

func limitsOf(config *Config) dispatch.Limits {
	return dispatch.Limits{
		Paths: config.Limits.Paths, Permits: config.Limits.Permits, Subscriptions: config.Limits.Subscriptions,
	}
}

// linePort makes the port of the line protocol, which closes its connections at once when it stops.
func (d *daemon) linePort(address string, receiver *line.Receiver) *port {
	stop := func(context.Context) error { return receiver.Close() }
	return &port{key: "line.listen", address: address, scheme: "tcp", serve: receiver.Serve, stop: stop}
}
