package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// A bench is one run of the program: some works, some peers, some rounds.
type bench struct {
	shop       *workshop
	works      []work
	peers      []peer // those that could be installed
	rounds     int
	serverCore int
	log        io.Writer
}

// readings are what is read around the measured phase of one run of one server.
type readings struct {
	cpu      time.Duration
	wall     time.Duration
	resident int64 // bytes more than before the first client came
	result   *load.Result
	err      error // of the first reading that failed
}

// run does everything. Within a round each work goes to all peers before the next, so that noise hits all alike. With
// an ended ctx it returns what it has.
func (b *bench) run(ctx context.Context) results {
	table := newResults(b.works, b.peers)
	for round := range b.rounds {
		for i := range b.works {
			for j := range b.peers {
				if w, p := &b.works[i], &b.peers[j]; p.does(w) {
					fmt.Fprintf(b.log, "round %d of %d: %-24s %-12s ", round+1, b.rounds, w.name, p.name)
					done := b.one(ctx, w, p)
					if ctx.Err() != nil {
						fmt.Fprintln(b.log, "stopped")
						return table
					}
					table.at(w, p).add(done)
					fmt.Fprintln(b.log, done.text(w.figure))
				}
			}
		}
	}
	return table
}

// one runs a fresh server once.
func (b *bench) one(ctx context.Context, w *work, p *peer) outcome {
	r, err := b.measure(ctx, w, p)
	if err != nil {
		return outcome{problem: err.Error()}
	}
	value, ok := w.value(r)
	return outcome{value: value, measured: ok, problem: problems(r.result)}
}

// measure starts a server, puts it under load and stops it.
func (b *bench) measure(ctx context.Context, w *work, p *peer) (*readings, error) {
	s, err := newSite(b.shop, w)
	if err != nil {
		return nil, err
	}
	defer s.close()
	command, err := p.start(b.shop, s)
	if err != nil {
		return nil, err
	}
	addresses := []string{s.address}
	if p.name == nameRootsd {
		addresses = append(addresses, s.ingest)
	} else {
		s.ingest = s.address
	}
	server, err := startProcess(ctx, b.serverCore, s.dir, command, addresses...)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	debug.FreeOSMemory() // what the run before has left is not collected during this one
	r := &readings{}
	r.result, err = load.Run(ctx, b.config(w, p, s, r.hook(w, server)))
	if err == nil {
		err = r.err
	}
	return r, err
}

// config is what the engine is told.
func (b *bench) config(w *work, p *peer, s *site, hook func(load.Phase)) load.Config {
	transport := w.transport
	if w.kind == load.Publish {
		transport = p.anyTransport(s)
	}
	return load.Config{
		Work: w.kind, Transport: transport, Dialect: p.speak(s, transport),
		Subscribe: s.address, Publish: s.ingest,
		Clients: w.clients, Count: w.count, Warmup: w.warmup(), Burst: max(1, w.burst), Rate: w.rate, Duration: w.hold,
		Busy: true, Hook: hook,
	}
}

// warmup is how many messages go before the measured ones: a tenth, in whole bursts.
func (w *work) warmup() int {
	burst := max(1, w.burst)
	return max(1, w.count/10/burst) * burst
}

// hook reads the clocks as the phases begin.
func (r *readings) hook(w *work, server *process) func(load.Phase) {
	var began time.Time
	return func(phase load.Phase) {
		switch phase {
		case load.Opening:
			r.resident = -r.memory(server)
		case load.Measure:
			time.Sleep(w.settle)
			r.cpu, began = -r.clock(server), time.Now()
		case load.Measured:
			r.cpu += r.clock(server)
			r.wall = time.Since(began)
			r.resident += r.memory(server)
		}
	}
}

func (r *readings) clock(server *process) time.Duration {
	used, err := server.cpu()
	r.note(err)
	return used
}

func (r *readings) memory(server *process) int64 {
	size, err := server.resident()
	r.note(err)
	return size
}

func (r *readings) note(err error) {
	if r.err == nil {
		r.err = err
	}
}

// problems says in a few words what was not right.
func problems(r *load.Result) string {
	var list []string
	for _, count := range []struct {
		n    int
		what string
	}{{r.Lost, "lost"}, {r.Duplicates, "repeated"}, {r.OutOfOrder, "out of order"}} {
		if count.n > 0 {
			list = append(list, grouped(count.n)+" "+count.what)
		}
	}
	for kind, n := range r.Errors {
		list = append(list, grouped(n)+" × "+kind)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
