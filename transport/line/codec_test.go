package line

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
)

// vector is a case of docs/vectors/line.json.
type vector struct {
	Name, Why, Direction, Line string
	Base64                     []byte // in place of Line
	Path                       dispatch.Path
	Text                       string
	Error                      string
	Offset                     int
}

// faults are the names that the vectors have for errors.
var faults = map[string]error{
	"empty":    dispatch.ErrPathEmpty,
	"long":     dispatch.ErrPathLong,
	"segment":  dispatch.ErrPathSegment,
	"control":  dispatch.ErrPathControl,
	"wildcard": dispatch.ErrPathWildcard,
	"text":     ErrText,
}

func vectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.Open("../../docs/vectors/line.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var content struct {
		About string
		Cases []vector
	}
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&content); err != nil {
		t.Fatal(err)
	}
	for i, v := range content.Cases {
		if v.Line == "" {
			content.Cases[i].Line = string(v.Base64)
		}
	}
	return content.Cases
}

func TestVectors(t *testing.T) {
	seen := make(map[string]bool)
	for _, v := range vectors(t) {
		if seen[v.Name] || v.Why == "" {
			t.Errorf("%s: its name is not its own, or it does not say why", v.Name)
		}
		seen[v.Name] = true
		t.Run(v.Name, func(t *testing.T) {
			switch {
			case v.Direction != "both" && v.Direction != "decode":
				t.Errorf("direction is %q", v.Direction)
			case v.Error != "":
				testRefusal(t, v.Line, faults[v.Error], v.Offset)
			default:
				testCodec(t, v)
			}
		})
	}
}

func testCodec(t *testing.T, v vector) {
	update, err := Decode([]byte(v.Line))
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := update.Message.Text(); update.Path != v.Path || text != v.Text {
		t.Errorf("Decode(%q) = %q, %q, want %q, %q", v.Line, update.Path, text, v.Path, v.Text)
	}
	if v.Direction != "both" {
		return
	}
	if got := string(Append(nil, v.Path, v.Text)); got != v.Line {
		t.Errorf("Append(%q, %q) = %q, want %q", v.Path, v.Text, got, v.Line)
	}
	if got := string(AppendUpdate(nil, update.Path, update.Message)); got != v.Line {
		t.Errorf("AppendUpdate(%q, %q) = %q, want %q", v.Path, v.Text, got, v.Line)
	}
}

func testRefusal(t *testing.T, line string, want error, offset int) {
	t.Helper()
	_, err := Decode([]byte(line))
	var lineError *Error
	if !errors.As(err, &lineError) || !errors.Is(err, want) || lineError.Offset != offset {
		t.Errorf("Decode(%.40q) gives error %v, want %v at %d", line, err, want, offset)
	}
}

// TestDecodeErrors has the cases that are too long for JSON, and what is said.
func TestDecodeErrors(t *testing.T) {
	long := strings.Repeat("p", dispatch.MaxPath+1)
	testRefusal(t, "//"+long+"; b", dispatch.ErrPathLong, dispatch.MaxPath+2)
	testRefusal(t, "\uFFFD\xfe; b", ErrText, 3)
	if got, want := (&Error{7, dispatch.ErrPathSegment}).Error(), "line: byte 7: path has an empty segment"; got != want {
		t.Errorf("an Error says %q, want %q", got, want)
	}
}

// TestAppendAnything tells what becomes of bytes that are not text: the line has them, and Decode refuses it.
func TestAppendAnything(t *testing.T) {
	line := Append([]byte("before "), "a", "\xc2\xff\xc2")
	if got, want := string(line), "before a; \xc2\xff\xc2\n"; got != want {
		t.Errorf("Append gives %q, want %q", got, want)
	}
	if _, err := Decode(line); !errors.Is(err, ErrText) {
		t.Errorf("Decode gives error %v, want %v", err, ErrText)
	}
}

// TestAppendUpdate has the messages that TextMessage does not make.
func TestAppendUpdate(t *testing.T) {
	tests := []struct{ json, want string }{
		{`42`, "42"},
		{`null`, "null"},
		{`[1, 2, {"a" : true}]`, `[1,2,{"a":true}]`},
		{`{"file":"C:\\x0a"}`, `{"file":"C:\\x5cx0a"}`},
		{"{\"\x7f\":1}", `{"\x7f":1}`},
		{`""`, ""},
		{`"\"\\\/\b\f\n\r\t"`, `"\/\x08\x0c\x0a\x0d\x09`},
		{`"\u00e9\u00E9 \ud83c\udf89 \uD83C\uDF89"`, "éé 🎉 🎉"},
		{`"\u0000\u001B\u0085"`, `\x00\x1b\x85`},
		{`"\\\u0078\u0030a"`, `\x5cx0a`},
		{`"\\\\x0a"`, `\\x5cx0a`},
	}
	for _, tt := range tests {
		msg, err := dispatch.JSONMessage([]byte(tt.json), dispatch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(AppendUpdate(nil, "a/b", msg)), "a/b; "+tt.want+"\n"; got != want {
			t.Errorf("AppendUpdate of %s = %q, want %q", tt.json, got, want)
		}
	}
}

// awkward makes texts of what the codec gives a meaning to.
func awkward() *rapid.Generator[string] {
	piece := rapid.SampledFrom([]string{
		`\`, `\x`, "x", "0", "a", "5c", "3b", "7f", "9f", "a0", ";", " ", "\r", "\n", "\t", "\x00", "\x7f",
		"\u0080", "\u009f", "\u00a0", "é", "🎉", "/", "*", `\x0a`, `\x5c`, `\x3b`, `"`, "[", "->",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), "")
	})
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path, err := dispatch.ParsePath(awkward().Draw(t, "path"))
		if err != nil {
			path = "p;q"
		}
		text := rapid.OneOf(awkward(), rapid.String()).Draw(t, "text")
		checkRoundTrip(t, path, text)
	})
}

