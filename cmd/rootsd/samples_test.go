package main

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// What the dashboard is told is what /metrics says, line for line, as far as it is shown.
func TestSamplesAreThoseOfMetrics(t *testing.T) {
	d := quietDaemon(t, func(*Config) {})
	defer d.dispatcher.Close()
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "rootsd_h_seconds", Buckets: []float64{0.0005, 0.1, 2.5}})
	for _, seconds := range []float64{0.0001, 0.05, 1, 100} {
		histogram.Observe(seconds)
	}
	labelled := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rootsd_odd_total"}, []string{"b", "a"})
	labelled.WithLabelValues(`x\y`, "two\nlines and \"quotes\"").Add(3)
	labelled.WithLabelValues("", "ü").Add(1.5)
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "go_gc_duration_seconds"})
	summary.Observe(0.25)
	d.metrics.MustRegister(histogram, labelled, summary,
		gauge("process_threads", "", func() int { return 12_000_000 }),
		gauge("go_goroutines", "", func() int { return 7 }),
		gauge("go_memstats_frees", "", func() int { return 1 }),
		gauge("other_total", "", func() int { return 1 }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "rootsd_nan"}, math.NaN))

	var text strings.Builder
	families, err := d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&text, family); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for line := range strings.Lines(text.String()) {
		name := line[:strings.LastIndexByte(line, ' ')]
		if line[0] != '#' && !strings.HasPrefix(line, "go_memstats_frees") && !strings.HasPrefix(line, "other") && name != "rootsd_nan" {
			want = append(want, name)
		}
	}
	samples := d.samples()
	got := slices.Sorted(maps.Keys(samples))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for name, value := range map[string]float64{
		`rootsd_h_seconds_bucket{le="0.0005"}`: 1, `rootsd_h_seconds_bucket{le="2.5"}`: 3, `rootsd_h_seconds_bucket{le="+Inf"}`: 4,
		"rootsd_h_seconds_sum": 101.0501, "rootsd_h_seconds_count": 4, "process_threads": 12_000_000, "go_gc_duration_seconds_sum": 0.25,
		`rootsd_odd_total{a="two\nlines and \"quotes\"",b="x\\y"}`: 3,
	} {
		if samples[name] != value {
			t.Errorf("%s is %v, want %v", name, samples[name], value)
		}
	}
}
