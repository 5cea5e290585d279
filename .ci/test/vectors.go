package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// counts says how many cases of each file of docs/vectors were run.
type counts map[string]int

var count = regexp.MustCompile(`(\w+) (\d+)`)

// read finds lines such as "vectors: path 119, match 86" in what tests say.
func (c counts) read(text string) {
	for line := range strings.Lines(text) {
		_, list, ok := strings.Cut(line, "vectors: ")
		if !ok {
			continue
		}
		for _, match := range count.FindAllStringSubmatch(list, -1) {
			c[match[1]], _ = strconv.Atoi(match[2]) // digits
		}
	}
}

// compare adds what a suite has run to what others have, and returns how many files it has run another number of cases of.
func (c counts) compare(suite suite, of counts) (different int) {
	for _, file := range suite.vectors {
		if of[file] == 0 {
			fmt.Printf("FAIL %s runs no case of docs/vectors/%s.json\n", suite.name, file)
			different++
		}
	}
	for _, file := range slices.Sorted(maps.Keys(of)) {
		if c[file] == 0 {
			c[file] = of[file]
		}
		if c[file] != of[file] {
			fmt.Printf("FAIL %s runs %d cases of docs/vectors/%s.json, others %d\n", suite.name, of[file], file, c[file])
			different++
		}
	}
	return different
}
