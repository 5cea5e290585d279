package strictjson

import "unicode/utf8"

// AppendString appends s to dst as a JSON string, quotes included, and returns
// the extended slice. It escapes quotes, backslashes and control characters
// below U+0020, in the short form where there is one. Each byte that is not
// part of valid UTF-8 becomes U+FFFD, so what was appended always scans.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // s[start:i] is to be appended as it is
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		if _, size := utf8.DecodeRuneInString(s[i:]); size > 1 {
			i += size
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, s[i])
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscaped appends what stands for the byte c, which cannot stand for
// itself in a string.
func appendEscaped(dst []byte, c byte) []byte {
	switch {
	case c >= utf8.RuneSelf:
		return utf8.AppendRune(dst, utf8.RuneError)
	case escapeOf[c] != 0:
		return append(dst, '\\', escapeOf[c])
	}
	const digits = "0123456789abcdef"
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// escapeOf is the letter after the backslash where a byte has a short escape.
var escapeOf = [utf8.RuneSelf]byte{
	'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't',
}
