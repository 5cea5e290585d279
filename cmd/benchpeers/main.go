// Benchpeers measures rootsd beside other push servers, on the same work and in one run: see docs/benchmarks.md.
//
// Each run of each server is a fresh process, bound to one core; the load generator, cmd/internal/load, has another one
// and never sleeps on it. The process clock of the server is read as the measured phase begins and ends. peers.go
// has the table of the servers, works.go that of the works; peers/ holds what is built and configured for each, to be
// checked by those who know them better.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/cmd/internal/tool"
)

// options are what the command line says.
type options struct {
	rounds         int
	works, servers []string
	clients        int
	quick          bool
	json, update   string
}

func main() { os.Exit(tool.Run(newCommand(), os.Args[1:])) }

func newCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "benchpeers",
		Short: "Measure rootsd beside other push servers",
		Long: `Benchpeers runs rootsd and other push servers on the same work, each bound to one
core with the load on another, and prints a table in Markdown: medians, spread, and
ratios to nchan and to the least that a server could do. What it needs is built
into bin/peers; what cannot be had is named and left out.

Servers:
` + listPeers() + `
Works:
` + listWorks(),
		Example: `  make bench-peers
  go run ./cmd/benchpeers --quick
  go run ./cmd/benchpeers --servers floor,nchan,rootsd --works poll-5k,sse-5k --rounds 5
  go run ./cmd/benchpeers --works 'memory-*' --clients 2000
  go run ./cmd/benchpeers --update docs/benchmarks.md --json bin/peers/results.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	flags := cmd.Flags()
	flags.IntVar(&o.rounds, "rounds", 3, "how often each server does each work")
	flags.StringSliceVar(&o.works, "works", []string{"*"}, "works to be done; an asterisk stands for any letters")
	flags.StringSliceVar(&o.servers, "servers", []string{"*"}, "servers to be run, likewise")
	flags.IntVar(&o.clients, "clients", 0, "number of clients, whatever the work's own is")
	flags.BoolVar(&o.quick, "quick", false, "one round with a tenth of the clients, to see that it works")
	flags.StringVar(&o.json, "json", "", "file to write all figures to, in JSON")
	flags.StringVar(&o.update, "update", "", "page whose results to replace by these")
	return cmd
}

func listPeers() string {
	var text strings.Builder
	for _, p := range peers {
		fmt.Fprintf(&text, "  %-24s %s\n", p.name, p.about)
	}
	return text.String()
}

func listWorks() string {
	var text strings.Builder
	for _, w := range works {
		fmt.Fprintf(&text, "  %-24s %s\n", w.name, w.about)
	}
	return strings.TrimSuffix(text.String(), "\n")
}

// run installs, measures and reports.
func (o *options) run(ctx context.Context) error {
	b, err := o.bench()
	if err != nil {
		return err
	}
	files, err := raiseFiles()
	if err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	server, generator, err := twoCores()
	if err != nil {
		return err
	}
	if b.shop, err = newWorkshop(files, b.log); err != nil {
		return err
	}
	report := newReport(o)
	b.install(report)
	if err := pinSelf(generator); err != nil {
		return err
	}
	b.serverCore = server
	report.results = b.run(ctx)
	if ctx.Err() != nil {
		o.update = "" // half a run is nothing for a page
	}
	if err := report.deliver(os.Stdout); err != nil {
		return err
	}
	return ctx.Err()
}

// bench makes what the command line asks for.
func (o *options) bench() (*bench, error) {
	b := &bench{rounds: o.rounds, log: os.Stderr}
	if o.quick {
		b.rounds = 1
	}
	if o.rounds < 1 || o.clients < 0 {
		return nil, fmt.Errorf("%w: there must be at least one round, and no less than no clients", tool.ErrUsage)
	}
	chosen, err := choose(works, o.works, func(w work) string { return w.name })
	if err != nil {
		return nil, err
	}
	for _, w := range chosen {
		if o.quick {
			w = w.quick()
		}
		b.works = append(b.works, w.resized(o.clients))
	}
	b.peers, err = choose(peers, o.servers, func(p peer) string { return p.name })
	return b, err
}

// choose returns those whose names are wanted, in their own order.
func choose[T any](all []T, wanted []string, name func(T) string) ([]T, error) {
	var chosen []T
	for _, item := range all {
		if slices.ContainsFunc(wanted, func(pattern string) bool { return covers(pattern, name(item)) }) {
			chosen = append(chosen, item)
		}
	}
	for _, pattern := range wanted {
		if !slices.ContainsFunc(all, func(item T) bool { return covers(pattern, name(item)) }) {
			return nil, fmt.Errorf("%w: there is no %q", tool.ErrUsage, pattern)
		}
	}
	return chosen, nil
}

// covers tells whether a pattern, such as memory-*, stands for a name.
func covers(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// install builds what is to be run, and leaves out what cannot be had.
func (b *bench) install(r *report) {
	b.peers = slices.DeleteFunc(b.peers, func(p peer) bool {
		fmt.Fprintf(b.log, "install %s\n", p.name)
		version, err := p.install(b.shop)
		if err != nil {
			fmt.Fprintf(b.log, "  left out: %v\n", err)
			r.skipped = append(r.skipped, p.name+" ("+firstLine(err.Error())+")")
			return true
		}
		r.versions[p.name] = version
		r.order = append(r.order, p.name)
		return false
	})
}

// A report is what is printed.
type report struct {
	options  *options
	date     time.Time
	versions map[string]string
	order    []string // of the servers
	skipped  []string
	results  results
}

func newReport(o *options) *report {
	return &report{options: o, date: time.Now(), versions: map[string]string{}}
}

// deliver writes the table, and what else was asked for.
func (r *report) deliver(w io.Writer) error {
	var text strings.Builder
	r.writeMarkdown(&text)
	if _, err := io.WriteString(w, text.String()); err != nil {
		return err
	}
	if r.options.json != "" {
		if err := r.saveJSON(r.options.json); err != nil {
			return err
		}
	}
	if r.options.update == "" {
		return nil
	}
	return updatePage(r.options.update, text.String())
}

// writeMarkdown says what was run on what, and the results.
func (r *report) writeMarkdown(w io.Writer) {
	rounds := r.options.rounds
	if r.options.quick {
		rounds = 1
	}
	fmt.Fprintf(w, "%s, %d cores of %s/%s, rounds: %d. Servers: ", r.date.Format("2 January 2006"), runtime.NumCPU(),
		runtime.GOOS, runtime.GOARCH, rounds)
	for i, name := range r.order {
		if i > 0 {
			fmt.Fprintf(w, "; ")
		}
		fmt.Fprintf(w, "%s (%s)", name, r.versions[name])
	}
	fmt.Fprintln(w, ".")
	if len(r.skipped) > 0 {
		fmt.Fprintf(w, "\nLeft out: %s.\n", strings.Join(r.skipped, "; "))
	}
	fmt.Fprintln(w)
	r.results.writeMarkdown(w)
}

func (r *report) saveJSON(name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(r.results.writeJSON(file, r.versions), file.Close())
}

// What a page's results stand between.
const (
	marksBegin = "<!-- results of cmd/benchpeers -->\n"
	marksEnd   = "<!-- end of results -->\n"
)

// updatePage replaces the results on a page.
func updatePage(name, text string) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	updated, err := replaceResults(string(page), text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(name, []byte(updated), 0o644)
}

// replaceResults puts text between the two marks.
func replaceResults(page, text string) (string, error) {
	before, rest, ok := strings.Cut(page, marksBegin)
	_, after, okEnd := strings.Cut(rest, marksEnd)
	if !ok || !okEnd {
		return "", fmt.Errorf("there is no %q with %q after it", strings.TrimSpace(marksBegin), strings.TrimSpace(marksEnd))
	}
	return before + marksBegin + "\n" + text + "\n" + marksEnd + after, nil
}
