package main

import (
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rootsd/rootsd/transport/lane"
)

// adminMux is what the operator has: metrics, profiles, what goes by, and what the dashboard's page asks for. The profiles
// do not include the command line, which may hold tokens.
func (d *daemon) adminMux(tail http.Handler, console *console) http.Handler {
	mux := http.NewServeMux()
	console.mount(mux)
	mux.Handle("/metrics", d.get(promhttp.HandlerFor(d.metrics, promhttp.HandlerOpts{}).ServeHTTP))
	mux.Handle("/tail", tail)
	mux.Handle("/debug/pprof/", d.get(pprof.Index))
	mux.Handle("/debug/pprof/profile", d.get(pprof.Profile))
	mux.Handle("/debug/pprof/symbol", d.get(pprof.Symbol))
	mux.Handle("/debug/pprof/trace", d.get(pprof.Trace))
	notFound := func(_ http.ResponseWriter, r *http.Request) error {
		return lane.NotFound(r.URL.Path, "here are the dashboard at /, /dashboard/, /control/, /live/, /metrics, /healthz, /readyz, /tail and /debug/pprof/")
	}
	mux.Handle("/", lane.Handler{Serve: notFound, Log: d.log})
	return mux
}

// withHealth serves what load balancers and supervisors ask, who have no token, and leaves everything else to next.
func (d *daemon) withHealth(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/healthz", d.get(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	}))
	mux.Handle("/readyz", d.get(func(w http.ResponseWriter, _ *http.Request) {
		if !d.ready.Load() {
			http.Error(w, "not ready: starting or stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	}))
	mux.Handle("/", next)
	return mux
}

// get serves GET and HEAD by serve, and refuses other methods.
func (d *daemon) get(serve http.HandlerFunc) http.Handler {
	return lane.Handler{Log: d.log, Serve: func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return lane.MethodNotAllowed(r, "GET, HEAD")
		}
		serve(w, r)
		return nil
	}}
}
