package main

import (
	"net/http"
	"strings"

	"github.com/rootsd/rootsd/clients"
	"github.com/rootsd/rootsd/transport/push"
)

// mountScript has the push port serve the client's script: /roots.js for script elements, /roots.mjs for modules, to the
// pages of every origin.
func (d *daemon) mountScript(p *push.Push) {
	files := clients.NewFiles(clients.Script())
	serve := d.get(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		name := strings.TrimPrefix(r.URL.Path, "/")
		if !files.Serve(w, r, name) {
			http.NotFound(w, r) // below the name of a file
		}
	})
	for name := range files {
		p.Mount(name, push.Beside{Handler: serve, Quick: true})
	}
}
