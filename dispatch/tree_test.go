package dispatch

import (
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// Few segments, so that patterns and paths meet often.
var (
	anySegment = rapid.SampledFrom([]string{"a", "b", "c", "::a", "::", "*x", "***"})
	anyPath    = rapid.Custom(func(t *rapid.T) Path {
		return Path(strings.Join(rapid.SliceOfN(anySegment, 1, 4).Draw(t, "segments"), "/"))
	})
	anyPattern = rapid.Custom(func(t *rapid.T) Pattern {
		part := rapid.OneOf(anySegment, rapid.Just("*"))
		parts := rapid.SliceOfN(part, 0, 3).Draw(t, "segments")
		tail := rapid.OneOf(part, rapid.Just("**")).Draw(t, "tail")
		return Pattern(strings.Join(append(parts, tail), "/"))
	})
)

// TestTreeAgainstList adds and removes patterns at random and compares what the tree finds with a list of all patterns.
func TestTreeAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tr tree
		list := make(map[Pattern]*topic)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				p := anyPattern.Draw(t, "pattern")
				if tr.find(p) == nil {
					list[p] = tr.add(p)
				}
			},
			"remove": func(t *rapid.T) {
				if len(list) == 0 {
					t.Skip("nothing is there")
				}
				p := rapid.SampledFrom(sortedKeys(list)).Draw(t, "pattern")
				tr.remove(list[p])
				delete(list, p)
			},
			"": func(t *rapid.T) {
				compareTree(t, &tr, list)
			},
		})
	})
}

func compareTree(t *rapid.T, tr *tree, list map[Pattern]*topic) {
	path := anyPath.Draw(t, "path")
	var want, got []string
	for p, top := range list {
		if p.Matches(path) {
			want = append(want, string(p))
		}
		if tr.find(p) != top {
			t.Fatalf("find(%q) is not what was added", p)
		}
	}
	for _, top := range tr.match(path, nil) {
		got = append(got, string(top.pattern()))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("match(%q)\ngot  %q\nwant %q", path, got, want)
	}
	if p := anyPattern.Draw(t, "other"); list[p] == nil && tr.find(p) != nil {
		t.Fatalf("find(%q) found what is not there", p)
	}
	found := make(map[*topic]bool)
	wilds, err := tr.wild.check(found, true)
	if err != nil || wilds != tr.wilds || wilds+tr.exact.count != len(list) {
		t.Fatalf("%d topics with wildcards (%d counted) and %d others, want %d: %v",
			wilds, tr.wilds, tr.exact.count, len(list), err)
	}
}

func sortedKeys[V any](m map[Pattern]V) []Pattern {
	keys := make([]Pattern, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// The text that a pattern was cut from may be long, and is not to live as long as the pattern's topic.
func TestTreeKeepsItsOwnText(t *testing.T) {
	var tr tree
	for _, p := range []Pattern{"a/b", "a/*/c", "a/**"} {
		top := tr.add(p)
		if top.pattern() != p || unsafe.StringData(string(top.pattern())) == unsafe.StringData(string(p)) {
			t.Errorf("the topic of %q has the text %q of the caller", p, top.pattern())
		}
	}
}
