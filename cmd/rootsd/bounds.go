package main

import (
	"context"
	"log/slog"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootsd/rootsd/transport/lane"
)

// bounds are the settings that bound something, as they hold now.
type bounds struct{ config atomic.Pointer[Config] }

// take has the bounds be those of config, but for limits.connections where descriptors do not suffice for it.
func (b *bounds) take(config *Config) {
	held := *config
	if config.Push.Listen != "" {
		own := ownDescriptors + 2*max(config.Limits.Loops, runtime.GOMAXPROCS(0))
		held.Limits.Connections = connectionsWithin(descriptors(), own, &config.Limits)
	}
	b.config.Store(&held)
}

// say says where fewer connections are taken than config, which was taken, wants. Who has set no number wants no other.
func (b *bounds) say(config *Config, log *slog.Logger) {
	set, bound := config.Limits.Connections, b.config.Load().Limits.Connections
	if set == bound {
		return
	}
	level := slog.LevelWarn
	if set == DefaultConfig().Limits.Connections {
		level = slog.LevelInfo
	}
	log.Log(context.Background(), level, "descriptors do not suffice for limits.connections; fewer are taken",
		"value", set, "bound", bound, "descriptors", descriptors(), "help", "allow more (ulimit -n, LimitNOFILE=)")
}

// ownDescriptors are those that the daemon needs beside connections and event loops, which have two each: for ports,
// files, the state, and another rootsd that takes over.
const ownDescriptors = 32

// connectionsWithin returns how many connections of clients so many descriptors suffice for, at most as many as are set:
// clients can then not take those away that the daemon has itself, and those of the control ports.
func connectionsWithin(descriptors, own int, limits *LimitsConfig) int {
	room := descriptors - own - min(limits.ControlConnections, descriptors/4)
	return max(min(limits.Connections, room-lane.Lingers(room)), 1)
}

// boundSettings are the settings that can be met: what has a number below limits and push.queue, how many clients a second
// have a turn, and the sizes of what back-ends send.
var boundSettings = slices.DeleteFunc(slices.Clone(Settings()), func(s Setting) bool {
	switch s.Key {
	case "ingest.max_body", "ingest.max_message", "push.pace":
		return false
	case "limits.loops", "limits.history", "limits.lane":
		return true // these choose how something is done
	}
	return !strings.HasPrefix(s.Key, "limits.") && !strings.HasPrefix(s.Key, "push.queue.")
})

// value returns what a setting is set to, for the log.
func (b *bounds) value(key string) any {
	s, ok := settingNamed(key)
	if !ok {
		return ""
	}
	return b.config.Load().field(s).Interface()
}

var limitDesc = prometheus.NewDesc("rootsd_limit",
	"What a bound is set to: a number, bytes or seconds. One that is off is left out.", []string{"setting"}, nil)

// Describe implements prometheus.Collector.
func (b *bounds) Describe(ch chan<- *prometheus.Desc) { ch <- limitDesc }

// Collect implements prometheus.Collector.
func (b *bounds) Collect(ch chan<- prometheus.Metric) {
	config := b.config.Load()
	for _, s := range boundSettings {
		if value := number(config.field(s)); value > 0 {
			ch <- prometheus.MustNewConstMetric(limitDesc, prometheus.GaugeValue, value, s.Key)
		}
	}
}

// number returns a setting's value as metrics have it.
func number(value reflect.Value) float64 {
	if d, ok := value.Interface().(time.Duration); ok {
		return d.Seconds()
	}
	return float64(value.Int())
}

// limitsMet counts how often each bound was met.
func limitsMet(met *lane.Met) prometheus.Collector {
	keys := make([]string, len(boundSettings))
	for i, s := range boundSettings {
		keys[i] = s.Key
	}
	desc := prometheus.NewDesc("rootsd_limit_met_total", "How often a bound was met.", []string{"setting"}, nil)
	return byReason{desc, func() map[string]uint64 { return withZeros(met.Counts(), keys...) }}
}

// limitedBy is the setting that bounds the connections of a port.
func (p *port) limitedBy() string {
	if p.key == "push.listen" {
		return "limits.connections"
	}
	return "limits.control_connections"
}

// boundAddresses has a port take so many connections of one address, if that is for it.
func (p *port) boundAddresses(config *Config) {
	if p.perAddress {
		p.limit.SetAddressMax(config.Limits.AddressConnections, lane.ParseProxies(config.Push.Proxies))
	}
}
