package connectors_test

import (
	"os/exec"
	"testing"
)

// BenchmarkUpdate is a call on a warm connection, with the lines to and from the program that makes it: of one update, and
// of a hundred.
func BenchmarkUpdate(b *testing.B) {
	hundred := make([]any, 100)
	for i := range hundred {
		hundred[i] = map[string]any{"path": "a", "message": i}
	}
	for _, l := range languages {
		if _, err := exec.LookPath(l.needs); err != nil {
			continue
		}
		for name, call := range map[string]func(*driver) outcome{
			"one":     func(d *driver) outcome { return d.update("a", 1) },
			"hundred": func(d *driver) outcome { return d.call("updates", map[string]any{"updates": hundred}) },
		} {
			b.Run(l.name+"/"+name, func(b *testing.B) {
				d := l.start(b, serve(b).ingest, "")
				call(d)
				for b.Loop() {
					if o := call(d); o.Error != nil {
						b.Fatalf("%+v", *o.Error)
					}
				}
			})
		}
	}
}
