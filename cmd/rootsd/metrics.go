package main

import (
	"maps"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/line"
	"github.com/rootsd/rootsd/transport/push"
)

// registerMetrics puts together what /metrics shows. The components count for themselves and know nothing of
// Prometheus; their numbers are read when they are asked for.
func (d *daemon) registerMetrics() {
	d.metrics.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		gauge("rootsd_components", "Registered components, sessions among them.", func() int { n, _ := d.dispatcher.Counts(); return n }),
		gauge("rootsd_patterns", "Paths and patterns that somebody is connected to.", func() int { _, n := d.dispatcher.Counts(); return n }),
		gauge("rootsd_subscriptions", "Connections between components and paths.", d.dispatcher.Subscriptions),
		gauge("rootsd_leases", "Connections and permits that lapse unless they are renewed.", d.dispatcher.Leases),
		limitsMet(d.met), d.bounds,
		buildInfo(),
	)
	for _, p := range d.parts {
		d.metrics.MustRegister(p.counters...)
	}
	for _, p := range d.ports {
		if p.limit == nil {
			continue
		}
		d.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rootsd_connections", Help: "Open connections.", ConstLabels: prometheus.Labels{"port": p.key},
		}, func() float64 { return float64(p.limit.Open()) }))
	}
}

func buildInfo() prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rootsd_build_info", Help: "Always 1; the labels say which rootsd this is.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	return info
}

func gauge[N int | int64](name, help string, read func() N) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(read()) })
}

func counter(name, help string, read func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(read()) })
}

// published counts the updates that one receiver took.
func published(receiver string, read func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "rootsd_published_total", Help: "Updates taken, by the component that received them.",
		ConstLabels: prometheus.Labels{"receiver": receiver},
	}, func() float64 { return float64(read()) })
}

// byReason is a collector of counts that have a label each.
type byReason struct {
	desc *prometheus.Desc
	read func() map[string]uint64
}

func (b byReason) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

func (b byReason) Collect(ch chan<- prometheus.Metric) {
	for reason, n := range b.read() {
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.CounterValue, float64(n), reason)
	}
}

// withZeros adds the labels that nothing was counted for yet, so that a first one shows as a rise.
func withZeros(counts map[string]uint64, labels ...string) map[string]uint64 {
	all := make(map[string]uint64, len(counts)+len(labels))
	for _, label := range labels {
		all[label] = 0
	}
	maps.Copy(all, counts)
	return all
}

// refusals counts what one component refused, by reason.
func refusals(component string, tallies ...*lane.Tally) prometheus.Collector {
	read := func() map[string]uint64 {
		sums := make(map[string]uint64)
		for _, tally := range tallies {
			for reason, n := range tally.Counts() {
				sums[reason] += n
			}
		}
		return sums
	}
	return refusalsOf(component, read)
}

func refusalsOf(component string, read func() map[string]uint64) prometheus.Collector {
	return byReason{prometheus.NewDesc("rootsd_refused_total", "Requests, lines and connections refused, by component and reason.",
		[]string{"reason"}, prometheus.Labels{"component": component}), read}
}

func pushCounters(p *push.Push) []prometheus.Collector {
	stats := p.Stats()
	return []prometheus.Collector{
		gauge("rootsd_sessions", "Sessions of clients.", p.Sessions),
		gauge("rootsd_parked", "Clients that wait for updates.", stats.Parked.Load),
		streams(stats),
		gauge("rootsd_addresses", "Addresses of clients of which something is counted.", p.Addresses),
		gauge("rootsd_queue_messages", "Updates that wait in sessions.", stats.Messages.Load),
		gauge("rootsd_queue_bytes", "Memory that the updates which wait in sessions count for.", stats.Bytes.Load),
		counter("rootsd_sessions_opened_total", "Sessions ever opened.", stats.Opened.Load),
		counter("rootsd_delivered_total", "Updates written to clients.", stats.Delivered.Load),
		counter("rootsd_gapped_total", "Updates that clients were told of by a gap mark, because they could not be kept.", stats.Gapped.Load),
		counter("rootsd_answers_total", "Polls answered, and parts of streams sent, pings included.", stats.Answers.Load),
		published("push", stats.Published.Load),
		refusals("push", &stats.Refused),
		byReason{prometheus.NewDesc("rootsd_sessions_ended_total", "Sessions that ended: expired, left or kicked.",
			[]string{"how"}, nil), func() map[string]uint64 { return withZeros(stats.Ended.Counts(), "expired", "left", "kicked") }},
		latency{prometheus.NewDesc("rootsd_delivery_seconds",
			"Time from an update's arrival until it was written to a client, for each delivery.", nil, nil), &stats.Latency},
	}
}

// streams shows how many of those that wait do so on a stream, by transport.
func streams(stats *push.Stats) prometheus.Collector {
	return byTransport{prometheus.NewDesc("rootsd_streams", "Clients that wait on a stream, by transport.", []string{"transport"}, nil), stats}
}

type byTransport struct {
	desc  *prometheus.Desc
	stats *push.Stats
}

func (b byTransport) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

func (b byTransport) Collect(ch chan<- prometheus.Metric) {
	for _, form := range []push.Form{push.Events, push.Frames} {
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(b.stats.Streams[form].Load()), form.String())
	}
}

// latency is a collector of a histogram.
type latency struct {
	desc      *prometheus.Desc
	histogram *lane.Histogram
}

func (l latency) Describe(ch chan<- *prometheus.Desc) { ch <- l.desc }

func (l latency) Collect(ch chan<- prometheus.Metric) {
	count, sum, cumulative := l.histogram.Read()
	buckets := make(map[float64]uint64, len(cumulative))
	for i, n := range cumulative {
		buckets[lane.HistogramBounds[i].Seconds()] = n
	}
	ch <- prometheus.MustNewConstHistogram(l.desc, count, sum.Seconds(), buckets)
}

func lineCounters(r *line.Receiver, refused *lane.Tally) []prometheus.Collector {
	read := func() map[string]uint64 {
		stats, sums := r.Stats(), refused.Counts()
		if sums == nil {
			sums = make(map[string]uint64)
		}
		for reason, n := range map[string]uint64{
			"connections": stats.Surplus, "foreign": stats.Foreign, "token": stats.Unauthorized, "line_size": stats.TooLong,
			"bad_line": stats.Malformed, "message_size": stats.TooLarge, "unknown_id": stats.UnknownID, "command": stats.Refused,
		} {
			sums[reason] += n
		}
		return sums
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "rootsd_connections", Help: "Open connections.", ConstLabels: prometheus.Labels{"port": "line.listen"},
		}, func() float64 { return float64(r.Stats().Open) }),
		published("line", func() uint64 { return r.Stats().Lines }),
		refusalsOf("line", read),
	}
}

func logCounters(w *line.Writer) []prometheus.Collector {
	return []prometheus.Collector{
		counter("rootsd_log_lines_total", "Updates written to the log.", func() uint64 { return w.Stats().Lines }),
		counter("rootsd_log_dropped_total", "Updates that the log had no room for.", func() uint64 { return w.Stats().Dropped }),
		counter("rootsd_log_errors_total", "Failed writes of the log.", func() uint64 { return w.Stats().Errors }),
	}
}

func laneCounters(loops *lane.Loops) []prometheus.Collector {
	return []prometheus.Collector{
		gauge("rootsd_lane_connections", "Connections that event loops serve.", loops.Connections),
		byReason{prometheus.NewDesc("rootsd_lane_handed_over_total", "Connections that event loops left to net/http, by port.",
			[]string{"port"}, nil), loops.HandedOver().Counts},
	}
}
