package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// printResult prints a table, or one JSON object.
func printResult(w io.Writer, r *load.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range resultRows(r) {
		fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
	}
	return t.Flush()
}

// resultRows are the table: what a number is, and the number.
func resultRows(r *load.Result) [][2]string {
	rows := [][2]string{{"work", fmt.Sprintf("%s, %s, %d clients", r.Work, r.Transport, r.Clients)}}
	if r.Work == load.Publish {
		rows[0][1] = "publish"
	}
	rows = append(rows, [2]string{"took", fmt.Sprintf("%.3g s", r.Seconds)})
	if r.Clients > 0 {
		rows = append(rows, [2]string{"opening", spread(r.Open)})
	}
	rate := fmt.Sprintf(", %.0f a second", r.Rate)
	switch r.Work {
	case load.Park:
		rows = append(rows, [2]string{"parked", fmt.Sprint(r.Clients) + rate})
	case load.Publish:
		rows = append(rows, [2]string{"published", fmt.Sprint(r.Messages) + rate}, [2]string{"answer", spread(r.Latency)})
	case load.Churn:
		rows = append(rows, [2]string{"visits", fmt.Sprint(r.Visits) + rate},
			[2]string{"delivered", fmt.Sprint(r.Deliveries)}, [2]string{"latency", spread(r.Latency)})
	default:
		rows = append(rows, [2]string{"published", fmt.Sprint(r.Messages)},
			[2]string{"delivered", fmt.Sprint(r.Deliveries) + rate}, [2]string{"latency", spread(r.Latency)})
	}
	return append(rows, [2]string{"faults", faults(r)})
}

// spread prints a distribution.
func spread(l load.Latency) string {
	return fmt.Sprintf("p50 %s  p90 %s  p99 %s  p99.9 %s  max %s",
		micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max))
}

// micros prints microseconds with three digits.
func micros(n int64) string {
	switch d := time.Duration(n) * time.Microsecond; {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", n)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1000)
	default:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
}

// faults lists what should not have been.
func faults(r *load.Result) string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(r.Lost, "lost")
	add(r.Duplicates, "twice")
	add(r.OutOfOrder, "out of order")
	kinds := make([]string, 0, len(r.Errors))
	for kind := range r.Errors {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		add(r.Errors[kind], fmt.Sprintf("errors (%s)", kind))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

// bar shows how far a run has come.
type bar struct{ *progress }

// phaseNames say what is going on.
var phaseNames = map[load.Phase]string{load.Opening: "opening", load.Opened: "warming up", load.Measure: "measuring"}

const barWidth = 40

func (b bar) show(phase load.Phase, done, total int) {
	if total == 0 {
		return
	}
	full := barWidth * min(done, total) / total
	b.progress.show("%-10s [%s%s] %3d %%", phaseNames[phase],
		strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), 100*min(done, total)/total)
}
