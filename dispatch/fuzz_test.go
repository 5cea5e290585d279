package dispatch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rootsd/rootsd/dispatch"
)

// addVectors seeds a fuzz target with the inputs of docs/vectors/path.json.
func addVectors(f *testing.F) {
	data, err := os.ReadFile("../docs/vectors/path.json")
	if err != nil {
		f.Fatal(err)
	}
	var vectors struct {
		Cases []struct {
			Text   text
			Base64 []byte
		}
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		f.Fatal(err)
	}
	for _, c := range vectors.Cases {
		f.Add(string(c.Text) + string(c.Base64))
	}
}

// wantText checks what is true of every accepted path and pattern, and that a refused text has a reason.
func wantText(t *testing.T, input, output string) {
	t.Helper()
	segments := strings.Split(output, "/")
	switch {
	case output == "" || len(output) > dispatch.MaxPath:
		t.Errorf("%q has a length of %d", output, len(output))
	case slices.Contains(segments, ""):
		t.Errorf("%q has an empty segment", output)
	case !utf8.ValidString(output) || strings.ContainsFunc(output, unicode.IsControl):
		t.Errorf("%q has bytes that are not UTF-8, or a control character", output)
	case strings.Trim(input, "/") != output:
		t.Errorf("%q was made %q", input, output)
	}
}

func FuzzParsePath(f *testing.F) {
	addVectors(f)
	f.Fuzz(func(t *testing.T, input string) {
		path, err := dispatch.ParsePath(input)
		pattern, patternErr := dispatch.ParsePattern(input)
		if err != nil {
			wild := errors.Is(err, dispatch.ErrPathWildcard)
			if !wild && !errors.Is(patternErr, err) || wild && patternErr == nil && !pattern.Wild() {
				t.Errorf("ParsePath(%q): %v, and ParsePattern: %q, %v", input, err, pattern, patternErr)
			}
			return
		}
		wantText(t, input, string(path))
		if again, err := dispatch.ParsePath(string(path)); again != path || err != nil {
			t.Errorf("ParsePath(%q) = %q, %v", path, again, err)
		}
		if patternErr != nil || string(pattern) != string(path) || pattern.Wild() || !pattern.Matches(path) {
			t.Errorf("the path %q is the pattern %q, %v, which does not match it", path, pattern, patternErr)
		}
		if everything := dispatch.Pattern("**"); everything.Matches(path) == path.System() {
			t.Errorf("** matches %q = %v", path, everything.Matches(path))
		}
	})
}

func FuzzParsePattern(f *testing.F) {
	addVectors(f)
	f.Fuzz(func(t *testing.T, input string) {
		pattern, err := dispatch.ParsePattern(input)
		if err != nil {
			if _, pathErr := dispatch.ParsePath(input); pathErr == nil {
				t.Errorf("%q is a path, and no pattern: %v", input, err)
			}
			return
		}
		wantText(t, input, string(pattern))
		if again, err := dispatch.ParsePattern(string(pattern)); again != pattern || err != nil {
			t.Errorf("ParsePattern(%q) = %q, %v", pattern, again, err)
		}
		if !pattern.Covers(pattern) {
			t.Errorf("%q does not cover itself", pattern)
		}
		if everything := dispatch.Pattern("**"); everything.Covers(pattern) == pattern.System() {
			t.Errorf("** covers %q = %v", pattern, everything.Covers(pattern))
		}
		// Filled in, it is a path that it matches, and that the Dispatcher finds it by.
		segments := strings.Split(string(pattern), "/")
		for i, segment := range segments {
			if segment == "*" || segment == "**" {
				segments[i] = "x"
			}
		}
		path, err := dispatch.ParsePath(strings.Join(segments, "/"))
		if err != nil || !pattern.Matches(path) || !told(t, pattern, path) {
			t.Errorf("%q does not match %q (%v)", pattern, path, err)
		}
		if got := string(pattern) != string(path); got != pattern.Wild() {
			t.Errorf("%q is wild = %v, want %v", pattern, pattern.Wild(), got)
		}
	})
}

func FuzzMessage(f *testing.F) {
	for _, text := range []string{
		`""`, `"hello"`, ` { "a" : [ 1 , -2.5e+7 , true , null , "\u00e9\ud83d\ude00 \" \\" ] } `,
		`"é😀` + "\u2028" + `"`, `[[],{}]`,
		`{"a":1,"a":2}`, `1e999`, "\"\xff\"", `"\ud800"`, `{`, "",
	} {
		f.Add([]byte(text), "orders/42", "roots-1", "too old")
	}
	f.Fuzz(func(t *testing.T, input []byte, path, from, gap string) {
		msg, err := dispatch.JSONMessage(input, dispatch.Options{From: dispatch.ID(from), Gap: gap})
		if err != nil {
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, input); err != nil {
			t.Fatalf("%q was accepted and is not JSON: %v", input, err)
		}
		var got struct {
			Path, From, Gap string
			Message         json.RawMessage
		}
		wire := msg.Wire(dispatch.Path(path))
		if err := json.Unmarshal(wire, &got); err != nil {
			t.Fatalf("%q: %v", wire, err)
		}
		if string(got.Message) != want.String() || msg.JSON() != want.String() {
			t.Errorf("got  %q\nwant %q", got.Message, want.String())
		}
		for _, part := range [][2]string{{got.Path, path}, {got.From, from}, {got.Gap, gap}} {
			if want := strings.ToValidUTF8(part[1], "\ufffd"); utf8.ValidString(part[1]) && part[0] != want {
				t.Errorf("got %q, want %q, in %q", part[0], want, wire)
			}
		}
		text, ok := msg.Text()
		var decoded string
		if isText := json.Unmarshal(input, &decoded) == nil && input[0] != 'n'; ok && (!isText || text != decoded) {
			t.Errorf("the text of %q is %q, want %q", input, text, decoded)
		}
	})
}
