package main

import (
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// progress is a line that shows how far something long has come, on a terminal; anywhere else it shows nothing.
type progress struct {
	w     io.Writer
	width int // of what is shown now, in characters
}

func newProgress(w io.Writer) *progress {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return &progress{w: w}
	}
	return &progress{}
}

// show draws over what was drawn before.
func (p *progress) show(format string, args ...any) {
	if p.w == nil {
		return
	}
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(p.w, "\r%-*s", p.width, text)
	p.width = max(p.width, utf8.RuneCountInString(text))
}

// clear takes the line away.
func (p *progress) clear() {
	if p.width > 0 {
		fmt.Fprintf(p.w, "\r%*s\r", p.width, "")
		p.width = 0
	}
}
