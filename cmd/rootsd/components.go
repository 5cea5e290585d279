package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/ingest"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/line"
	"github.com/rootsd/rootsd/transport/push"
	"github.com/rootsd/rootsd/transport/tail"
)

// components is the one table of what rootsd is made of. Each row makes its part of the daemon from the configuration,
// or returns nil where that turns it off. They are built, drained and closed in this order: what takes updates first,
// the log of all that was said last.
var components = []struct {
	name  string
	build func(*daemon, *Config) (*part, error)
}{
	{"lane", buildLane},
	{"ingest", buildIngest},
	{"line", buildLine},
	{"tls", buildTLS},
	{"demo", buildDemo},
	{"push", buildPush},
	{"admin", buildAdmin},
	{"log", buildLog},
}

// buildLane starts the event loops that serve push and ingest, where there are any.
func buildLane(d *daemon, c *Config) (*part, error) {
	if c.Limits.Lane != "loops" {
		return nil, nil
	}
	n := c.Limits.Loops
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	loops, err := lane.NewLoops(n, lane.OpenSockets, d.boundsOf(c), d.log)
	if errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	d.loops = loops
	return &part{close: loops.Close, counters: laneCounters(loops)}, nil
}

func (d *daemon) boundsOf(c *Config) lane.Bounds {
	limits := &c.Limits
	return lane.Bounds{
		Header: limits.Header, Idle: limits.Idle, Write: limits.Write, HeaderSize: int(limits.HeaderSize), Met: d.met,
	}
}

func buildIngest(d *daemon, c *Config) (*part, error) {
	if c.Ingest.Listen == "" {
		return nil, nil
	}
	in := ingest.New(d.ingestConfig(c), d.controller, d.dispatcher, d.log)
	d.senders[in] = "ingest"
	p := d.httpPort("ingest.listen", c.Ingest.Listen, in, controlConnections, &in.Stats().Refused)
	p.fast = in.Fast()
	return &part{
		ports:    []*port{p},
		apply:    func(c *Config) { in.SetConfig(d.ingestConfig(c)) },
		drain:    in.Drain,
		close:    in.Close,
		counters: []prometheus.Collector{published("ingest", in.Stats().Published.Load), refusals("ingest", &in.Stats().Refused)},
	}, nil
}

func (d *daemon) ingestConfig(c *Config) ingest.Config {
	return ingest.Config{
		Guard:      lane.Guard{Tokens: Reveal(c.Ingest.Tokens), Hosts: c.Hosts},
		MaxBody:    int(c.Ingest.MaxBody),
		MaxMessage: int(c.Ingest.MaxMessage),
		MaxWait:    c.Ingest.MaxWait,
		BodyTime:   c.Limits.Body,
		Met:        d.met,
		NameOf:     d.nameOf,
	}
}

func buildLine(d *daemon, c *Config) (*part, error) {
	if c.Line.Listen == "" && c.Line.HTTP == "" {
		return nil, nil
	}
	receiver := line.NewReceiver(d.lineConfig(c), d.controller, d.dispatcher)
	d.senders[receiver] = "line"
	guard := lane.NewGuarded(lineGuard(c), receiver.Handler(), d.log)
	p := &part{
		apply: func(c *Config) {
			receiver.SetConfig(d.lineConfig(c))
			guard.SetGuard(lineGuard(c))
		},
		close:    receiver.Close,
		counters: lineCounters(receiver, guard.Refused()),
	}
	if c.Line.Listen != "" {
		p.ports = append(p.ports, d.linePort(c.Line.Listen, receiver))
	}
	if c.Line.HTTP != "" {
		p.ports = append(p.ports, d.httpPort("line.http", c.Line.HTTP, guard, controlConnections, guard.Refused()))
	}
	return p, nil
}

func (d *daemon) lineConfig(c *Config) line.Config {
	return line.Config{
		Tokens:         Reveal(c.Line.Tokens),
		MaxLine:        4 * (int(c.Ingest.MaxMessage) + dispatch.MaxPath), // a control character is written with four
		MaxMessage:     int(c.Ingest.MaxMessage),
		MaxConnections: c.Limits.ControlConnections,
		Header:         c.Limits.Header,
		Met:            d.met,
		Log:            d.log,
	}
}

// lineGuard keeps the line protocol's HTTP form, where a GET does something.
func lineGuard(c *Config) lane.Guard {
	return lane.Guard{Tokens: Reveal(c.Line.Tokens), Hosts: c.Hosts, NoBrowsers: true}
}

