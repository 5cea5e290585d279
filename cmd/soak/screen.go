package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// screen shows on a terminal how far a trial has come, in one line; anywhere else it shows nothing.
type screen struct {
	w     io.Writer
	width int                          // of what is shown now, in characters
	bar   func() (done, total float64) // how far the longest part of the trial is; nil in the others
}

func newScreen(file *os.File) *screen {
	if term.IsTerminal(int(file.Fd())) {
		return &screen{w: file}
	}
	return &screen{}
}

// show draws over what was shown before.
func (s *screen) show(what string, done, total int, more string) {
	s.draw(fmt.Sprintf("%-14s %s %d of %d %s", what, bar(float64(done), float64(total)), done, total, more))
}

// stage shows what is being done, without a bar.
func (s *screen) stage(what string) { s.draw(what) }

// progress shows a bar of times, and what else there is to say.
func (s *screen) progress(more string) {
	if s.bar == nil {
		return
	}
	done, total := s.bar()
	left := time.Duration((total - done) * float64(time.Second)).Round(time.Second)
	s.draw(fmt.Sprintf("%s %v left, %s", bar(done, total), max(left, 0), more))
}

func bar(done, total float64) string {
	const width = 20
	full := int(min(max(done/max(total, 1e-9), 0), 1) * width)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

func (s *screen) draw(text string) {
	if s.w == nil {
		return
	}
	fmt.Fprintf(s.w, "\r%-*s", s.width, text)
	s.width = max(s.width, utf8.RuneCountInString(text))
}

// clear takes the line away.
func (s *screen) clear() {
	if s.width > 0 {
		fmt.Fprintf(s.w, "\r%*s\r", s.width, "")
		s.width = 0
	}
}
