package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

func TestMicros(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 µs", 999: "999 µs", 1000: "1 ms", 51_234: "51.2 ms", 999_400: "999 ms", 2_500_000: "2.5 s",
	} {
		if got := micros(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestFaults(t *testing.T) {
	r := load.Result{Lost: 3, OutOfOrder: 1, Errors: map[string]int{"gap": 2, "closed": 1}}
	if got, want := faults(&r), "3 lost, 1 out of order, 1 errors (closed), 2 errors (gap)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The bar is drawn over itself and taken away; where there is no terminal, there is none.
func TestBar(t *testing.T) {
	var screen bytes.Buffer
	b := bar{&progress{w: &screen}}
	b.show(load.Measure, 1, 4)
	if got := screen.String(); got != "\rmeasuring  ["+strings.Repeat("=", 10)+strings.Repeat(" ", 30)+"]  25 %" {
		t.Errorf("got %q", got)
	}
	b.clear()
	if got := screen.String(); !strings.HasSuffix(got, " \r") {
		t.Errorf("it is left as %q", got)
	}
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	none := bar{newProgress(file)}
	none.show(load.Measure, 1, 4)
	none.clear()
	if info, err := file.Stat(); err != nil || info.Size() != 0 {
		t.Errorf("a file has %d bytes, %v", info.Size(), err)
	}
}
