package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

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
	config := demo.Config{Log: d.log}
	if len(c.Ingest.Tokens) > 0 {
		config.Token = string(c.Ingest.Tokens[0])
	}
	d.demo = demo.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	ended <- nil
	return &part{
		begin: func() {
			<-ended
			go func() { ended <- d.demo.Run(ctx, d.portOf("ingest.listen").url()) }()
			d.log.Info("demo", "url", d.portOf("push.listen").url()+strings.TrimSuffix(c.Push.Prefix, "/")+"/demo/")
		},
		drain: cancel,
		close: func() error { cancel(); return <-ended },
	}, nil
}

// mountDemo has the push port serve the demo's pages. What they ask for may have to wait for ingest.
func mountDemo(p *push.Push, app *demo.App) {
	p.Mount("demo", push.Beside{Handler: http.StripPrefix("/demo", app)})
}

// portOf returns the open port of a key.
func (d *daemon) portOf(key string) *port {
	return d.ports[slices.IndexFunc(d.ports, func(p *port) bool { return p.key == key })]
}
