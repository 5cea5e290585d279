package main

import (
	"io"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rootsd/rootsd/transport/lane"
)

// adminMux is what the operator has: metrics, profiles, and what goes by.
func (d *daemon) adminMux(tail http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(d.metrics, promhttp.HandlerOpts{}))
	mux.Handle("/tail", tail)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	notFound := func(_ http.ResponseWriter, r *http.Request) error {
		return lane.NotFound(r, "here are /metrics, /healthz, /readyz, /tail and /debug/pprof/")
	}
	mux.Handle("/", lane.Handler{Serve: notFound, Log: d.log})
	return mux
}

// withHealth serves what load balancers and supervisors ask, who have no token, and leaves everything else to next.
func (d *daemon) withHealth(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !d.ready.Load() {
			http.Error(w, "not ready: starting or stopping", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.Handle("/", next)
	return mux
}
