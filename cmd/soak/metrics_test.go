package main

import "testing"

func TestParseValues(t *testing.T) {
	v := parseValues("# HELP a b 1\n# TYPE a gauge\na 1\nb{x=\"y z\",le=\"} 5\"} 2.5e+06\nb{x=\"w\"} 1\nc NaN-ish\n\n")
	if v["a"] != 1 || v[`b{x="y z",le="} 5"}`] != 2.5e6 || v.total("b") != 2500001 || len(v) != 3 {
		t.Errorf("read as %v", v)
	}
}
