package strictjson

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// plain holds the bytes that stand for themselves in a string and need no
// further look: ASCII without quote, backslash and control characters.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// string scans the string whose opening quote is at s.pos, and reports whether
// it has escapes.
func (s *Scanner) string() (escaped bool, err error) {
	text, i := s.text, s.pos+1
	for {
		i = plainEnd(text, i)
		switch {
		case i >= len(text):
			return false, s.fault(i, "")
		case text[i] == '"':
			s.pos = i + 1
			return escaped, nil
		case text[i] == '\\':
			escaped = true
			i, err = s.escape(i)
		case text[i] < ' ':
			err = s.fault(i, "control character in string")
		default:
			i, err = s.multibyte(i)
		}
		if err != nil {
			return false, err
		}
	}
}

// plainEnd returns the offset of the first byte of text at or after i that is
// not plain. It looks at eight bytes at once.
func plainEnd(text []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(text); i += 8 {
		w := binary.LittleEndian.Uint64(text[i:])
		// Subtracting sets a byte's high bit where the byte was too small. A
		// borrow may set it wrongly in later bytes, never before the first.
		stop := w | (w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)
		if stop &= highs; stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for i < len(text) && plain[text[i]] {
		i++
	}
	return i
}

// multibyte checks the run of characters of two or more bytes at i and returns
// the offset after it.
func (s *Scanner) multibyte(i int) (after int, err error) {
	for after = i; after < len(s.text) && s.text[after] >= utf8.RuneSelf; {
		after++
	}
	if utf8.Valid(s.text[i:after]) {
		return after, nil
	}
	for {
		_, size := utf8.DecodeRune(s.text[i:])
		switch {
		case size > 1:
			i += size
		case utf8.FullRune(s.text[i:]):
			return i, s.fault(i, "invalid UTF-8")
		default:
			return i, s.fault(len(s.text), "")
		}
	}
}

// escape checks the escape whose backslash is at i, with its second half if it
// is a surrogate, and returns the offset after it.
func (s *Scanner) escape(i int) (after int, err error) {
	if i+1 >= len(s.text) {
		return i, s.fault(i+1, "")
	}
	switch s.text[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, nil
	case 'u':
		return s.unicodeEscape(i)
	}
	return i, s.fault(i+1, "unknown escape in string")
}

// lowSurrogate is the first of the surrogates that may only end a pair.
const lowSurrogate = 0xDC00

// unicodeEscape checks the \u escape whose backslash is at i.
func (s *Scanner) unicodeEscape(i int) (after int, err error) {
	high, err := s.hex4(i + 2)
	if err != nil {
		return i, err
	}
	after = i + 6
	switch {
	case !utf16.IsSurrogate(high):
		return after, nil
	case high >= lowSurrogate:
		return i, s.unpaired(i)
	}
	for _, c := range []byte(`\u`) {
		if after >= len(s.text) {
			return i, s.fault(after, "")
		}
		if s.text[after] != c {
			return i, s.unpaired(i)
		}
		after++
	}
	low, err := s.hex4(after)
	if err != nil {
		return i, err
	}
	if utf16.DecodeRune(high, low) == utf8.RuneError {
		return i, s.unpaired(i)
	}
	return after + 4, nil
}

// unpaired is the fault of the surrogate escape at offset. The offset is the
// escape's own: what stands after it may be right in itself.
func (s *Scanner) unpaired(offset int) error {
	return s.fault(offset, `unpaired surrogate in \u escape`)
}

// hex4 reads the four hexadecimal digits of a \u escape at i.
func (s *Scanner) hex4(i int) (rune, error) {
	var r rune
	for end := i + 4; i < end; i++ {
		if i >= len(s.text) || unhex[s.text[i]] < 0 {
			return 0, s.fault(i, `expected four hexadecimal digits in \u escape`)
		}
		r = r<<4 | rune(unhex[s.text[i]])
	}
	return r, nil
}

// unhex is what a hexadecimal digit is worth; -1 for other bytes.
var unhex = func() (t [256]int8) {
	for c := range t {
		t[c] = -1
	}
	for i := range 16 {
		t["0123456789abcdef"[i]] = int8(i)
		t["0123456789ABCDEF"[i]] = int8(i)
	}
	return t
}()
