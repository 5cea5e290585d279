package strictjson

import (
	"bytes"
	"strings"
	"unicode/utf16"
)

// Value is one complete JSON value that a [Scanner] has checked.
type Value struct {
	// Raw is the value's text without the space around it. It aliases the
	// scanned text; appending to it copies.
	Raw []byte
	// Kind is the value's kind.
	Kind Kind
	// Offset is where the value starts in the scanned text, in bytes.
	Offset int
	// Spaced tells whether there is white space between the value's tokens, so
	// that AppendCompact has something to drop.
	Spaced bool
	// Escaped tells whether a value of kind String has backslash escapes. It is
	// false for other kinds.
	Escaped bool
}

// Parse checks that text is exactly one value, with nothing but white space
// around it, and returns the value. The error is an [*Error].
func Parse(text []byte) (Value, error) {
	s := NewScanner(text)
	v, err := s.Value()
	if err != nil {
		return Value{}, err
	}
	if err := s.End(); err != nil {
		return Value{}, err
	}
	return v, nil
}

// Text returns the decoded text of a value of kind String; ok is false for any
// other kind. The text is a copy.
func (v Value) Text() (s string, ok bool) {
	if v.Kind != String {
		return "", false
	}
	inner := v.Raw[1 : len(v.Raw)-1]
	if !v.Escaped {
		return string(inner), true
	}
	return unescape(inner), true
}

// AppendCompact appends the value to dst without the white space between its
// tokens and returns the extended slice.
func (v Value) AppendCompact(dst []byte) []byte {
	if !v.Spaced {
		return append(dst, v.Raw...)
	}
	raw := v.Raw
	start, quoted := 0, false // raw[start:i] is to be appended
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && isSpace(c):
			dst = append(dst, raw[start:i]...)
			start = i + 1
		}
	}
	return append(dst, raw[start:]...)
}

// unescape decodes a string's inside, which a Scanner has checked. Decoded text
// is never longer than its source, so the Builder allocates once.
func unescape(inner []byte) string {
	var b strings.Builder
	b.Grow(len(inner))
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			b.Write(inner)
			return b.String()
		}
		b.Write(inner[:i])
		c := inner[i+1]
		if c != 'u' {
			b.WriteByte(unescaped[c])
			inner = inner[i+2:]
			continue
		}
		r := codeUnit(inner[i:])
		inner = inner[i+6:]
		if utf16.IsSurrogate(r) {
			r = utf16.DecodeRune(r, codeUnit(inner))
			inner = inner[6:]
		}
		b.WriteRune(r)
	}
}

// unescaped is what the letter after a backslash stands for.
var unescaped = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// codeUnit returns what the checked \u escape at the start of text stands for.
func codeUnit(text []byte) rune {
	var r rune
	for _, c := range text[2:6] {
		r = r<<4 | rune(unhex[c])
	}
	return r
}
