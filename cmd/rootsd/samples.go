package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Of the metrics, the dashboard shows the daemon's own and those of its process, and some of Go's.
var (
	shownPrefixes = []string{"rootsd_", "process_"}
	shownOfGo     = []string{
		"go_goroutines", "go_threads", "go_gc_duration_seconds", "go_memstats_heap_alloc_bytes", "go_memstats_heap_inuse_bytes",
		"go_memstats_sys_bytes", "go_memstats_alloc_bytes_total",
	}
)

func isShown(name string) bool {
	return slices.ContainsFunc(shownPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) ||
		slices.Contains(shownOfGo, name)
}

// samples returns what the dashboard shows of /metrics, by name and labels as they stand there.
func (d *daemon) samples() map[string]float64 {
	// What could not be gathered is left out; the others are there all the same.
	families, _ := d.metrics.Gather()
	samples := make(map[string]float64)
	for _, family := range families {
		if !isShown(family.GetName()) {
			continue
		}
		for _, metric := range family.GetMetric() {
			addSamples(samples, family.GetName(), metric)
		}
	}
	return samples
}

func addSamples(samples map[string]float64, name string, metric *dto.Metric) {
	add := func(suffix string, value float64, more ...string) {
		if !math.IsNaN(value) && !math.IsInf(value, 0) { // for which JSON has no text
			samples[name+suffix+labelText(metric.GetLabel(), more...)] = value
		}
	}
	switch {
	case metric.Counter != nil:
		add("", metric.Counter.GetValue())
	case metric.Gauge != nil:
		add("", metric.Gauge.GetValue())
	case metric.Untyped != nil:
		add("", metric.Untyped.GetValue())
	case metric.Summary != nil:
		add("_sum", metric.Summary.GetSampleSum())
		add("_count", float64(metric.Summary.GetSampleCount()))
	case metric.Histogram != nil:
		count := float64(metric.Histogram.GetSampleCount())
		for _, bucket := range metric.Histogram.GetBucket() {
			add("_bucket", float64(bucket.GetCumulativeCount()), strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64))
		}
		add("_bucket", count, "+Inf")
		add("_sum", metric.Histogram.GetSampleSum())
		add("_count", count)
	}
}

// labelText returns labels as Prometheus's text format has them, with a bucket's bound at the end, if there is one.
func labelText(labels []*dto.LabelPair, bound ...string) string {
	var pairs []string
	for _, label := range labels {
		pairs = append(pairs, label.GetName()+`="`+escapeLabel.Replace(label.GetValue())+`"`)
	}
	for _, le := range bound {
		pairs = append(pairs, `le="`+le+`"`)
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
