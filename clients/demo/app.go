package demo

import (
	"embed"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/rootsd/rootsd/clients"
)

//go:embed page/*.html page/*.css page/*.js page/*.svg
var embedded embed.FS

// page holds the files of the page itself.
func page() fs.FS {
	sub, err := fs.Sub(embedded, "page")
	if err != nil {
		panic(err) // the folder is the one above
	}
	return sub
}

// Config says what an App needs beside the address of ingest. The zero value is a good one.
type Config struct {
	// Log is told when ingest does not answer, and when it answers again. Nil: nobody is.
	Log *slog.Logger
	// Token returns what ingest wants of back-ends now, "" where it wants none. Nil: it never wants any.
	Token func() string
	// Transport carries the requests to ingest. Nil: one of the demo's own, with keep-alive.
	Transport http.RoundTripper
}

// App is the demo. It is an http.Handler for the pages and a back-end of rootsd while [App.Run] runs. Safe for concurrent
// use.
type App struct {
	config Config
	files  clients.Files
	routes map[string]route
	ingest atomic.Pointer[ingest] // nil unless Run runs
	wake   chan struct{}          // holds one element while the outbox waits for the feeder
	viewed atomic.Bool            // whether somebody looks at the page, as far as is known

	mu     sync.Mutex // guards what follows
	outbox outbox
	ticks  uint64
	jobs   []*job
	todo   *todo
	tree   *tree
}

// New returns a demo in its first state. Until [App.Run] is called, what needs rootsd is answered 503.
func New(config Config) *App {
	if config.Token == nil {
		config.Token = func() string { return "" }
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{
		config: config,
		files:  clients.NewFiles(page(), clients.Look(), clients.Script()),
		wake:   make(chan struct{}, 1),
		outbox: outbox{afresh: true},
		jobs:   newJobs(),
		todo:   newTodo(),
		tree:   newTree(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
	}
	a.routes = a.table()
	return a
}

// paths returns every path at which the demo tells something.
func (a *App) paths() []string {
	all := []string{ticksPath, todoPath}
	for _, j := range a.jobs {
		all = append(all, j.path())
	}
	return append(all, a.tree.paths()...)
}

// step lets the simulated part of the demo go on by one beat.
func (a *App) step() {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Counted before it is told: whoever loads the number and is connected misses nothing that comes after it.
	a.ticks++
	a.outbox.add(update{Path: ticksPath, Message: a.ticks})
	for _, j := range a.jobs {
		if j.step() {
			a.outbox.add(update{Path: j.path(), Message: j.percent, Latest: true})
		}
	}
	for _, touch := range a.tree.step() {
		a.outbox.add(touch)
	}
}

// change runs what changes the state, and has the feeder tell of it. It refuses while rootsd cannot be told, because the
// one who asks would see nothing happen.
func (a *App) change(apply func() (update, error)) error {
	if a.ingest.Load() == nil {
		return errNotRunning
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outbox.afresh {
		return errSilent
	}
	said, err := apply()
	if err != nil {
		return err
	}
	a.outbox.add(said)
	select {
	case a.wake <- struct{}{}:
	default: // it is awake
	}
	return nil
}
