package lane

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

var testRules = Rules{MaxMessage: 64, MaxWait: time.Minute, Options: true}

// sayBatch writes a batch down: an update a line, and what the batch says of itself.
func sayBatch(b *Batch) string {
	var s strings.Builder
	for n, u := range b.Updates {
		o := u.Message.Options()
		fmt.Fprintf(&s, "%s %s", u.Path, u.Message.JSON())
		if o.Latest {
			s.WriteString(" latest")
		}
		if o.Except != "" {
			fmt.Fprintf(&s, " except %s", o.Except)
		}
		if o.From != "" {
			fmt.Fprintf(&s, " from %s", o.From)
		}
		if o.Receipt != nil {
			s.WriteString(" receipt")
		}
		if b.Receipts != nil && b.Receipts[n] != o.Receipt {
			s.WriteString(" WRONG RECEIPT")
		}
		s.WriteString("\n")
	}
	if b.One {
		s.WriteString("one\n")
	}
	if b.Receipts != nil {
		fmt.Fprintf(&s, "%d receipts in %v\n", len(b.Receipts), b.Wait)
	}
	return s.String()
}

func TestParseUpdates(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"one", `{"path":"a/b","message":{"n": 1}}`, "a/b {\"n\":1}\none\n"},
		{"one in white space", " \r\n\t{ \"message\" : null ,\n \"path\" : \"/a/\" } \n", "a null\none\n"},
		{"array", `[{"path":"a","message":1},{"path":"b","message":""}]`, "a 1\nb \"\"\n"},
		{"array of one", `[{"path":"a","message":1}]`, "a 1\n"},
		{"empty array", " [ ] ", ""},
		{"lines", "{\"path\":\"a\",\"message\":1}\n{\"path\":\"b\",\"message\":2}\r\n\n", "a 1\nb 2\n"},
		{"escaped names", `{"p\u0061th":"a","messag\u0065":1}`, "a 1\none\n"},
		{"options", `{"path":"a","message":1,"latest":true,"except":"x-1"}`, "a 1 latest except x-1\none\n"},
		{"latest false", `{"path":"a","message":1,"latest":false}`, "a 1\none\n"},
		{"command", `{"path":"::connect","message":"id->p"}`, "::connect \"id->p\"\none\n"},
		{"Unicode", `{"path":"füße/\u00e9","message":"\ud83d\ude00 😀"}`, "füße/é \"\\ud83d\\ude00 😀\"\none\n"},
		{"largest message", `{"path":"a","message":"` + strings.Repeat("x", 62) + `"}`, "a \"" + strings.Repeat("x", 62) + "\"\none\n"},
		{"wait", `{"path":"a","message":1,"wait":"2s"}`, "a 1 receipt\none\n1 receipts in 2s\n"},
		{"longest wait", `{"path":"a","message":1,"wait":"1m"}`, "a 1 receipt\none\n1 receipts in 1m0s\n"},
		{"waits among others", `[{"path":"a","message":1},{"path":"b","message":2,"wait":"3s"},{"path":"c","message":3},
			{"path":"d","message":4,"wait":"1s"}]`, "a 1\nb 2 receipt\nc 3\nd 4 receipt\n4 receipts in 3s\n"},
		{"wait first", `[{"path":"a","message":1,"wait":"1ms"},{"path":"b","message":2}]`, "a 1 receipt\nb 2\n2 receipts in 1ms\n"},
	} {
		batch, err := testRules.ParseUpdates([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if got := sayBatch(batch); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestParseUpdatesOfClient(t *testing.T) {
	rules := Rules{MaxMessage: 64, From: "c-1"}
	batch, err := rules.ParseUpdates([]byte(`[{"path":"a","message":1}]`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sayBatch(batch), "a 1 from c-1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, option := range []string{`"latest":true`, `"except":"x"`, `"wait":"1s"`, `"from":"me"`} {
		_, err := rules.ParseUpdates([]byte(`{"path":"a","message":1,` + option + `}`))
		if err == nil {
			t.Errorf("%s was accepted from a client", option)
		}
	}
}

// refusedUpdates are bodies with the marker where the offset is to be.
var refusedUpdates = []struct{ name, body, want string }{
	{"empty", "", "400 empty_body"},
	{"white space", " \r\n\t ", "400 empty_body"},
	{"not JSON", "¦path=a&message=b", "400 bad_json entry 0"},
	{"byte order mark", "¦\xEF\xBB\xBF{}", "400 bad_json entry 0"},
	{"null byte", "¦\x00", "400 bad_json entry 0"},
	{"gzip", "¦\x1f\x8b\x08", "400 bad_json entry 0"},
	{"number", "¦5", "400 bad_body entry 0"},
	{"null", " ¦null", "400 bad_body entry 0"},
	{"string", `¦"a"`, "400 bad_body entry 0"},
	{"array in array", `[¦[]]`, "400 bad_body entry 0"},
	{"null in array", `[{"path":"a","message":1}, ¦null]`, "400 bad_body entry 1"},
	{"cut in object", `{"path":"a"¦`, "400 bad_json entry 0"},
	{"cut in name", `{"pa¦`, "400 bad_json entry 0"},
	{"cut after name", `{"path"¦`, "400 bad_json entry 0"},
	{"cut before value", `{"path":¦`, "400 bad_json entry 0 field path"},
	{"cut in value", `{"path":"a¦`, "400 bad_json entry 0 field path"},
	{"cut in array", `[{"path":"a","message":1}¦`, "400 bad_json"},
	{"cut after comma", `[{"path":"a","message":1},¦`, "400 bad_json entry 1"},
	{"only a bracket", `[¦`, "400 bad_json entry 0"},
	{"no comma in array", `[{"path":"a","message":1} ¦{}]`, "400 bad_json"},
	{"trailing comma", `[{"path":"a","message":1},¦]`, "400 bad_json entry 1"},
	{"trailing comma in object", `{"path":"a","message":1,¦}`, "400 bad_json entry 0"},
	{"text after array", `[{"path":"a","message":1}] ¦x`, "400 bad_json"},
	{"array after array", "[]\n¦[]", "400 bad_json"},
	{"comma between lines", `{"path":"a","message":1}¦,{"path":"a","message":1}`, "400 bad_json entry 1"},
	{"array after line", "{\"path\":\"a\",\"message\":1}\n¦[]", "400 bad_body entry 1"},
	{"unquoted name", `{¦path:"a"}`, "400 bad_json entry 0"},
	{"single quotes", `{¦'path':'a'}`, "400 bad_json entry 0"},
	{"comment", `{¦/* */"path":"a"}`, "400 bad_json entry 0"},
	{"fault deep in message", `[{"path":"a","message":{"b":[1,{"c":nul¦}]}}]`, "400 bad_json entry 0 field message"},
	{"NaN", `{"path":"a","message":¦NaN}`, "400 bad_json entry 0 field message"},
	{"leading zero", `{"path":"a","message":0¦1}`, "400 bad_json entry 0 field message"},
	{"invalid UTF-8 in message", "{\"path\":\"a\",\"message\":\"b¦\xff\"}", "400 bad_json entry 0 field message"},
	{"invalid UTF-8 in path", "{\"path\":\"¦\xc3(\",\"message\":1}", "400 bad_json entry 0 field path"},
	{"invalid UTF-8 in name", "{\"p¦\x80\":1}", "400 bad_json entry 0"},
	{"half surrogate", `{"path":"a","message":"¦\ud800"}`, "400 bad_json entry 0 field message"},
	{"control character", "{\"path\":\"a\",\"message\":\"b¦\nc\"}", "400 bad_json entry 0 field message"},
	{"no path", `[{"path":"a","message":1},¦{"message":1}]`, "400 bad_body entry 1 field path"},
	{"no message", ` ¦{"path":"a"}`, "400 bad_body entry 0 field message"},
	{"nothing", `¦{}`, "400 bad_body entry 0 field path"},
	{"unknown member", `{"path":"a","message":1,¦"msg":2}`, "400 bad_body entry 0 field msg"},
	{"wrong case", `{¦"Path":"a","message":1}`, "400 bad_body entry 0 field Path"},
	{"twice", `{"path":"a","message":1,¦"path":"b"}`, "400 bad_body entry 0 field path"},
	{"twice, escaped", `{"path":"a","message":1, ¦"m\u0065ssage":2}`, "400 bad_body entry 0 field message"},
	{"path a number", `{"path":¦1,"message":1}`, "400 bad_body entry 0 field path"},
	{"path null", `{"message":1,"path": ¦null}`, "400 bad_body entry 0 field path"},
	{"path an array", `{"path":¦["a"],"message":1}`, "400 bad_body entry 0 field path"},
	{"path empty", `{"path":¦"","message":1}`, "400 path entry 0 field path"},
	{"path of slashes", `{"path":¦"//","message":1}`, "400 path entry 0 field path"},
	{"path with an empty segment", `{"path":¦"a//b","message":1}`, "400 path entry 0 field path"},
	{"path with a wildcard", `{"path":¦"a/*","message":1}`, "400 path entry 0 field path"},
	{"path with a control character", `{"path":¦"a\nb","message":1}`, "400 path entry 0 field path"},
	{"path with a C1 control character", `{"path":¦"a\u0085","message":1}`, "400 path entry 0 field path"},
	{"path too long", `{"path":¦"` + strings.Repeat("p", dispatch.MaxPath+1) + `","message":1}`, "400 path entry 0 field path"},
	{"latest a string", `{"path":"a","message":1,"latest":¦"true"}`, "400 bad_body entry 0 field latest"},
	{"latest a number", `{"path":"a","message":1,"latest":¦1}`, "400 bad_body entry 0 field latest"},
	{"latest null", `{"path":"a","message":1,"latest":¦null}`, "400 bad_body entry 0 field latest"},
	{"except a number", `{"path":"a","message":1,"except":¦7}`, "400 bad_body entry 0 field except"},
	{"except an array", `{"path":"a","message":1,"except":¦["x"]}`, "400 bad_body entry 0 field except"},
	{"wait a number", `{"path":"a","message":1,"wait":¦2}`, "400 bad_body entry 0 field wait"},
	{"wait true", `{"path":"a","message":1,"wait":¦true}`, "400 bad_body entry 0 field wait"},
	{"wait without unit", `{"path":"a","message":1,"wait":¦"2"}`, "400 bad_body entry 0 field wait"},
	{"wait empty", `{"path":"a","message":1,"wait":¦""}`, "400 bad_body entry 0 field wait"},
	{"wait zero", `{"path":"a","message":1,"wait":¦"0s"}`, "400 bad_body entry 0 field wait"},
	{"wait below zero", `{"path":"a","message":1,"wait":¦"-1s"}`, "400 bad_body entry 0 field wait"},
	{"wait too long", `{"path":"a","message":1,"wait":¦"60.001s"}`, "400 bad_body entry 0 field wait"},
	{"wait past all bounds", `{"path":"a","message":1,"wait":¦"9999999999h"}`, "400 bad_body entry 0 field wait"},
	{"message too large", `[{"path":"a","message":1},{"path":"b","message": ¦"` + strings.Repeat("x", 63) + `"}]`, "413 message_size entry 1 field message"},
	{"nesting", `{"path":"a","message":` + strings.Repeat("[", 999) + `¦[` + strings.Repeat("]", 1000) + `}`, "400 bad_json entry 0 field message"},
	{"endless nesting", strings.Repeat("[", 1) + `¦` + strings.Repeat("[", 100_000), "400 bad_body entry 0"},
	{"endless nesting of a message", `{"path":"a","message":` + strings.Repeat("[", 999) + `¦` + strings.Repeat("[", 100_000), "400 bad_json entry 0 field message"},
	{"line 500", strings.Repeat("{\"path\":\"a\",\"message\":1}\n", 500) + "{\"path\":\"a\",\"message\":¦}\n", "400 bad_json entry 500 field message"},
	{"entry 500", `[` + strings.Repeat("{\"path\":\"a\",\"message\":1},", 500) + `{"path":"a","message":1,"wait":¦"x"}]`, "400 bad_body entry 500 field wait"},
}

func TestParseUpdatesRefuses(t *testing.T) {
	for _, tt := range refusedUpdates {
		body, offset := unmark(tt.body)
		want := tt.want
		if offset >= 0 {
			want = fmt.Sprintf("%s offset %d", want, offset)
		}
		batch, err := testRules.ParseUpdates([]byte(body))
		if err == nil {
			t.Errorf("%s: accepted as %s", tt.name, sayBatch(batch))
			continue
		}
		if got := sayProblem(t, err); got != want {
			t.Errorf("%s: got %s (%v), want %s", tt.name, got, err, want)
		}
		if batch != nil {
			t.Errorf("%s: a batch besides the error", tt.name)
		}
		if len(err.Error()) > 500 {
			t.Errorf("%s: detail of %d bytes", tt.name, len(err.Error()))
		}
	}
}

// A long name from the body does not come back whole, neither in the detail nor as the field.
func TestProblemIsShort(t *testing.T) {
	name := strings.Repeat("ü", 500_000)
	_, err := testRules.ParseUpdates([]byte(`{"` + name + `":1}`))
	text, _ := json.Marshal(err)
	if len(text) > 1000 || strings.Contains(string(text), `\ufffd`) {
		t.Errorf("got %d bytes: %.300s", len(text), text)
	}
}

// The same updates mean the same as an array and as lines, whatever the space between, and a fault put into one of them
// is found there.
func TestFaultIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := rapid.SampledFrom([]string{"", " ", "\n", "\r\n\t"})
		texts := rapid.SliceOfN(rapid.StringMatching(`[a-zé/]{0,5}x`), 1, 8).Draw(t, "paths")
		bad := rapid.IntRange(0, len(texts)-1).Draw(t, "bad")
		asArray := rapid.Bool().Draw(t, "array")
		var body strings.Builder
		offset := 0
		between := "\n"
		if asArray {
			body.WriteString("[")
			between = ","
		}
		for n, text := range texts {
			if n > 0 {
				body.WriteString(between)
			}
			body.WriteString(space.Draw(t, "space") + `{"message":[` + space.Draw(t, "space") + `],"path":`)
			if n == bad {
				offset = body.Len()
			}
			fmt.Fprintf(&body, "%q}", "a/"+text)
		}
		if asArray {
			body.WriteString("]")
		}
		good := body.String()
		if _, err := testRules.ParseUpdates([]byte(good)); err != nil && !strings.Contains(good, "//") {
			t.Fatalf("%s: %v", good, err)
		}
		broken := strings.ReplaceAll(good, "//", "/y")
		broken = broken[:offset] + "7" + broken[offset:]
		_, err := testRules.ParseUpdates([]byte(broken))
		p := JSONProblem(err)
		if p.Entry == nil || *p.Entry != bad || p.Offset == nil {
			t.Fatalf("%s: got %+v, want entry %d", broken, p, bad)
		}
		// 7"a/…" is a number, and then something that should have been a comma or a brace.
		if *p.Offset != offset {
			t.Fatalf("%s: got offset %d, want %d", broken, *p.Offset, offset)
		}
	})
}

// A batch must not keep the body alive, nor change when the body's buffer is used again.
func TestBatchIsItsOwn(t *testing.T) {
	body := []byte(`[{"path":"aaa","message":"bbb","except":"ccc"},{"path":"ddd","message":{"e":1}}]`)
	batch, err := testRules.ParseUpdates(body)
	if err != nil {
		t.Fatal(err)
	}
	want := sayBatch(batch)
	for n := range body {
		body[n] = 'z'
	}
	if got := sayBatch(batch); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
