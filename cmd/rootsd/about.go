package main

import (
	"os"
	"slices"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/dashboard"
)

// shownComponents are the components as the dashboard draws them, in the order in which an update meets them. Those with
// ports are on where one of these is open.
var shownComponents = []struct {
	name  string
	side  dashboard.Side
	about string
	ports []string // by their keys, which turn the component on
}{
	{"ingest", dashboard.Receiver, "back-ends POST updates here", []string{"ingest.listen"}},
	{"line", dashboard.Receiver, "scripts and devices send lines", []string{"line.listen", "line.http"}},
	{"push", dashboard.Receiver, "clients publish where permitted", []string{"push.listen"}},
	{"controller", dashboard.Heart, "puts all updates on one timeline", nil},
	{"dispatcher", dashboard.Heart, "knows who is connected to which paths", nil},
	{"sessions", dashboard.Sender, "keep what clients have not got yet", []string{"push.listen"}},
	{"log", dashboard.Sender, "writes every update down", nil},
	{"tail", dashboard.Sender, "shows operators what goes by", []string{"admin.listen"}},
	{"dashboard", dashboard.Sender, "this page", []string{"admin.listen"}},
}

// about describes the daemon, which serves already.
func (d *daemon) about(c *Config, started time.Time) dashboard.About {
	about := dashboard.About{Name: c.Name, Version: version, Started: started, PID: os.Getpid()}
	for _, s := range shownComponents {
		shown := dashboard.Component{Name: s.name, Side: s.side, About: s.about}
		switch {
		case s.name == "log":
			shown.Setting, shown.Off = "log.output", c.Log.Output == "off"
		case s.ports != nil:
			shown.Setting, shown.Listens = s.ports[0], d.urlOf(s.ports)
			shown.Off = shown.Listens == ""
		}
		about.Components = append(about.Components, shown)
	}
	return about
}

// urlOf returns where the first of these ports that is open can be reached, or "".
func (d *daemon) urlOf(keys []string) string {
	for _, key := range keys {
		if i := slices.IndexFunc(d.ports, func(p *port) bool { return p.key == key }); i >= 0 {
			return d.ports[i].url()
		}
	}
	return ""
}

// nameOf names the component with this ID, for people.
func (d *daemon) nameOf(id dispatch.ID) string {
	if id == d.controller.ID() {
		return "rootsd"
	}
	if name, ok := d.senders[d.controller.Find(id)]; ok {
		return name
	}
	return "another"
}
