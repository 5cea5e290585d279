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
	get := d.get(func(w http.ResponseWriter, r *http.Request) {
		if !files.Serve(w, r, strings.TrimPrefix(r.URL.Path, "/")) {
			http.NotFound(w, r) // below the name of a file
		}
	})
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		get.ServeHTTP(w, r)
	})
	for name := range files {
		p.Mount(name, push.Beside{Handler: serve, Quick: true})
	}
}
