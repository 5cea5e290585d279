package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// findings are what a trial has measured, and what was promised of it.
type findings struct {
	rows   []finding
	broken []string // promises
}

type finding struct{ name, value, promise string }

// say notes a figure of which nothing is promised.
func (f *findings) say(name, format string, args ...any) {
	f.rows = append(f.rows, finding{name, fmt.Sprintf(format, args...), ""})
}

// promise notes a figure, and whether it is as it should be.
func (f *findings) promise(name string, kept bool, promise, format string, args ...any) {
	value := fmt.Sprintf(format, args...)
	f.rows = append(f.rows, finding{name, value, promise})
	if !kept {
		f.rows[len(f.rows)-1].promise += "; BROKEN"
		f.broken = append(f.broken, fmt.Sprintf("%s: %s, promised: %s", name, value, promise))
	}
}

// none notes a number that must be 0.
func (f *findings) none(name string, n int) { f.promise(name, n == 0, "0", "%d", n) }

func (f *findings) write(w io.Writer, title string) error {
	fmt.Fprintf(w, "\n%s\n", title)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range f.rows {
		if row.promise != "" {
			row.value += "  (promised: " + row.promise + ")"
		}
		fmt.Fprintf(table, "  %s\t%s\n", row.name, row.value)
	}
	return table.Flush()
}

// verdict is an error if a promise was broken.
func (f *findings) verdict() error {
	if len(f.broken) == 0 {
		return nil
	}
	return errors.New("broken: " + strings.Join(f.broken, "; "))
}