func buildPush(d *daemon, c *Config) (*part, error) {
	if c.Push.Listen == "" {
		return nil, nil
	}
	config := pushConfig(c)
	config.Met = d.met
	p := push.New(config, d.controller, d.dispatcher, d.log)
	if d.push = p; d.state != nil {
		p.Outlive()
	}
	d.mountScript(p)
	if d.demo != nil {
		mountDemo(p, d.demo)
	}
	connections := func(c *Config) int { return c.Limits.Connections }
	server := d.newServer(lane.WithPrefix(c.Push.Prefix, p))
	pushPort := serverPort("push.listen", c.Push.Listen, server, connections, &p.Stats().Refused)
	if d.secure != nil {
		d.secure.cover(pushPort, server, &c.Limits)
	} else {
		pushPort.fast = p.Fast(c.Push.Prefix)
	}
	pushPort.perAddress = true
	stop := pushPort.stop
	pushPort.stop = func(ctx context.Context) error {
		err := stop(ctx)
		p.Settle(ctx)
		return err
	}
	return &part{
		ports:    []*port{pushPort},
		apply:    func(c *Config) { p.SetConfig(pushConfig(c)) },
		drain:    p.Drain,
		close:    p.Close,
		counters: pushCounters(p),
	}, nil
}

func pushConfig(c *Config) push.Config {
	open := make([]dispatch.Pattern, len(c.Push.Open))
	for i, text := range c.Push.Open {
		// The configuration was checked, so that this cannot fail.
		open[i], _ = dispatch.ParsePattern(text)
	}
	return push.Config{
		Hold: c.Push.Hold, Bundle: c.Push.Bundle, Expire: c.Push.Expire, Resume: c.Push.Resume,
		Queue:       push.QueueLimits{Messages: c.Push.Queue.Messages, Bytes: int(c.Push.Queue.Bytes), Age: c.Push.Queue.Age},
		Total:       int64(c.Push.Queue.Total),
		Origins:     c.Push.Origins,
		Open:        open,
		MaxSessions: c.Limits.Sessions,
		MaxBody:     int(c.Limits.Publish),
		BodyTime:    c.Limits.Body,
		WriteTime:   c.Limits.Write,
		Pace:        c.Push.Pace,
		Bounds: push.Bounds{
			OpenRate: c.Limits.OpenRate, PublishRate: c.Limits.PublishRate, TotalPublishRate: c.Limits.TotalPublishRate,
			AddressSessions: c.Limits.AddressSessions, AddressOpenRate: c.Limits.AddressOpenRate,
			AddressPublishRate: c.Limits.AddressPublishRate,
			Proxies:            lane.ParseProxies(c.Push.Proxies),
		},
	}
}

func buildAdmin(d *daemon, c *Config) (*part, error) {
	if c.Admin.Listen == "" {
		return nil, nil
	}
	watch := tail.New(d.controller, c.Limits.TailBuffer, d.log)
	watch.Report(d.met)
	console := d.newConsole(c)
	guard := lane.NewGuarded(adminGuard(c), d.adminMux(watch, console), d.log)
	p := d.httpPort("admin.listen", c.Admin.Listen, d.withPage(d.withHealth(guard)), controlConnections, guard.Refused())
	p.last = true // so that an operator can look on while the daemon stops
	stop := p.stop
	p.stop = func(ctx context.Context) error { return console.stop(ctx, stop) }
	return &part{
		ports: []*port{p},
		apply: func(c *Config) {
			guard.SetGuard(adminGuard(c))
			console.ingest.SetConfig(d.consoleConfig(c))
		},
		drain: watch.Drain,
		close: console.Close,
		counters: []prometheus.Collector{
			refusals("admin", guard.Refused(), console.dashboard.Refused(), &console.ingest.Stats().Refused),
			published("dashboard", console.ingest.Stats().Published.Load),
			counter("rootsd_tail_dropped_total", "Updates that a slow rootsd tail did not show.", watch.Dropped),
		},
	}, nil
}

func adminGuard(c *Config) lane.Guard {
	guard := lane.Guard{Hosts: c.Hosts}
	if c.Admin.Token != "" {
		guard.Tokens = []string{string(c.Admin.Token)}
	}
	return guard
}

func buildLog(d *daemon, c *Config) (*part, error) {
	if c.Log.Output == "off" {
		return nil, nil
	}
	config := line.WriterConfig{Buffer: int(c.Limits.LogBuffer), Met: d.met, Log: d.log}
	if c.Log.Output != "stdout" {
		config.File = c.Log.Output
	}
	writer, err := line.NewWriter(config)
	if err != nil {
		return nil, err
	}
	d.controller.Delegate(writer)
	return &part{
		reopen:   writer.Reopen,
		close:    writer.Close,
		counters: logCounters(writer),
	}, nil
}

func controlConnections(c *Config) int { return c.Limits.ControlConnections }
