package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/rootsd/rootsd/clients"
	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/dashboard"
	"github.com/rootsd/rootsd/transport/ingest"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/push"
)

// console is what the dashboard's page talks to: the dashboard, an ingest of its own, and live, a timeline of its own with
// clients of its own, of which nothing shows in the daemon's numbers.
type console struct {
	dashboard *dashboard.Dashboard
	ingest    *ingest.Ingest
	live      *live
}

// newConsole makes a console; its page may do what the operator may.
func (d *daemon) newConsole(c *Config) *console {
	shown := newLive(d.log)
	started := time.Now().UTC().Round(time.Second)
	in := ingest.New(d.consoleConfig(c), d.controller, d.dispatcher, d.log)
	d.senders[in] = "dashboard"
	return &console{
		dashboard: dashboard.New(dashboard.Config{
			About:  func() dashboard.About { return d.about(c, started) },
			NameOf: d.nameOf,
			Events: c.Limits.History,
			Values: d.samples,
			Live:   shown.controller,
			Viewed: func() bool { return shown.push.Sessions() > 0 },
		}, d.dispatcher, d.log),
		ingest: in,
		live:   shown,
	}
}

// consoleConfig is the ingest port's configuration for those whom the admin port lets through.
func (d *daemon) consoleConfig(c *Config) ingest.Config {
	config := d.ingestConfig(c)
	config.Guard = adminGuard(c)
	return config
}

// mount adds the console's addresses to mux.
func (c *console) mount(mux *http.ServeMux) {
	mux.Handle("/dashboard/", c.dashboard)
	mux.Handle("/control/", lane.WithPrefix("/control/", c.ingest))
	mux.Handle("/live/", lane.WithPrefix("/live/", c.live.push))
}

// stop has the console's clients answered, and whoever waits for a receipt, before the port is closed by then.
func (c *console) stop(ctx context.Context, port func(context.Context) error) error {
	c.ingest.Drain()
	c.live.push.Drain()
	err := port(ctx)
	c.live.push.Settle(ctx)
	return err
}

// Close ends what runs for the console.
func (c *console) Close() error {
	return errors.Join(c.dashboard.Close(), c.ingest.Close(), c.live.Close())
}

// live is a timeline on which every path is open, and who hears it.
type live struct {
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	push       *push.Push
}

// mostViewers is how many may look at the dashboard at a time. They are people.
const mostViewers = 64

func newLive(log *slog.Logger) *live {
	l := &live{controller: dispatch.NewController("live")}
	l.dispatcher = dispatch.NewDispatcher(l.controller)
	config := pushConfig(DefaultConfig()) // what is set for the daemon's own clients may be too little for the numbers
	config.Origins, config.Open, config.MaxSessions = nil, []dispatch.Pattern{"**"}, mostViewers
	l.push = push.New(config, l.controller, l.dispatcher, log)
	return l
}

func (l *live) Close() error { return errors.Join(l.push.Close(), l.dispatcher.Close()) }

// withPage serves the dashboard's page to whoever asks, as it holds no secrets, and leaves everything else to next. A page
// of another site may not load its files, nor keep hold of a window that it has opened with it.
func (d *daemon) withPage(next http.Handler) http.Handler {
	files := clients.NewFiles(clients.Dashboard(), clients.Script(), clients.Look())
	serve := func(name string) http.Handler {
		return d.get(func(w http.ResponseWriter, r *http.Request) {
			lane.Shield(w.Header())
			w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
			files.Serve(w, r, name)
		})
	}
	mux := http.NewServeMux()
	for name := range files {
		mux.Handle("/"+name, serve(name))
	}
	mux.Handle("/{$}", serve(""))
	mux.Handle("/dashboard", http.RedirectHandler("/", http.StatusPermanentRedirect))
	mux.Handle("/dashboard/{$}", http.RedirectHandler("/", http.StatusPermanentRedirect))
	mux.Handle("/", next)
	return mux
}
