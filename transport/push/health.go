package push

import (
	"io"
	"net/http"
	"strings"

	"github.com/rootsd/rootsd/transport/lane"
)

// This file is for who is no client: load balancers, which may reach no port but this one, and robots.

// healthPath is where it is said whether clients may come.
const healthPath = "healthz"

// asksForHealth tells whether that is what a request is for, which opens no session.
func asksForHealth(method, path string) bool {
	return path == healthPath && (method == http.MethodGet || method == http.MethodHead)
}

// health answers it: no client is to be sent to a daemon that stops.
func (p *Push) health(w http.ResponseWriter) error {
	if p.draining.Load() {
		return stopping()
	}
	header := w.Header()
	header["Content-Type"] = []string{"text/plain; charset=utf-8"}
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	// A write that fails has lost its reader: nobody is left to be told.
	_, _ = io.WriteString(w, "ok\n")
	return nil
}

// stopping refuses those who come while the daemon stops.
func stopping() *lane.Problem {
	return lane.Refuse(http.StatusServiceUnavailable, "draining", "rootsd is stopping; try again soon").
		Again(1).With("Connection", "close")
}

// isStrange tells whether path is what no client asks for: one of the files that browsers and robots ask every server for,
// as no ID has a dot, or what those ask for who take this for the operator's port.
func isStrange(path string) bool {
	switch first, _, _ := strings.Cut(path, "/"); first {
	case healthPath, "readyz", "metrics":
		return true
	default:
		return strings.Contains(first, ".")
	}
}
