package dispatch_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^fairy_9-[0-9A-Za-z]{22}-[0-9]+$`)
	c := dispatch.NewController("fairy_9")
	seen := map[dispatch.ID]bool{c.ID(): true}
	for range 1000 {
		id := c.Register(silent{})
		if !form.MatchString(string(id)) || seen[id] {
			t.Fatalf("got the ID %q, want a new one of the form %v", id, form)
		}
		seen[id] = true
	}
}

func TestAppendSecret(t *testing.T) {
	counts := make(map[byte]int)
	const secrets = 10_000
	for range secrets {
		secret := dispatch.AppendSecret([]byte("x"))
		if len(secret) != 23 || secret[0] != 'x' {
			t.Fatalf("got %q, want 22 characters after x", secret)
		}
		for _, c := range secret[1:] {
			counts[c]++
		}
	}
	// Each character is expected 3,548 times, give or take 59: six times that hardly ever happens by chance. Were the
	// first eight characters favoured, as by b % 62 of any byte, they would be there 4,297 times.
	const expected, margin = secrets * 22 / 62, 6 * 59
	for c, n := range counts {
		if n < expected-margin || n > expected+margin {
			t.Errorf("%q was there %d times, want about %d", c, n, expected)
		}
	}
	if len(counts) != 62 {
		t.Errorf("there were %d different characters, want 62", len(counts))
	}
}

func TestParseNode(t *testing.T) {
	tests := []struct {
		text string
		want bool
	}{
		{"roots", true},
		{"a", true},
		{"Node_07", true},
		{strings.Repeat("a", 32), true},
		{"", false},
		{strings.Repeat("a", 33), false},
		{"a-b", false},
		{"a/b", false},
		{"a>b", false},
		{"a b", false},
		{"a.b", false},
		{"a;b", false},
		{"é", false},
		{"a\xff", false},
		{"a\n", false},
	}
	for _, test := range tests {
		node, got := dispatch.ParseNode(test.text)
		if got != test.want || got && node != test.text {
			t.Errorf("ParseNode(%q) = %q, %v, want %v", test.text, node, got, test.want)
		}
	}
}
