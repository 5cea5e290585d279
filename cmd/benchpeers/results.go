package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// results are the rows of the table, by work and peer.
type results []row

// A row is what all peers did with one work.
type row struct {
	work  *work
	cells []*cell
}

// A cell is what one peer did with one work.
type cell struct {
	work     *work
	peer     *peer
	values   []float64 // one a round, but for rounds without
	problems []string  // one a round; "" for what went well
}

func newResults(works []work, peers []peer) results {
	var table results
	for i := range works {
		r := row{work: &works[i]}
		for j := range peers {
			r.cells = append(r.cells, &cell{work: r.work, peer: &peers[j]})
		}
		table = append(table, r)
	}
	return table
}

// at finds a cell.
func (t results) at(w *work, p *peer) *cell {
	for _, r := range t {
		if r.work == w {
			return r.of(p.name)
		}
	}
	return nil
}

// of finds the cell of a peer; nil where it was left out.
func (r *row) of(name string) *cell {
	i := slices.IndexFunc(r.cells, func(c *cell) bool { return c.peer.name == name })
	if i < 0 {
		return nil
	}
	return r.cells[i]
}

// An outcome is what came of one run of one server.
type outcome struct {
	value    float64
	measured bool   // whether there is a value; a server that did not start has none
	problem  string // what was lost, or failed; "" for a run that went well
}

// text says it in a line.
func (o outcome) text(f *figure) string {
	if !o.measured {
		return "failed: " + o.problem
	}
	return strings.TrimSpace(f.format(o.value) + " " + f.unit + " " + o.problem)
}

// add takes what came of a round.
func (c *cell) add(o outcome) {
	if o.measured {
		c.values = append(c.values, o.value)
	}
	c.problems = append(c.problems, o.problem)
}

// median returns the middle value, or the mean of the two in the middle; ok is false if there is none.
func (c *cell) median() (value float64, ok bool) {
	if c == nil || len(c.values) == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(c.values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half], true
	}
	return (sorted[half-1] + sorted[half]) / 2, true
}

// isClean tells whether every round went well.
func (c *cell) isClean() bool { return strings.Join(c.problems, "") == "" }

func (c *cell) format(value float64) string { return c.work.figure.format(value) }

func (f *figure) format(value float64) string {
	if f.decimals == 0 {
		return grouped(int(math.Round(value)))
	}
	return strconv.FormatFloat(value, 'f', f.decimals, 64)
}

// text is the median as it stands in the table, with an asterisk if something was wrong.
func (c *cell) text() string {
	value, ok := c.median()
	switch {
	case !ok && c.isClean():
		return "–"
	case !ok:
		return "failed*"
	case !c.isClean():
		return c.format(value) + "*"
	}
	return c.format(value)
}

// spread is the least and the most of the rounds.
func (c *cell) spread() string {
	return c.format(slices.Min(c.values)) + "–" + c.format(slices.Max(c.values))
}

// ratio compares the medians of two cells.
func (c *cell) ratio(to *cell) string {
	value, ok := c.median()
	other, okOther := to.median()
	if !ok || !okOther || other == 0 {
		return "–"
	}
	return strconv.FormatFloat(value/other, 'f', 2, 64)
}

// writeMarkdown writes the medians at a glance, then every cell with its spread and ratios, then what went wrong.
func (t results) writeMarkdown(w io.Writer) {
	t.writeMedians(w)
	fmt.Fprintln(w)
	t.writeDetails(w)
	t.writeProblems(w)
}

func (t results) writeMedians(w io.Writer) {
	if len(t) == 0 {
		return
	}
	head, line := "| work | unit |", "|---|---|"
	for _, c := range t[0].cells {
		head += " " + c.peer.name + " |"
		line += "---:|"
	}
	fmt.Fprintf(w, "Medians:\n\n%s\n%s\n", head, line)
	for _, r := range t {
		fmt.Fprintf(w, "| %s | %s |", r.work.about, r.work.figure.unit)
		for _, c := range r.cells {
			fmt.Fprintf(w, " %s |", c.text())
		}
		fmt.Fprintln(w)
	}
}

func (t results) writeDetails(w io.Writer) {
	fmt.Fprintf(w, "Spread of the rounds, and ratios of the medians:\n\n"+
		"| work | server | median | least–most | of nchan | of the floor |\n|---|---|---:|---:|---:|---:|\n")
	for _, r := range t {
		floor := r.of(nameFloor)
		if r.work.figure == bytesPerClient {
			floor = nil // it keeps next to nothing
		}
		for _, c := range r.cells {
			if len(c.values) > 0 {
				fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", r.work.name, c.peer.name, c.text(), c.spread(),
					c.ratio(r.of(nameNchan)), c.ratio(floor))
			}
		}
	}
}

func (t results) writeProblems(w io.Writer) {
	fmt.Fprintln(w)
	wrong := 0
	for _, r := range t {
		for _, c := range r.cells {
			for round, problem := range c.problems {
				if problem != "" {
					wrong++
					fmt.Fprintf(w, "- * %s, %s, round %d: %s\n", r.work.name, c.peer.name, round+1, firstLine(problem))
				}
			}
		}
	}
	if wrong == 0 {
		fmt.Fprintln(w, "No message was lost, repeated or out of order in any run.")
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// cellJSON is a cell in JSON.
type cellJSON struct {
	Work     string    `json:"work"`
	Server   string    `json:"server"`
	Unit     string    `json:"unit"`
	Median   float64   `json:"median"`
	Rounds   []float64 `json:"rounds"`
	Problems []string  `json:"problems,omitempty"`
}

// writeJSON writes all cells, and the versions of the servers, as one object.
func (t results) writeJSON(w io.Writer, versions map[string]string) error {
	cells := []cellJSON{}
	for _, r := range t {
		for _, c := range r.cells {
			median, ok := c.median()
			if !ok && c.isClean() {
				continue
			}
			j := cellJSON{Work: r.work.name, Server: c.peer.name, Unit: r.work.figure.unit, Median: median, Rounds: c.values}
			if !c.isClean() {
				j.Problems = c.problems
			}
			cells = append(cells, j)
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"servers": versions, "results": cells})
}

// grouped writes a number with commas.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
