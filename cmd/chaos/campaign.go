package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// campaign is several runs.
type campaign struct {
	*options
	keeps    bool     // the daemon keeps sessions over a restart
	settings []string // variables of its environment

	mu     sync.Mutex // guards what follows
	ran    int
	tally  Tally
	faults map[string]int
	failed []string
}

// named is a schedule and what it is called.
type named struct {
	*Schedule
	name string
}

// schedules returns what the options ask for.
func (c *campaign) schedules() ([]named, error) {
	switch {
	case c.schedule != "":
		file, err := os.Open(c.schedule)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		s, err := parseSchedule(file)
		return []named{{s, filepath.Base(c.schedule)}}, err
	case c.seed != 0:
		return []named{c.seeded(c.seed)}, nil
	}
	var list []named
	for i := range c.seeds {
		list = append(list, c.seeded(c.first+uint64(i)))
	}
	return list, nil
}

func (c *campaign) seeded(seed uint64) named {
	return named{generate(seed, c.keeps), fmt.Sprintf("seed %d", seed)}
}

var errViolations = errors.New("a promise was broken")

// all runs schedules, several at a time, and prints what came of them.
func (c *campaign) all(ctx context.Context, schedules []named) error {
	began := time.Now()
	c.faults = make(map[string]int)
	work := make(chan named)
	var workers sync.WaitGroup
	var failure error
	for range c.parallel {
		workers.Go(func() {
			for s := range work {
				if err := c.one(ctx, s, len(schedules)); err != nil {
					c.mu.Lock()
					failure = err
					c.mu.Unlock()
				}
			}
		})
	}
	for _, s := range schedules {
		if ctx.Err() == nil {
			work <- s
		}
	}
	close(work)
	workers.Wait()
	c.report(time.Since(began))
	if failure == nil && len(c.failed) > 0 {
		failure = errViolations
	}
	return failure
}

// one runs one schedule.
func (c *campaign) one(ctx context.Context, s named, of int) error {
	o, err := perform(ctx, c.binary, c.keeps, s.Schedule, c.settings...)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	c.mu.Lock()
	c.ran++
	c.tally.add(o.Tally)
	for kind, n := range o.History.Faults {
		c.faults[kind] += n
	}
	fmt.Fprintf(os.Stderr, "\r%d of %d: %s, %d client-updates  ", c.ran, of, s.name, o.Tally.total())
	c.mu.Unlock()
	if len(o.Violations) == 0 {
		return nil
	}
	return c.failure(ctx, s, o)
}

// failure shows a run that failed, and looks for a shorter schedule.
func (c *campaign) failure(ctx context.Context, s named, o *Outcome) error {
	shorter := c.shorter(ctx, s.Schedule, o)
	path := filepath.Join(c.out, strings.ReplaceAll(strings.TrimSuffix(s.name, ".txt"), " ", "-")+".short.txt")
	if err := os.WriteFile(path, []byte(shorter.schedule.String()), 0o600); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = append(c.failed, s.name)
	fmt.Printf("\n\n%s: %d violations. The first of them:\n%s\n", s.name, len(o.Violations), describe(o))
	fmt.Printf("The shortest schedule that fails has %d of %d steps, and is in %s:\n\n%s\n", len(shorter.schedule.Steps),
		len(s.Steps), path, shorter.schedule)
	if shorter.outcome != o {
		fmt.Printf("What it shows:\n%s\n", describe(shorter.outcome))
	}
	return nil
}

// shorter looks for a shorter schedule that fails.
func (c *campaign) shorter(ctx context.Context, s *Schedule, o *Outcome) *shrinking {
	fails := func(candidate *Schedule) *Outcome {
		again, err := perform(ctx, c.binary, c.keeps, candidate, c.settings...)
		if err != nil || len(again.Violations) == 0 {
			return nil
		}
		return again
	}
	x := &shrinking{schedule: s, outcome: o, fails: fails, parallel: c.parallel, until: time.Now().Add(c.shrink)}
	x.shrink()
	return x
}

// report prints the table at the end.
func (c *campaign) report(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Printf("\n\n%-28s%10d   in %v\n", "runs", c.ran, took.Round(time.Second))
	fmt.Printf("%-28s%10d\n", "client-updates checked", c.tally.total())
	fmt.Printf("%-28s%10d\n", "  delivered", c.tally.Delivered)
	fmt.Printf("%-28s%10d\n", "  covered by a gap mark", c.tally.Gapped)
	fmt.Printf("%-28s%10d\n", "  superseded by a latest one", c.tally.Superseded)
	fmt.Printf("%-28s%10d\n", "receipts checked", c.tally.Receipts)
	fmt.Println("faults injected")
	kinds := make([]string, 0, len(c.faults))
	for kind := range c.faults {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		fmt.Printf("  %-26s%10d\n", kind, c.faults[kind])
	}
	fmt.Printf("%-28s%10d   %s\n", "runs with violations", len(c.failed), strings.Join(c.failed, ", "))
}

// describe tells of the first violation of an outcome, with what its client saw.
func describe(o *Outcome) string {
	v := o.Violations[0]
	text := fmt.Sprintf("  %s\n  expected: %s\n  seen:     %s\n", v.What, v.Want, v.Got)
	if o.Output != "" {
		text += "  rootsd said:\n" + tail(o.Output, 1000)
	}
	if v.Session == nil {
		return text
	}
	return text + fmt.Sprintf("  client %s, %s\n%s", v.Session.Client, v.Session.ID, trace(o.History, v.Session, v.At))
}
