package ingest

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Config is what an Ingest takes. All of it can be changed while it runs; see [Ingest.SetConfig].
type Config struct {
	Guard      lane.Guard
	MaxBody    int           // bytes
	MaxMessage int           // bytes of one message's JSON text
	MaxWait    time.Duration // the longest "wait" for a receipt
	BodyTime   time.Duration // for a body to arrive

	Met *lane.Met // is told of the bounds that are met; nil: nobody is. [Ingest.SetConfig] does not change it

	// NameOf names the component with an ID, for people who ask who connected a client; nil has no names.
	NameOf func(dispatch.ID) string
}

// Ingest serves back-ends. It implements http.Handler, and dispatch.Component for its ID alone: it is the sender of what
// back-ends say.
type Ingest struct {
	id         dispatch.ID
	controller *dispatch.Controller
	dispatcher *dispatch.Dispatcher
	handler    lane.Handler
	stats      Stats
	settings   atomic.Pointer[Config]
	known      atomic.Pointer[known] // for the event loops
	drain      chan struct{}         // closed when nobody is to wait for receipts any more
	drainOnce  sync.Once
}

// Stats are what an Ingest counts. All fields may be read at any time.
type Stats struct {
	Published atomic.Uint64 // updates taken
	Refused   lane.Tally    // requests refused, by reason; "legacy" and "legacy_command" are of the 2009 form
}

// settingsMet are the settings that are met where a request is refused, by the reason.
var settingsMet = map[string]string{
	"body_size":        "ingest.max_body",
	"message_size":     "ingest.max_message",
	"slow_body":        "limits.body",
	"too_many_paths":   "limits.paths",
	"too_many_permits": "limits.permits",
	"subscriptions":    "limits.subscriptions",
}

// New makes an Ingest that gives updates to d, below c.
func New(config Config, c *dispatch.Controller, d *dispatch.Dispatcher, log *slog.Logger) *Ingest {
	i := &Ingest{controller: c, dispatcher: d, drain: make(chan struct{})}
	i.handler = lane.Handler{Serve: i.serve, Refused: &i.stats.Refused, Log: log, Met: config.Met, Bounds: settingsMet}
	i.settings.Store(&config)
	i.id = c.Register(i)
	return i
}

// Update implements [dispatch.Component]. An Ingest is connected to nothing.
func (i *Ingest) Update(dispatch.ID, dispatch.Path, *dispatch.Message) {}

// SetConfig changes what i takes from the next request on.
func (i *Ingest) SetConfig(config Config) { i.settings.Store(&config) }

// Stats returns what i counts.
func (i *Ingest) Stats() *Stats { return &i.stats }

// Drain has those who wait for receipts answered now, with what is known, and whoever comes to wait later as well.
func (i *Ingest) Drain() { i.drainOnce.Do(func() { close(i.drain) }) }

// Close drains i and takes it out of the registry. The error is always nil.
func (i *Ingest) Close() error {
	i.Drain()
	i.controller.Unregister(i.id)
	return nil
}

// ServeHTTP implements http.Handler.
func (i *Ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.handler.ServeHTTP(w, r) }

const hint = "back-ends POST to /update, /connect, /disconnect, /permit, /forbid and /kick, and GET /clients/{id} and /paths/{path}"

// serve has a refusal for a bound name its setting: whoever asks here may know, and can have it changed.
func (i *Ingest) serve(w http.ResponseWriter, r *http.Request) error {
	err := i.route(w, r)
	var p *lane.Problem
	if errors.As(err, &p) && settingsMet[p.Reason] != "" {
		p.Detail += " (" + settingsMet[p.Reason] + ")"
	}
	return err
}

func (i *Ingest) route(w http.ResponseWriter, r *http.Request) error {
	config := i.settings.Load()
	if err := config.Guard.Check(r); err != nil {
		return err
	}
	if r.Method == http.MethodGet { // as the elements of a page send it, without saying from where
		lane.Shield(w.Header())
	}
	if id, ok := strings.CutPrefix(r.URL.Path, "/clients/"); ok {
		return get(r, func() error { return i.client(w, dispatch.ID(id)) })
	}
	if path, ok := strings.CutPrefix(r.URL.Path, "/paths/"); ok {
		return get(r, func() error { return i.path(w, r, path) })
	}
	serve, ok := routes[r.URL.Path]
	if !ok {
		return lane.NotFound(r.URL.Path, hint)
	}
	if r.Method != http.MethodPost {
		return lane.MethodNotAllowed(r, "POST")
	}
	return serve(i, config, w, r)
}

// routes are what back-ends POST to.
var routes = map[string]func(i *Ingest, config *Config, w http.ResponseWriter, r *http.Request) error{
	"/":           (*Ingest).legacy,
	"/update":     (*Ingest).update,
	"/connect":    order{dispatch.PathConnect, termMembers}.serve,
	"/disconnect": order{dispatch.PathDisconnect, plainMembers}.serve,
	"/permit":     order{dispatch.PathPermit, termMembers}.serve,
	"/forbid":     order{dispatch.PathForbid, plainMembers}.serve,
	"/kick":       (*Ingest).kick,
}

func get(r *http.Request, serve func() error) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return lane.MethodNotAllowed(r, "GET, HEAD")
	}
	return serve()
}

// read reads the body of r and has use take it.
func (c *Config) read(w http.ResponseWriter, r *http.Request, use func(body []byte) error) error {
	return lane.ReadBody(w, r, c.MaxBody, c.BodyTime, use)
}
