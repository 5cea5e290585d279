package main

import "strings"

// This file says what patterns mean, in the plainest way: it is what the daemon's own is compared with.

// everything is the pattern of a mark that stands for all that a client views.
const everything = "**"

// noticePath is where a client is told that it was disconnected.
const noticePath = "::+::disconnect"

// matches tells whether an update at path is for who is connected to pattern.
func matches(pattern, path string) bool { return covers(pattern, path) }

// covers tells whether pattern stands for all that inner stands for, which may be a path.
func covers(pattern, inner string) bool {
	if pattern == inner {
		return true
	}
	p, q := strings.Split(pattern, "/"), strings.Split(inner, "/")
	if strings.HasPrefix(q[0], "::") && p[0] != q[0] {
		return false
	}
	for i := range p {
		switch {
		case i >= len(q):
			return false
		case p[i] == "**":
			return i == len(p)-1
		case p[i] == "*" && q[i] != "**":
		case p[i] != q[i]:
			return false
		}
	}
	return len(p) == len(q)
}

// standsFor tells whether a blank message at mark says that what is at inner starts afresh.
func standsFor(mark, inner string) bool { return mark == everything || covers(mark, inner) }
