package strictjson

import (
	"errors"
	"strings"
	"testing"
)

// faults are texts that Parse must refuse, each with where and why.
var faults = []struct {
	text   string
	offset int
	reason string
}{
	// Where a value should start.
	{"", 0, "unexpected end of JSON"},
	{" \r\n\t", 4, "unexpected end of JSON"},
	{"x", 0, "expected a value"},
	{"\x00", 0, "expected a value"},
	{"\v1", 0, "expected a value"},
	{"\f1", 0, "expected a value"},
	{"\u00a01", 0, "expected a value"},
	{"'a'", 0, "expected a value"},
	{"// a\n1", 0, "expected a value"},
	{"/* a */ 1", 0, "expected a value"},
	{"NaN", 0, "expected a value"},
	{"Infinity", 0, "expected a value"},
	{"]", 0, "expected a value"},
	{"}", 0, "expected a value"},
	{",", 0, "expected a value"},
	{"\uFEFF1", 0, "expected a value, found a byte order mark"},
	{" \uFEFF{}", 1, "expected a value, found a byte order mark"},

	// After the value.
	{"1 2", 2, "unexpected text after the value"},
	{"{}\x00", 2, "unexpected text after the value"},
	{"[]]", 2, "unexpected text after the value"},
	{"truex", 4, "unexpected text after the value"},
	{`"a"b`, 3, "unexpected text after the value"},
	{"1 // one", 2, "unexpected text after the value"},

	// Literals.
	{"trux", 3, "expected 'true'"},
	{"tRUE", 1, "expected 'true'"},
	{"fals ", 4, "expected 'false'"},
	{"nul]", 3, "expected 'null'"},
	{"nan", 1, "expected 'null'"},
	{"nul", 3, "unexpected end of JSON"},

	// Numbers.
	{"+1", 0, "expected a value"},
	{".5", 0, "expected a value"},
	{"-", 1, "unexpected end of JSON"},
	{"-x", 1, "expected a digit"},
	{"-.5", 1, "expected a digit"},
	{"--1", 1, "expected a digit"},
	{"-Infinity", 1, "expected a digit"},
	{"01", 1, "digit after a leading zero"},
	{"-00", 2, "digit after a leading zero"},
	{"0x10", 1, "unexpected text after the value"},
	{"1.", 2, "unexpected end of JSON"},
	{"[1.]", 3, "expected a digit"},
	{"1.e5", 2, "expected a digit"},
	{"1.2.3", 3, "unexpected text after the value"},
	{"1e", 2, "unexpected end of JSON"},
	{"[1e]", 3, "expected a digit"},
	{"1e+", 3, "unexpected end of JSON"},
	{"1e+-5", 3, "expected a digit"},
	{"1E-x", 3, "expected a digit"},
	{"1e5.5", 3, "unexpected text after the value"},
	{"1_000", 1, "unexpected text after the value"},

	// Strings.
	{`"`, 1, "unexpected end of JSON"},
	{`"abcdefghijkl`, 13, "unexpected end of JSON"},
	{"\"a\nb\"", 2, "control character in string"},
	{"\"abcdefg\x00\"", 8, "control character in string"},
	{"\"abcdefgh\x1f\"", 9, "control character in string"},
	{"\"é\tü\"", 3, "control character in string"},
	{"\"\xff\"", 1, "invalid UTF-8"},
	{"\"abcdefghi\x80\"", 10, "invalid UTF-8"},
	{"\"é\xc0\xaf\"", 3, "invalid UTF-8"},        // overlong
	{"\"\xed\xa0\x80\"", 1, "invalid UTF-8"},     // surrogate
	{"\"\xf4\x90\x80\x80\"", 1, "invalid UTF-8"}, // above U+10FFFF
	{"\"日本\xe6\x9c\"", 7, "invalid UTF-8"},       // cut off
	{"\"日\xe6\x9c", 6, "unexpected end of JSON"}, // cut off with the text
	{"\"a\xe6\x9c\nb\"", 2, "invalid UTF-8"},     // before the control character
	{"{\"a\xff\":1}", 3, "invalid UTF-8"},        // in a key
	{`"\`, 2, "unexpected end of JSON"},
	{`"\x41"`, 2, "unknown escape in string"},
	{`"ab\'"`, 4, "unknown escape in string"},
	{"\"\\\n\"", 2, "unknown escape in string"},
	{`"\U0041"`, 2, "unknown escape in string"},
	{`"\u`, 3, "unexpected end of JSON"},
	{`"\u00e`, 6, "unexpected end of JSON"},
	{`"\u00e"`, 6, "expected four hexadecimal digits in \\u escape"},
	{`"\u00g0"`, 5, "expected four hexadecimal digits in \\u escape"},
	{`"\u+041"`, 3, "expected four hexadecimal digits in \\u escape"},
	{`"ab\ud800"`, 3, "unpaired surrogate in \\u escape"},
	{`"\ud800\n"`, 1, "unpaired surrogate in \\u escape"},
	{`"\ud800\u0041"`, 1, "unpaired surrogate in \\u escape"},
	{`"\uDBFF\uDBFF\uDFFF"`, 1, "unpaired surrogate in \\u escape"},
	{`"\udc00"`, 1, "unpaired surrogate in \\u escape"},
	{`"\udc00\ud800"`, 1, "unpaired surrogate in \\u escape"},
	{`"\udc00`, 1, "unpaired surrogate in \\u escape"},
	{`"\ud83d\ude00\ude00"`, 13, "unpaired surrogate in \\u escape"},
	{`"\ud800\uzz"`, 9, "expected four hexadecimal digits in \\u escape"},
	{`"\ud800`, 7, "unexpected end of JSON"},
	{`"\ud800\u12`, 11, "unexpected end of JSON"},

	// Arrays.
	{"[", 1, "unexpected end of JSON"},
	{"[1", 2, "unexpected end of JSON"},
	{"[1,", 3, "unexpected end of JSON"},
	{"[1,]", 3, "expected a value"},
	{"[,1]", 1, "expected a value"},
	{"[1,,2]", 3, "expected a value"},
	{"[1 2]", 3, "expected ',' or ']'"},
	{"[1}", 2, "expected ',' or ']'"},
	{"[1:2]", 2, "expected ',' or ']'"},
	{"[}", 1, "expected a value"},

	// Objects.
	{"{", 1, "unexpected end of JSON"},
	{"{,}", 1, "expected a key in double quotes"},
	{"{a:1}", 1, "expected a key in double quotes"},
	{"{1:1}", 1, "expected a key in double quotes"},
	{"{]", 1, "expected a key in double quotes"},
	{`{"a"`, 4, "unexpected end of JSON"},
	{`{"a"}`, 4, "expected ':' after the key"},
	{`{"a" 1}`, 5, "expected ':' after the key"},
	{`{"a":}`, 5, "expected a value"},
	{`{"a":1`, 6, "unexpected end of JSON"},
	{`{"a":1]`, 6, "expected ',' or '}'"},
	{`{"a":1 "b":2}`, 7, "expected ',' or '}'"},
	{`{"a":1,}`, 7, "expected a key in double quotes"},
	{`{"a":[{"b":1},2,{}}`, 18, "expected ',' or ']'"},
	{"{\n  \"path\": \"x\"\n  \"message\": 1\n}", 18, "expected ',' or '}'"},

	// Depth.
	{strings.Repeat("[", MaxDepth+1), MaxDepth, "nested deeper than 1000 levels"},
	{strings.Repeat("[", MaxDepth) + "{}", MaxDepth, "nested deeper than 1000 levels"},
	{strings.Repeat(`{"":`, MaxDepth) + "[", 4 * MaxDepth, "nested deeper than 1000 levels"},
	{strings.Repeat("[", 1<<20), MaxDepth, "nested deeper than 1000 levels"},
	{strings.Repeat("[", MaxDepth), MaxDepth, "unexpected end of JSON"},
}

func TestParseFaults(t *testing.T) {
	for _, tt := range faults {
		v, err := Parse([]byte(tt.text))
		checkFault(t, tt.text, err, Error{tt.offset, tt.reason})
		if v.Raw != nil || v.Kind != 0 {
			t.Errorf("Parse(%.40q) = %v beside the error, want the zero Value", tt.text, v)
		}
		_, err = walk([]byte(tt.text))
		checkFault(t, tt.text, err, Error{tt.offset, tt.reason})
	}
}

func checkFault(t *testing.T, text string, err error, want Error) {
	t.Helper()
	var got *Error
	if !errors.As(err, &got) {
		t.Errorf("%.40q: got error %v, want %v", text, err, &want)
	} else if *got != want {
		t.Errorf("%.40q: got error %q, want %q", text, got, &want)
	}
}

// walk goes through text by Enter and Next as far as they lead, and returns the
// string values, keys among them, in order. It must accept what Parse accepts,
// and find the same fault where Parse finds one.
func walk(text []byte) (strs []Value, err error) {
	s := NewScanner(text)
	if err := walkValue(&s, &strs); err != nil {
		return nil, err
	}
	return strs, s.End()
}

func walkValue(s *Scanner, strs *[]Value) error {
	kind, err := s.Peek()
	if err != nil {
		return err
	}
	var more bool
	switch kind {
	case Object:
		for more, err = s.EnterObject(); more; more, err = s.NextMember() {
			key, err := s.Key()
			if err != nil {
				return err
			}
			*strs = append(*strs, key)
			if err := walkValue(s, strs); err != nil {
				return err
			}
		}
	case Array:
		for more, err = s.EnterArray(); more; more, err = s.NextElement() {
			if err := walkValue(s, strs); err != nil {
				return err
			}
		}
	default:
		var v Value
		if v, err = s.Value(); v.Kind == String {
			*strs = append(*strs, v)
		}
	}
	return err
}

// A text that is cut off anywhere must be called cut off, at its end.
func TestParsePrefix(t *testing.T) {
	const text = `[{"a":"é日😀\n\u00e9\ud83d\ude00","b":[true,false,null,{}, -1.5e+3 ]},"",0.25,[[],[]]]`
	if _, err := Parse([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for n := range len(text) {
		_, err := Parse([]byte(text[:n]))
		checkFault(t, text[:n], err, Error{n, "unexpected end of JSON"})
	}
}

func TestParseDepth(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		strings.Repeat("[ ", MaxDepth-1) + "[],{}" + strings.Repeat("]", MaxDepth-1),
		strings.Repeat(`{"":[`, MaxDepth/2) + "1" + strings.Repeat("]}", MaxDepth/2),
		"[" + strings.Repeat("[[]],", 2*MaxDepth) + "{}]",
	} {
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%.20q: %v", text, err)
		}
		if _, err := walk([]byte(text)); err != nil {
			t.Errorf("walk(%.20q): %v", text, err)
		}
	}
}

// What the caller has entered counts towards the depth of what it scans whole.
func TestValueDepth(t *testing.T) {
	deepest := strings.Repeat("[", MaxDepth-1) + strings.Repeat("]", MaxDepth-1)
	s := NewScanner([]byte("[" + deepest + ",[" + deepest + "]]"))
	if _, err := s.EnterArray(); err != nil {
		t.Fatal(err)
	}
	if v, err := s.Value(); err != nil || string(v.Raw) != deepest {
		t.Fatalf("got %d bytes, error %v, want %d bytes", len(v.Raw), err, len(deepest))
	}
	if more, err := s.NextElement(); !more || err != nil {
		t.Fatalf("NextElement() = %v, %v, want true, nil", more, err)
	}
	_, err := s.Value()
	checkFault(t, "second element", err, Error{1 + len(deepest) + 1 + MaxDepth - 1, "nested deeper than 1000 levels"})
}

func TestEnterWrongKind(t *testing.T) {
	s := NewScanner([]byte(" [1]"))
	_, err := s.EnterObject()
	checkFault(t, "EnterObject", err, Error{1, "expected an object"})

	s = NewScanner([]byte(`"a"`))
	_, err = s.EnterArray()
	checkFault(t, "EnterArray", err, Error{0, "expected an array"})

	s = NewScanner([]byte("\uFEFF{}"))
	_, err = s.EnterObject()
	checkFault(t, "EnterObject", err, Error{0, "expected an object, found a byte order mark"})

	s = NewScanner([]byte("  "))
	_, err = s.EnterObject()
	checkFault(t, "EnterObject", err, Error{2, "unexpected end of JSON"})
}

// A caller that does not look at the error of its loop's last step is caught.
func TestEndRepeatsFault(t *testing.T) {
	s := NewScanner([]byte(`{"a":1`))
	for more, _ := s.EnterObject(); more; more, _ = s.NextMember() {
		if _, err := s.Key(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Value(); err != nil {
			t.Fatal(err)
		}
	}
	checkFault(t, "End", s.End(), Error{6, "unexpected end of JSON"})
}

func TestEndInside(t *testing.T) {
	s := NewScanner([]byte(`["a" `))
	if _, err := s.EnterArray(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Value(); err != nil {
		t.Fatal(err)
	}
	checkFault(t, "End", s.End(), Error{5, "unexpected end of JSON"})
}

func TestAtEnd(t *testing.T) {
	s := NewScanner([]byte(" 1 "))
	if s.AtEnd() {
		t.Error("AtEnd() = true before the value")
	}
	if _, err := s.Value(); err != nil {
		t.Fatal(err)
	}
	if got := s.Offset(); got != 2 {
		t.Errorf("Offset() = %d after the value, want 2", got)
	}
	if !s.AtEnd() {
		t.Error("AtEnd() = false after the value")
	}
	if err := s.End(); err != nil {
		t.Error(err)
	}
}

func TestPeek(t *testing.T) {
	for text, want := range map[string]Kind{
		` "`: String, "-": Number, "0": Number, "\n9": Number, "{": Object, "[": Array,
		"t": Bool, "f": Bool, "\tn": Null,
	} {
		s := NewScanner([]byte(text))
		if got, err := s.Peek(); got != want || err != nil {
			t.Errorf("Peek at %q = %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[Kind]string{
		0: "nothing", String: "string", Number: "number", Object: "object",
		Array: "array", Bool: "boolean", Null: "null", Null + 1: "nothing",
	} {
		if got := kind.String(); got != want {
			t.Errorf("Kind(%d).String() = %q, want %q", byte(kind), got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	_, err := Parse([]byte(`{"message" 1}`))
	if want := "offset 11: expected ':' after the key"; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func TestZeroAllocations(t *testing.T) {
	dst := make([]byte, 0, 8192)
	for _, tt := range texts {
		text := []byte(tt.text)
		got := testing.AllocsPerRun(100, func() {
			v, err := Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			v.AppendCompact(dst)
			AppendString(dst, tt.text)
		})
		if got != 0 {
			t.Errorf("%s: %v allocations, want 0", tt.name, got)
		}
	}
	if got := testing.AllocsPerRun(100, func() { scanUpdate(t, updateText) }); got != 0 {
		t.Errorf("Scanner: %v allocations, want 0", got)
	}
}

var updateText = []byte(`{"path": "news/today", "message": {"title": "x", "n": [1, 2]}, "latest": true}`)

// scanUpdate walks over text as ingest does.
func scanUpdate(tb testing.TB, text []byte) {
	s := NewScanner(text)
	more, err := s.EnterObject()
	for ; more; more, err = s.NextMember() {
		if _, err := s.Key(); err != nil {
			tb.Fatal(err)
		}
		if _, err := s.Value(); err != nil {
			tb.Fatal(err)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.End(); err != nil {
		tb.Fatal(err)
	}
}
