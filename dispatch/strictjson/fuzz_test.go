package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, tt := range texts {
		f.Add([]byte(tt.text))
	}
	for _, tt := range faults {
		if len(tt.text) < 10*MaxDepth {
			f.Add([]byte(tt.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse(text)
		strs, walkErr := walk(text)
		if !reflect.DeepEqual(err, walkErr) {
			t.Fatalf("Parse says %v, walk says %v", err, walkErr)
		}
		if got, want := err == nil, acceptable(text); got != want {
			t.Fatalf("Parse says %v, acceptable says %v", err, want)
		}
		if err != nil {
			checkOffset(t, text, err)
			return
		}
		checkValue(t, text, v)
		for _, str := range strs {
			checkText(t, str)
		}
	})
}

// acceptable tells by other means than the Scanner's whether Parse should
// accept text.
func acceptable(text []byte) bool {
	if !json.Valid(text) || !utf8.Valid(text) {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && text[i+1] != 'u':
			i++
		case c == '\\':
			r := unit(text[i:])
			if utf16.IsSurrogate(r) {
				if utf16.DecodeRune(r, unit(text[i+6:])) == utf8.RuneError {
					return false
				}
				i += 6
			}
		case !quoted && (c == '[' || c == '{'):
			if depth++; depth > MaxDepth {
				return false
			}
		case !quoted && (c == ']' || c == '}'):
			depth--
		}
	}
	return true
}

// unit reads the \u escape at the start of text; 0 if there is none.
func unit(text []byte) rune {
	if !bytes.HasPrefix(text, []byte(`\u`)) {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

func checkOffset(t *testing.T, text []byte, err error) {
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got a %T, want an *Error", err)
	}
	ended := e.Reason == "unexpected end of JSON"
	if e.Offset < 0 || e.Offset > len(text) || ended != (e.Offset == len(text)) {
		t.Fatalf("%v: the text has %d bytes", e, len(text))
	}
}

func checkValue(t *testing.T, text []byte, v Value) {
	trimmed := bytes.Trim(text, " \t\r\n")
	if !bytes.Equal(v.Raw, trimmed) || !bytes.Equal(text[v.Offset:v.Offset+len(v.Raw)], trimmed) {
		t.Fatalf("Raw = %q at %d, want %q", v.Raw, v.Offset, trimmed)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, text); err != nil {
		t.Fatal(err)
	}
	got := v.AppendCompact(nil)
	if !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("AppendCompact = %q, want %q", got, want.Bytes())
	}
	if spaced := len(got) != len(v.Raw); spaced != v.Spaced {
		t.Fatalf("Spaced = %v, want %v", v.Spaced, spaced)
	}
}

func checkText(t *testing.T, v Value) {
	var want string
	if err := json.Unmarshal(v.Raw, &want); err != nil {
		t.Fatal(err)
	}
	if got, ok := v.Text(); got != want || !ok {
		t.Fatalf("Text of %s = %q, %v, want %q", v.Raw, got, ok, want)
	}
	if escaped := bytes.IndexByte(v.Raw, '\\') >= 0; escaped != v.Escaped {
		t.Fatalf("Escaped = %v for %s, want %v", v.Escaped, v.Raw, escaped)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\/\b\f\n\r\t\x00\x1f\x7f", "é日😀\u2028", "a\xffb\xe6\x97", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// Converting replaces each byte of invalid UTF-8 with U+FFFD.
		want := string([]rune(s))
		text := AppendString(nil, s)
		var got string
		if err := json.Unmarshal(text, &got); err != nil || got != want {
			t.Fatalf("encoding/json reads %s as %q, %v, want %q", text, got, err, want)
		}
		v, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := v.Text(); got != want {
			t.Fatalf("Text of %s = %q, want %q", text, got, want)
		}
	})
}
