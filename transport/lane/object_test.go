package lane

import (
	"fmt"
	"testing"

	"github.com/rootsd/rootsd/dispatch/strictjson"
)

func TestScanStrings(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{` ["a", "b\u00e9"] rest`, `["a" "bé"]`},
		{`[]`, `[]`},
		{` ¦{}`, "400 bad_body"},
		{`¦"a"`, "400 bad_body"},
		{`¦`, "400 bad_json"},
		{`["a",¦7]`, "400 bad_body entry 1"},
		{`["a", ¦null]`, "400 bad_body entry 1"},
		{`["a",¦]`, "400 bad_json entry 1"},
		{`["a","b¦`, "400 bad_json entry 1"},
		{`["a"¦ "b"]`, "400 bad_json"},
		{`["a"¦`, "400 bad_json"},
	} {
		text, offset := unmark(tt.text)
		if tt.text == `["a"¦ "b"]` {
			offset++ // the white space is skipped first
		}
		scanner := strictjson.NewScanner([]byte(text))
		texts, err := ScanStrings(&scanner, "path")
		got := fmt.Sprintf("%q", texts)
		if err != nil {
			got = sayProblem(t, JSONProblem(err))
		}
		want := tt.want
		if offset >= 0 {
			want += fmt.Sprintf(" offset %d", offset)
		}
		if got != want {
			t.Errorf("%s: got %s (%v), want %s", text, got, err, want)
		}
	}
}

func TestEachStringStops(t *testing.T) {
	scanner := strictjson.NewScanner([]byte(`["a", "b", "c"]`))
	taken := ""
	err := EachString(&scanner, "path", func(text string) error {
		if taken += text; text == "b" {
			return Refuse(403, "no", "not this one")
		}
		return nil
	})
	if got := sayProblem(t, err); taken != "ab" || got != "403 no entry 1 offset 6" {
		t.Errorf("took %s and got %s", taken, got)
	}
}

func TestMembersNeedNot(t *testing.T) {
	m := Members{Names: []string{"a", "b"}}
	scanner := strictjson.NewScanner([]byte(`{} {"b":[1]}`))
	var got string
	take := func(name string, value strictjson.Value) error {
		got += name + string(value.Raw)
		return nil
	}
	for range 2 {
		if err := m.Scan(&scanner, take); err != nil {
			t.Fatal(err)
		}
	}
	if err := scanner.End(); err != nil || got != "b[1]" {
		t.Errorf("got %s and %v", got, err)
	}
}

func TestArticle(t *testing.T) {
	for kind, want := range map[strictjson.Kind]string{
		strictjson.String: "a string", strictjson.Number: "a number", strictjson.Object: "an object",
		strictjson.Array: "an array", strictjson.Bool: "a boolean", strictjson.Null: "null",
	} {
		if got := Article(kind); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
