package main

import (
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootsd/rootsd/transport/lane"
)

// bounds are the settings that bound something, as they are set now.
type bounds struct{ config atomic.Pointer[Config] }

// boundSettings are the settings that can be met: what has a number below limits and push.queue, and the sizes of what
// back-ends send.
var boundSettings = slices.DeleteFunc(slices.Clone(Settings()), func(s Setting) bool {
	switch s.Key {
	case "ingest.max_body", "ingest.max_message":
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
