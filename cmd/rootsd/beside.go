package main

import (
	"net/http"
	"strings"

	"github.com/rootsd/rootsd/clients"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/push"
)

// mountScript has the push port serve the client's script: /roots.js for script elements, /roots.mjs for modules, to the
// pages of every origin.
func (d *daemon) mountScript(p *push.Push) {
	files := clients.NewFiles(clients.Script())
	serve := lane.Handler{Log: d.log, Serve: func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return lane.MethodNotAllowed(r, "GET, HEAD")
		}
		if !files.Serve(w, r, strings.TrimPrefix(r.URL.Path, "/")) {
			return lane.NotFound(r.URL.Path, "the script is at /roots.js, and as a module at /roots.mjs")
		}
		return nil
	}}
	for name := range files {
		p.Mount(name, push.Beside{Handler: serve, Quick: true})
	}
}
