package dispatch

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestCoversIsWhatMatchesSays compares Covers with what it stands for: every path that the one matches, the other does.
func TestCoversIsWhatMatchesSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, other := anyPattern.Draw(t, "pattern"), anyPattern.Draw(t, "other")
		if !p.Covers(p) || !other.Covers(other) {
			t.Fatalf("%q or %q does not cover itself", p, other)
		}
		covers := p.Covers(other)
		if path := anyPath.Draw(t, "path"); covers && other.Matches(path) && !p.Matches(path) {
			t.Fatalf("%q covers %q and does not match %q", p, other, path)
		}
		// Where it does not cover, it does not match one of these, in which wildcards stand for new text.
		all := true
		for _, path := range witnesses(other) {
			if !other.Matches(path) {
				t.Fatalf("%q does not match %q", other, path)
			}
			all = all && p.Matches(path)
		}
		if all != covers {
			t.Fatalf("%q covers %q = %v, and all it matches = %v", p, other, covers, all)
		}
	})
}

// witnesses returns paths that p matches, and that no other pattern matches by chance.
func witnesses(p Pattern) []Path {
	segments := strings.Split(string(p), "/")
	for i, segment := range segments {
		if segment == "*" {
			segments[i] = "new"
		}
	}
	last := len(segments) - 1
	if segments[last] != "**" {
		return []Path{Path(strings.Join(segments, "/"))}
	}
	var paths []Path
	for _, tail := range []string{"new", "new/new", "new/new/new/new/new"} {
		segments[last] = tail
		paths = append(paths, Path(strings.Join(segments, "/")))
	}
	return paths
}

func TestWildAndSystem(t *testing.T) {
	tests := []struct {
		pattern      Pattern
		wild, system bool
	}{
		{"a/b", false, false},
		{"*", true, false},
		{"**", true, false},
		{"a/*/b", true, false},
		{"a/**", true, false},
		{"a*/*b/***", false, false},
		{"::a", false, true},
		{"::", false, true},
		{"::a/*", true, true},
		{":a", false, false},
		{"a/::b", false, false},
	}
	for _, test := range tests {
		if got := test.pattern.Wild(); got != test.wild {
			t.Errorf("%q is wild = %v, want %v", test.pattern, got, test.wild)
		}
		if got := test.pattern.System(); got != test.system {
			t.Errorf("%q is the system's = %v, want %v", test.pattern, got, test.system)
		}
		if got := Path(test.pattern).System(); got != test.system {
			t.Errorf("the path %q is the system's = %v, want %v", test.pattern, got, test.system)
		}
	}
}
