package load

import (
	"context"
	"errors"
	"fmt"
)

// Run does what config says until it is done or ctx ends. What goes wrong before the measured phase is an error: a
// [*ConfigError], a [*FileLimitError], an [*AnswerError] or that of a connection. From then on it is counted. Where ctx
// ends within the measured phase, the result is what came until then, beside ctx's error.
func Run(ctx context.Context, config Config) (*Result, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	e, err := newEngine(config)
	if err != nil {
		return nil, err
	}
	defer e.close()
	defer context.AfterFunc(ctx, func() { e.stopped.Store(true) })()
	if err = e.run(); errors.Is(err, errStopped) {
		err = ctx.Err()
	}
	if e.phase < Measure {
		return nil, err
	}
	r := e.sum()
	if ctx.Err() != nil && err != nil {
		r.Lost = 0 // it was on its way
	}
	return r, err
}

// run goes through the phases.
func (e *engine) run() error {
	e.enter(Opening)
	begun := e.now()
	if e.Work != Churn {
		if err := e.openAll(); err != nil {
			return err
		}
	}
	opened := e.now() - begun
	e.enter(Opened)
	if err := e.measure(); err != nil && !errors.Is(err, errStalled) {
		return err
	}
	if e.Work == Park {
		e.took = opened
	}
	e.enter(Measured)
	return nil
}

// measure warms up, and then does the work.
func (e *engine) measure() error {
	work := map[Work]func(limits) error{
		Park: e.park, Broadcast: e.broadcast, Unicast: e.unicast, Publish: e.publishAlone, Churn: e.churn,
	}[e.Work]
	if e.Warmup > 0 && e.Work != Park {
		if err := work(limits{count: e.Warmup}); err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
	}
	e.counts = counts{}
	e.latency.reset()
	e.enter(Measure)
	begun := e.now()
	l := limits{count: e.Count}
	if e.Duration > 0 {
		l.from, l.until = begun, begun+e.Duration
	}
	err := work(l)
	e.took = e.now() - begun
	if errors.Is(err, errStalled) {
		e.took -= e.Patience
	}
	return err
}

// enter begins a phase.
func (e *engine) enter(p Phase) {
	e.phase = p
	e.done, e.total = 0, 0
	if e.Hook != nil {
		e.Hook(p)
	}
}

// sum makes the result.
func (e *engine) sum() *Result {
	r := &Result{
		Work: e.Work, Transport: e.Transport, Clients: e.Clients,
		Messages: e.counts.messages, Deliveries: e.counts.deliveries, Visits: e.counts.visits,
		Seconds: e.took.Seconds(), Latency: e.latency.latency(), Open: e.openings.latency(),
		Lost: max(e.missing, 0), Duplicates: e.counts.duplicates, OutOfOrder: e.counts.outOfOrder, Errors: e.errors,
	}
	if r.Seconds > 0 {
		r.Rate = float64(e.operations()) / r.Seconds
	}
	return r
}

// operations is what Rate is about.
func (e *engine) operations() int {
	switch e.Work {
	case Park:
		return e.Clients
	case Publish:
		return e.counts.messages
	case Churn:
		return e.counts.visits
	}
	return e.counts.deliveries
}
