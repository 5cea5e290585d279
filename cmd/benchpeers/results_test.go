package main

import (
	"strings"
	"testing"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

func TestMedian(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
		ok     bool
	}{
		{nil, 0, false},
		{[]float64{3}, 3, true},
		{[]float64{9, 1, 2}, 2, true},
		{[]float64{4, 1, 2, 9}, 3, true},
	}
	for _, test := range tests {
		c := &cell{values: test.values}
		if got, ok := c.median(); got != test.want || ok != test.ok {
			t.Errorf("median of %v is %v, %v; want %v, %v", test.values, got, ok, test.want, test.ok)
		}
	}
}

func TestGrouped(t *testing.T) {
	tests := map[int]string{
		0: "0", 999: "999", 1000: "1,000", 19000: "19,000", 1234567: "1,234,567", -100: "-100", -1000: "-1,000",
	}
	for n, want := range tests {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	works := []work{
		{name: "broadcast", about: "a broadcast", figure: cpuPerDelivery},
		{name: "memory", about: "memory", figure: bytesPerClient},
	}
	table := newResults(works, []peer{{name: nameFloor}, {name: "rootsd"}, {name: nameNchan}})
	for _, value := range []float64{6, 4, 5} {
		table.at(&works[0], &peer{name: nameFloor}).add(outcome{value: value, measured: true})
		table.at(&works[0], &peer{name: nameNchan}).add(outcome{value: 2 * value, measured: true, problem: "1 lost"})
	}
	table.at(&works[1], &peer{name: "rootsd"}).add(outcome{value: 1234.4, measured: true})
	table.at(&works[1], &peer{name: nameNchan}).add(outcome{problem: "it has ended\nwith details"})
	var got strings.Builder
	table.writeMarkdown(&got)
	want := `Medians:

| work | unit | floor | rootsd | nchan |
|---|---|---:|---:|---:|
| a broadcast | µs of CPU a delivery | 5.00 | – | 10.00* |
| memory | bytes a client | – | 1,234 | failed* |

Spread of the rounds, and ratios of the medians:

| work | server | median | least–most | of nchan | of the floor |
|---|---|---:|---:|---:|---:|
| broadcast | floor | 5.00 | 4.00–6.00 | 0.50 | 1.00 |
| broadcast | nchan | 10.00* | 8.00–12.00 | 1.00 | 2.00 |
| memory | rootsd | 1,234 | 1,234–1,234 | – | – |

- * broadcast, nchan, round 1: 1 lost
- * broadcast, nchan, round 2: 1 lost
- * broadcast, nchan, round 3: 1 lost
- * memory, nchan, round 1: it has ended
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestProblems(t *testing.T) {
	if got := problems(&load.Result{}); got != "" {
		t.Errorf("a clean run has problems: %q", got)
	}
	got := problems(&load.Result{Lost: 1200, Errors: map[string]int{"gap": 2}})
	if want := "1,200 lost, 2 × gap"; got != want {
		t.Errorf("problems are %q, want %q", got, want)
	}
}

func TestReplaceResults(t *testing.T) {
	page := "before\n" + marksBegin + "old\n" + marksEnd + "after\n"
	got, err := replaceResults(page, "new")
	if want := "before\n" + marksBegin + "\nnew\n" + marksEnd + "after\n"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, page := range []string{"", marksBegin, marksEnd + marksBegin} {
		if _, err := replaceResults(page, "new"); err == nil {
			t.Errorf("%q has no place for results, but some were put there", page)
		}
	}
}

func TestChoose(t *testing.T) {
	all := []string{"poll-5k", "poll-10k", "sse-5k"}
	self := func(s string) string { return s }
	tests := map[string]string{"*": "poll-5k poll-10k sse-5k", "poll-*": "poll-5k poll-10k", "*-5k": "poll-5k sse-5k"}
	for wanted, want := range tests {
		got, err := choose(all, []string{wanted}, self)
		if strings.Join(got, " ") != want || err != nil {
			t.Errorf("%q chooses %v, %v; want %s", wanted, got, err, want)
		}
	}
	if _, err := choose(all, []string{"poll-5k", "ws-5k"}, self); err == nil {
		t.Error("a name that there is not is taken")
	}
}

func TestNames(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range works {
		if seen[w.name] {
			t.Errorf("two works are called %s", w.name)
		}
		seen[w.name] = true
		if burst := max(1, w.burst); w.count%burst != 0 || w.warmup()%burst != 0 {
			t.Errorf("%s has %d messages after %d in bursts of %d", w.name, w.count, w.warmup(), burst)
		}
	}
}
