package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tally counts what happened to clients and callers.
type tally struct {
	deliveries int // of numbered updates
	lost       int // sessions that were not known any more when their client came back
	paced      int // hints to wait before the back-end is asked
	hints      int // hints to come back later
	later      int // 503 and 429
	lapsed     int // connections whose lease ran out

	calls        int // of back-ends, answered
	callsRefused int // connections that were refused
	callsCut     int // sent, and not answered
	callsLater   int // answered 503 or 429

	marks   map[string]int // by reason
	broken  map[string]int // connections of clients, by what ended them
	flaws   map[flaw]int
	details []string // of the first flaws
}

func newTally() tally {
	return tally{marks: map[string]int{}, broken: map[string]int{}, flaws: map[flaw]int{}}
}

// shownFlaws is of how many flaws the details are kept.
const shownFlaws = 20

// note counts a flaw.
func (t *tally) note(f flaw, detail string) {
	t.flaws[f]++
	if len(t.details) < shownFlaws {
		t.details = append(t.details, string(f)+": "+detail)
	}
}

// trouble is an error that says what went wrong with connections.
func (t *tally) trouble() error {
	text := fmt.Sprintf("broken connections: %s; told to come later: %d; calls refused: %d, cut: %d, told to come later: %d",
		counts(t.broken), t.later, t.callsRefused, t.callsCut, t.callsLater)
	return errors.Join(errors.New(text), t.verdict())
}

// verdict is an error that names the promises that were broken; nil if none was.
func (t *tally) verdict() error {
	var errs []error
	for _, f := range slices.Sorted(maps.Keys(t.flaws)) {
		errs = append(errs, fmt.Errorf("%s: %d times", f, t.flaws[f]))
	}
	if len(t.details) > 0 {
		errs = append(errs, errors.New("the first of them:\n  "+strings.Join(t.details, "\n  ")))
	}
	return errors.Join(errs...)
}

// counts writes numbers by name in the order of their names; "none" if there are none.
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}

// sum adds numbers up.
func sum[K comparable](m map[K]int) (n int) {
	for _, k := range m {
		n += k
	}
	return n
}
