package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/rootsd/rootsd/clients/demo"
	"github.com/rootsd/rootsd/transport/push"
)

// buildDemo makes the demo, where serve was told to: an application that uses the daemon as any other would, by ingest. Its
// pages are mounted on the push port.
func buildDemo(d *daemon, c *Config) (*part, error) {
	if !d.withDemo {
		return nil, nil
	}
	if c.Ingest.Listen == "" || c.Push.Listen == "" {
		return nil, errors.New("the demo wants ingest.listen and push.listen")
	}
	var tokens atomic.Pointer[[]Secret]
	tokens.Store(&c.Ingest.Tokens)
	d.demo = demo.New(demo.Config{Log: d.log, Token: func() string {
		for _, token := range *tokens.Load() {
			return string(token)
		}
		return ""
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	ended <- nil
	return &part{
		begin: func() {
			<-ended
			go func() { ended <- d.demo.Run(ctx, d.portOf("ingest.listen").url()) }()
			d.log.Info("demo", "url", d.portOf("push.listen").url()+strings.TrimSuffix(c.Push.Prefix, "/")+"/demo/")
		},
		apply: func(c *Config) { tokens.Store(&c.Ingest.Tokens) },
		drain: cancel,
		close: func() error { cancel(); return <-ended },
	}, nil
}

// mountDemo has the push port serve the demo's pages. What they ask for may have to wait for ingest.
func mountDemo(p *push.Push, app *demo.App) {
	serve := func(w http.ResponseWriter, r *http.Request) {
		below, address := *r, *r.URL
		address.Path, address.RawPath = strings.TrimPrefix(r.URL.Path, "/demo"), ""
		below.URL = &address
		app.ServeHTTP(w, &below)
	}
	p.Mount("demo", push.Beside{Handler: http.HandlerFunc(serve)})
}

// portOf returns the open port of a key.
func (d *daemon) portOf(key string) *port {
	return d.ports[slices.IndexFunc(d.ports, func(p *port) bool { return p.key == key })]
}
