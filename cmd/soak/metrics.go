package main

import (
	"strconv"
	"strings"
)

// values are a page of metrics: by name with labels as they are written there.
type values map[string]float64

// parseValues reads the text format of Prometheus; what is no number is left out.
func parseValues(text string) values {
	v := make(values)
	for line := range strings.Lines(text) {
		name, number, ok := strings.Cut(strings.TrimSpace(line), " ")
		if i := strings.LastIndexByte(line, '}'); i >= 0 && !strings.HasPrefix(line, "#") {
			name, number, ok = line[:i+1], strings.TrimSpace(line[i+1:]), true
		}
		if n, err := strconv.ParseFloat(number, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			v[name] = n
		}
	}
	return v
}

// total adds up what has this name, whatever its labels.
func (v values) total(name string) (sum float64) {
	for key, n := range v {
		if key == name || strings.HasPrefix(key, name+"{") {
			sum += n
		}
	}
	return sum
}

// goMemory is all that Go has of the system and has not given back: what GOMEMLIMIT is about.
func (v values) goMemory() float64 {
	return v["go_memstats_sys_bytes"] - v["go_memstats_heap_released_bytes"]
}
