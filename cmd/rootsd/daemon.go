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
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootsd/rootsd/clients/demo"
	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/line"
)

// daemon is a running rootsd: the components of the table in components.go around one Controller. All of its methods
// are called by the goroutine that runs serve.
type daemon struct {
	config   *Config
	log      *slog.Logger
	level    *slog.LevelVar
	withDemo bool // whether to serve the demo

	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	metrics    *prometheus.Registry
	loops      *lane.Loops                   // that serve push and ingest; nil: net/http does
	secure     *security                     // of the push port; nil: it speaks plain HTTP
	senders    map[dispatch.Component]string // the names, for people, of those who give updates; not changed once it serves
	demo       *demo.App                     // nil: not served
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
	max     func(*Config) int
	refused *lane.Tally

	listener net.Listener
	limit    *lane.LimitListener // the same, where max is set
	looped   *lane.Port          // the same, where event loops serve it
}

func newDaemon(config *Config, log *slog.Logger, level *slog.LevelVar) *daemon {
	setLevel(level, config.Log.Level)
	controller := dispatch.NewController(config.Name)
	return &daemon{
		config: config, log: log, level: level,
		controller: controller, dispatcher: dispatch.NewDispatcher(controller),
		metrics: prometheus.NewRegistry(),
		senders: make(map[dispatch.Component]string),
		failed:  make(chan error, 16),
	}
}

// start makes the components and opens their ports: all of them, or none.
func (d *daemon) start() error {
	d.dispatcher.SetLimits(limitsOf(d.config))
	if err := d.build(); err != nil {
		return errors.Join(err, d.closeParts())
	}
	for _, p := range d.ports {
		if err := p.open(d); err != nil {
			return errors.Join(err, d.closePorts(context.Background()), d.closeParts())
		}
	}
	d.registerMetrics()
	for _, p := range d.ports {
		d.serving.Go(func() {
			if err := p.serve(p.listener); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
				d.failed <- fmt.Errorf("%s: %w", p.key, err)
			}
		})
		d.log.Info("listening", "for", p.key, "url", p.url())
	}
	for _, p := range d.parts {
		if p.begin != nil {
			p.begin()
		}
	}
	d.ready.Store(true)
	d.log.Info("ready", "version", version, "pid", os.Getpid())
	return nil
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

// open listens on the port's address.
func (p *port) open(d *daemon) error {
	l, err := net.Listen("tcp", p.address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: %s is in use by another process; is a rootsd running already?", p.key, p.address)
	}
	if err != nil {
		return fmt.Errorf("%s: cannot listen on %s: %w", p.key, p.address, err)
	}
	p.listener = l
	if p.max != nil {
		p.limit = lane.NewLimitListener(l, p.max(d.config), p.refused)
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
	setLevel(d.level, config.Log.Level)
	d.dispatcher.SetLimits(limitsOf(config))
	for _, p := range d.ports {
		if p.limit != nil {
			p.limit.SetMax(p.max(config))
		}
	}
	for _, p := range d.parts {
		if p.apply != nil {
			p.apply(config)
		}
	}
}

// stop ends the daemon in good order: waiting clients are answered, requests in flight are finished, within the time
// that the configuration gives. A signal cuts that short.
func (d *daemon) stop(signals <-chan os.Signal) error {
	d.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), d.config.Drain)
	defer cancel()
	interrupted := make(chan struct{})
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case s := <-signals:
				if s == syscall.SIGHUP {
					continue
				}
				close(interrupted)
				cancel()
			case <-done:
			}
			return
		}
	}()
	for _, p := range d.parts {
		if p.drain != nil {
			p.drain()
		}
	}
	err := d.closePorts(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		d.log.Warn("some requests did not end in time and were cut off", "within", d.config.Drain)
		err = nil
	}
	err = errors.Join(err, d.closeParts())
	select {
	case <-interrupted:
		return errInterrupted
	default:
	}
	d.log.Info("stopped")
	return err
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
			// A listener that is served is closed by now. Closing it before would make that an error of stop.
			p.listener.Close()
		})
	}
	stopping.Wait()
	return errors.Join(errs...)
}

// end stops what serves the port, on the event loops and beside them.
func (p *port) end(ctx context.Context) error {
	if p.looped == nil {
		return p.stop(ctx)
	}
	looped := make(chan error, 1)
	go func() { looped <- p.looped.Shutdown(ctx) }()
	return errors.Join(p.stop(ctx), <-looped)
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
	return errors.Join(append(errs, d.dispatcher.Close())...)
}

// httpPort makes a port that serves h.
func (d *daemon) httpPort(key, address string, h http.Handler, max func(*Config) int, refused *lane.Tally) *port {
	return serverPort(key, address, d.newServer(h), max, refused)
}

func (d *daemon) newServer(h http.Handler) *http.Server {
	return lane.NewServer(h, boundsOf(d.config), d.log)
}

// serverPort makes a port that server serves.
func serverPort(key, address string, server *http.Server, max func(*Config) int, refused *lane.Tally) *port {
	stop := func(ctx context.Context) error {
		err := server.Shutdown(ctx)
		return errors.Join(err, server.Close())
	}
	return &port{key: key, address: address, scheme: "http", max: max, refused: refused, serve: server.Serve, stop: stop}
}

func limitsOf(config *Config) dispatch.Limits {
	return dispatch.Limits{Paths: config.Limits.Paths, Permits: config.Limits.Permits}
}

// linePort makes the port of the line protocol, which closes its connections at once when it stops.
func (d *daemon) linePort(address string, receiver *line.Receiver) *port {
	stop := func(context.Context) error { return receiver.Close() }
	return &port{key: "line.listen", address: address, scheme: "tcp", serve: receiver.Serve, stop: stop}
}
