package line

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnquoted appends the text of a JSON string to dst. The string, quotes included, must be one that a
// dispatch.Message holds: it is checked already. Message.Text would do, but allocates, and the log asks for every update.
func appendUnquoted(dst []byte, quoted string) []byte {
	rest := quoted[1 : len(quoted)-1]
	for {
		i := strings.IndexByte(rest, '\\')
		if i < 0 {
			return append(dst, rest...)
		}
		dst = append(dst, rest[:i]...)
		if rest[i+1] != 'u' {
			dst = append(dst, unquoted[rest[i+1]])
			rest = rest[i+2:]
			continue
		}
		r, size := codePoint(rest[i:])
		dst = utf8.AppendRune(dst, r)
		rest = rest[i+size:]
	}
}

// unquoted is what the letter after a backslash in a JSON string stands for (RFC 8259, section 7).
var unquoted = [256]byte{
	'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t',
}

// codePoint reads the \uXXXX, or the pair of them, at the start of text.
func codePoint(text string) (r rune, size int) {
	r = codeUnit(text)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	return utf16.DecodeRune(r, codeUnit(text[6:])), 12
}

// codeUnit returns what the \uXXXX at the start of text stands for.
func codeUnit(text string) (r rune) {
	for _, c := range []byte(text[2:6]) {
		value, _ := unhex(c | 0x20) // the bit that lower-case letters have, and digits too
		r = r<<4 | rune(value)
	}
	return r
}
