//go:build linux

package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"
)

// write prints what came of the run.
func (s *soak) write(w io.Writer) error {
	t := &s.crowd.tally
	samples, _ := s.sampler.all()
	var resident, goMemory, queued, sessions float64
	for _, one := range samples {
		resident, goMemory = max(resident, one.resident), max(goMemory, one.goMemory)
		queued, sessions = max(queued, one.queued), max(sessions, one.sessions)
	}
	last := s.sampler.last()
	ceiling := float64(s.bounds.ceiling())
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("clients", "%d, of which %d listened at a time at the most; %.0f sessions", s.clients, s.most, sessions)
	row("deliveries", "%d checked; %.0f in all", t.deliveries, last.delivered)
	row("calls of back-ends", "%d", t.calls)
	row("latency", "p50 %v, p99 %v, p99.9 %v, most %v (long-polls wait for up to 50 ms: push.bundle)",
		percentile(s.whole, 50), percentile(s.whole, 99), percentile(s.whole, 99.9), percentile(s.whole, 100))
	row("gap marks", "%s", counts(t.marks))
	row("sessions not known any more", "%d", t.lost)
	row("leases that ran out", "%d", t.lapsed)
	row("told to come later", "%d", t.later)
	row("connections broken", "%s", counts(t.broken))
	row("memory, most resident", "%s, %.0f %% of the ceiling (%s at a sample)",
		size(s.peak), 100*float64(s.peak)/ceiling, size(int64(resident)))
	row("memory of Go, most", "%s, %.0f %% of the ceiling", size(int64(goMemory)), 100*goMemory/ceiling)
	row("bytes in queues, most", "%s of %s", size(int64(queued)), size(int64(s.bounds.queueTotal)))
	row("CPU of the daemon", "%v in %v", last.cpu.Round(time.Millisecond), s.crowd.now().Round(time.Second))
	for _, name := range slices.Sorted(maps.Keys(s.acts)) {
		row(name, "%d times", s.acts[name])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return s.writeFootprints(w)
}

// writeFootprints prints what there was before, and what is left.
func (s *soak) writeFootprints(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\n  left when all have gone\tbefore\tafter\n")
	for _, name := range slices.Sorted(maps.Keys(s.after)) {
		show := func(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }
		if name == "heap" {
			show = func(n float64) string { return size(int64(n)) }
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", name, show(s.before[name]), show(s.after[name]))
	}
	return table.Flush()
}

// figure draws the run.
func (s *soak) figure() *plot {
	samples, _ := s.sampler.all()
	line := func(name string, value func(*sample) float64) curve {
		c := curve{name: name}
		for i := range samples {
			c.points = append(c.points, point{samples[i].at.Seconds(), value(&samples[i])})
		}
		return c
	}
	const mib = 1 << 20
	return &plot{
		title: fmt.Sprintf("rootsd under %d clients that come, listen, stall, move and vanish, for %.3g minutes",
			s.clients, s.length.Minutes()),
		end: s.sampler.last().at.Seconds(),
		panels: []panel{
			{"memory", "MiB", []curve{
				line("resident", func(o *sample) float64 { return o.resident / mib }),
				line("Go, all", func(o *sample) float64 { return o.goMemory / mib }),
				line("Go, objects", func(o *sample) float64 { return o.heap / mib }),
			}, &limit{"ceiling", float64(s.bounds.ceiling()) / mib}},
			{"clients", "thousands", []curve{
				line("sessions", func(o *sample) float64 { return o.sessions / 1000 }),
				line("connections", func(o *sample) float64 { return o.connections / 1000 }),
			}, nil},
			{"goroutines", "number", []curve{line("goroutines", func(o *sample) float64 { return o.goroutines })}, nil},
			{"latency, due to received", "ms", []curve{
				line("p50", func(o *sample) float64 { return o.p50.Seconds() * 1000 }),
				line("p99", func(o *sample) float64 { return o.p99.Seconds() * 1000 }),
			}, nil},
			{"updates in queues", "MiB", []curve{
				line("waiting", func(o *sample) float64 { return o.queued / mib }),
			}, &limit{"push.queue.total", float64(s.bounds.queueTotal) / mib}},
		},
	}
}

// writeSamples writes all samples as CSV: seconds, bytes and numbers; latencies in milliseconds.
func (s *soak) writeSamples(w io.Writer) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"seconds", "resident", "go_memory", "heap", "ceiling", "goroutines", "connections", "sessions",
		"parked", "queue_messages", "queue_bytes", "gapped", "delivered", "cpu_seconds", "p50_ms", "p99_ms"})
	samples, _ := s.sampler.all()
	for _, o := range samples {
		var row []string
		for _, n := range []float64{o.at.Seconds(), o.resident, o.goMemory, o.heap, float64(s.bounds.ceiling()), o.goroutines,
			o.connections, o.sessions, o.parked, o.messages, o.queued, o.gapped, o.delivered, o.cpu.Seconds(),
			o.p50.Seconds() * 1000, o.p99.Seconds() * 1000} {
			row = append(row, strconv.FormatFloat(n, 'f', -1, 64))
		}
		_ = out.Write(row) // its error is kept for Error
	}
	out.Flush()
	return out.Error()
}
