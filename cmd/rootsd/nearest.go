package main

import "strings"

// nearest returns the candidate that name is most likely a slip of, or "" where none is close enough to be worth
// naming: a wrong guess sends the reader astray. Capitals, and hyphens for underscores, count as nothing.
func nearest(name string, candidates []string) string {
	name = folded(name)
	best, least := "", 2+min(len(name)/5, 2) // one slip in a short name, up to three in a long one
	for _, candidate := range candidates {
		if len(name)-len(candidate) >= least {
			continue // not worth the time that a very long name would take
		}
		if d := distance(name, folded(candidate)); d < least {
			best, least = candidate, d
		}
	}
	return best
}

func folded(name string) string { return strings.ReplaceAll(strings.ToLower(name), "-", "_") }

// distance counts the slips between a and b: letters missing, added, changed or swapped with their neighbour (optimal
// string alignment).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
