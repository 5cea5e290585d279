package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// plantedFaults are the faults that a rootsd has which was built with the tag "planted".
var plantedFaults = []string{
	"skip-cursor", "drop-on-retry", "reorder", "forget-gap", "forget-faded", "sent-latest", "tell-excepted", "no-blank",
	"after-disconnect", "repeat-after-restart", "lose-permit", "lose-subscription",
}

// plantedSeeds is within how many seeds each has to be caught.
const plantedSeeds = 50

// planted looks for planted faults, and prints by which seed each was caught.
func (c *campaign) planted(ctx context.Context) error {
	list := plantedFaults
	if c.options.planted != "all" {
		list = strings.Split(c.options.planted, ",")
	}
	fmt.Printf("%-22s%10s%10s%10s  %s\n", "fault", "seed", "steps", "shrunk", "as")
	missed := 0
	for _, fault := range list {
		c.settings = []string{"ROOTS_PLANTED=" + fault}
		caught, err := c.hunt(ctx, fault)
		if err != nil {
			return err
		}
		if !caught {
			missed++
			fmt.Printf("%-22s%10s\n", fault, "missed")
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d planted faults were not caught within %d seeds", missed, len(list), plantedSeeds)
	}
	return nil
}

// hunt runs seeds until one catches the fault.
func (c *campaign) hunt(ctx context.Context, fault string) (caught bool, err error) {
	for seed := c.first; seed < c.first+plantedSeeds; seed++ {
		s := c.seeded(seed)
		o, err := perform(ctx, c.binary, c.keeps, s.Schedule, c.settings...)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(os.Stderr, "\r%s: %s  \r", fault, s.name)
		if len(o.Violations) == 0 {
			continue
		}
		began := time.Now()
		x := c.shorter(ctx, s.Schedule, o)
		fmt.Printf("%-22s%10d%10d%10d  %s (%v of shrinking)\n", fault, seed, len(s.Steps), len(x.schedule.Steps),
			o.Violations[0].What, time.Since(began).Round(time.Second))
		return true, nil
	}
	return false, nil
}
