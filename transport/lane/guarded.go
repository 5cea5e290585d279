package lane

import (
	"log/slog"
	"net/http"
	"sync/atomic"
)

// Guarded is a handler behind a [Guard] that can be exchanged while it serves.
type Guarded struct {
	guard   atomic.Pointer[Guard]
	next    http.Handler
	handler Handler
	refused Tally
}

// NewGuarded has next serve the requests that guard lets pass.
func NewGuarded(guard Guard, next http.Handler, log *slog.Logger) *Guarded {
	g := &Guarded{next: next}
	g.handler = Handler{Serve: g.serve, Refused: &g.refused, Log: log}
	g.SetGuard(guard)
	return g
}

// SetGuard has guard decide from now on.
func (g *Guarded) SetGuard(guard Guard) { g.guard.Store(&guard) }

// Refused counts the requests that did not pass, by reason.
func (g *Guarded) Refused() *Tally { return &g.refused }

// ServeHTTP implements http.Handler.
func (g *Guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

func (g *Guarded) serve(w http.ResponseWriter, r *http.Request) error {
	Shield(w.Header())
	if err := g.guard.Load().Check(r); err != nil {
		return err
	}
	g.next.ServeHTTP(w, r)
	return nil
}
