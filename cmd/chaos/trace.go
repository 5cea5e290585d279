package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// line is one of a trace.
type line struct {
	at   time.Duration
	text string
}

// traceLines is how many lines of a trace are shown.
const traceLines = 80

// trace tells what happened to a session, in the order of time; around at, if that is long.
func trace(h *History, s *Session, at time.Duration) string {
	var lines []line
	for _, o := range s.Ops {
		fate := [...]string{"its answer lost", "done", "refused"}[o.Fate]
		if o.When.to != never {
			fate += fmt.Sprint(" by ", round(o.When.to))
		}
		text := fmt.Sprintf("%s %s (for %v), by %s: %s", o.Verb, o.Pattern, o.For, o.By, fate)
		lines = append(lines, line{o.When.from, text})
	}
	for _, c := range s.Cames {
		from := "nothing"
		if c.From != nil {
			from = fmt.Sprint("cursor ", c.From.Cursor)
		}
		lines = append(lines, line{c.At, fmt.Sprintf("request %d, %s, with %s%s", c.Number, c.Form, from, query(c.Paths))})
	}
	for _, g := range s.Gots {
		lines = append(lines, line{g.At, fmt.Sprintf("to request %d, up to cursor %d: %s", g.Came.Number, g.Cursor,
			short(g.Entries))})
	}
	for _, n := range s.Notes {
		lines = append(lines, line{n.At, n.Text})
	}
	for _, l := range h.Lost {
		lines = append(lines, line{l.from, fmt.Sprintf("the daemon loses its sessions, until %v", round(l.to))})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.at - b.at) })
	return around(lines, at)
}

// around writes the lines around at.
func around(lines []line, at time.Duration) string {
	var b strings.Builder
	first := slices.IndexFunc(lines, func(l line) bool { return l.at >= at })
	first = max(min(first-traceLines/2, len(lines)-traceLines), 0)
	last := min(first+traceLines, len(lines))
	fmt.Fprintf(&b, "    (lines %d to %d of %d)\n", first+1, last, len(lines))
	for _, l := range lines[first:last] {
		fmt.Fprintf(&b, "    %8v %s\n", round(l.at), l.text)
	}
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// short shows entries in few words.
func short(entries []Entry) string {
	var words []string
	for i := range entries {
		e := &entries[i]
		message := strings.TrimPrefix(string(e.Message), `{"n":`)
		if len(message) > 12 && e.Path != noticePath {
			message = message[:12] + "…"
		}
		if e.Gap != "" {
			message = "(" + e.Gap + ")"
		}
		words = append(words, e.Path+":"+strings.TrimSuffix(message, "}"))
	}
	if n := len(words); n > 24 {
		words = append(append(words[:12], fmt.Sprintf("… %d …", n-24)), words[n-12:]...)
	}
	return strings.Join(words, " ")
}