// checkRoundTrip checks that one line is made of path and text, that it is read as these, and that both ways of writing
// agree.
func checkRoundTrip(t interface {
	Fatalf(format string, args ...any)
}, path dispatch.Path, text string) {
	line := Append(nil, path, text)
	if i := strings.IndexFunc(string(line), func(r rune) bool { return r < ' ' || 0x7f <= r && r <= 0x9f }); i != len(line)-1 {
		t.Fatalf("Append(%q, %q) = %q has a control character at %d", path, text, line, i)
	}
	update, err := Decode(line)
	if err != nil {
		t.Fatalf("Decode(%q): %v", line, err)
	}
	if got, _ := update.Message.Text(); update.Path != path || got != text {
		t.Fatalf("Decode(%q) = %q, %q, want %q, %q", line, update.Path, got, path, text)
	}
	if again := AppendUpdate(nil, path, update.Message); string(again) != string(line) {
		t.Fatalf("AppendUpdate(%q, %q) = %q, want %q", path, text, again, line)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(string(v.Path), v.Text)
	}
	f.Fuzz(func(t *testing.T, pathText, text string) {
		path, err := dispatch.ParsePath(pathText)
		if err != nil || !utf8.ValidString(text) {
			return
		}
		checkRoundTrip(t, path, text)
	})
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.Line))
	}
	f.Add([]byte("a; \xc2"))
	f.Fuzz(func(t *testing.T, line []byte) {
		before := string(line)
		update, err := Decode(line)
		if string(line) != before {
			t.Fatalf("Decode(%q) has changed its argument", before)
		}
		var lineError *Error
		switch {
		case err == nil:
			text, _ := update.Message.Text()
			checkRoundTrip(t, update.Path, text)
		case !errors.As(err, &lineError):
			t.Fatalf("Decode(%q) gives error %v, want an *Error", line, err)
		case lineError.Offset < 0 || lineError.Offset > len(line):
			t.Fatalf("Decode(%q): offset %d", line, lineError.Offset)
		}
	})
}

// FuzzAppendUpdate compares the way that does not allocate with the plain one.
func FuzzAppendUpdate(f *testing.F) {
	for _, text := range []string{`"a"`, `"\u00e9\n"`, `"\\x0a"`, `{"a":"\\x5c"}`, "[\"\x7f\"]", `"\ud83c\udf89"`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		msg, err := dispatch.JSONMessage(value, dispatch.Options{})
		if err != nil {
			return
		}
		text, ok := msg.Text()
		if !ok {
			text = msg.JSON()
		}
		if got, want := string(AppendUpdate(nil, "p", msg)), string(Append(nil, "p", text)); got != want {
			t.Fatalf("AppendUpdate of %s = %q, want %q", value, got, want)
		}
	})
}

// messages are what the benchmarks write and read.
var messages = []struct{ name, text string }{
	{"short", `{"state":"paid"}`},
	{"1KiB", strings.Repeat(`{"state":"paid","lines":[1,2,3]},`, 31)},
	{"escapes", strings.Repeat("C:\\x0a is\na file name", 50)},
}

func BenchmarkAppend(b *testing.B) {
	for _, m := range messages {
		b.Run(m.name, func(b *testing.B) {
			buf := Append(nil, "orders/42", m.text)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = Append(buf[:0], "orders/42", m.text)
			}
		})
	}
}

func BenchmarkAppendUpdate(b *testing.B) {
	for _, m := range messages {
		b.Run(m.name, func(b *testing.B) {
			msg := dispatch.TextMessage(m.text, dispatch.Options{})
			buf := AppendUpdate(nil, "orders/42", msg)
			b.SetBytes(int64(len(buf)))
			b.ReportAllocs()
			for b.Loop() {
				buf = AppendUpdate(buf[:0], "orders/42", msg)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, m := range messages {
		b.Run(m.name, func(b *testing.B) {
			line := Append(nil, "orders/42", m.text)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(line); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestAllocations(t *testing.T) {
	for _, m := range messages {
		msg := dispatch.TextMessage(m.text, dispatch.Options{})
		buf := Append(nil, "orders/42", m.text)
		buf = buf[:0:cap(buf)]
		allocs := testing.AllocsPerRun(100, func() {
			Append(buf, "orders/42", m.text)
			AppendUpdate(buf, "orders/42", msg)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations to write a line, want 0", m.name, allocs)
		}
	}
}
