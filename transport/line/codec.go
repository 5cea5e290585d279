package line

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/rootsd/rootsd/dispatch"
)

// ErrText is the reason for which [Decode] refuses a line that is not text. The other reasons are the ErrPath… values of
// package dispatch.
var ErrText = errors.New("line is not valid UTF-8")

// Error says what is wrong with a line, and where.
type Error struct {
	Offset int   // of the byte that is wrong, in bytes from the start of the line
	Err    error // ErrText or a dispatch.ErrPath… value
}

// Error gives the offset and the reason: "line: byte 7: path has an empty segment".
func (e *Error) Error() string { return fmt.Sprintf("line: byte %d: %v", e.Offset, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Append appends the line that says text at path, newline included, to dst and returns the extended slice. It allocates
// only if dst has to grow: by a byte for each byte of path and text, 3, and 3 for each escape.
// Decode gives back a text that is valid UTF-8, and refuses the line otherwise.
func Append(dst []byte, path dispatch.Path, text string) []byte {
	dst = appendHead(dst, path)
	start := len(dst)
	dst = append(dst, text...)
	return append(escapeTail(dst, start, 0), '\n')
}

// AppendUpdate appends the line that says msg at path, as Append does. A message that is a JSON string is written as its
// text, any other as its compact JSON text. The options of msg are not written.
func AppendUpdate(dst []byte, path dispatch.Path, msg *dispatch.Message) []byte {
	dst = appendHead(dst, path)
	start := len(dst)
	if value := msg.JSON(); value[0] == '"' {
		dst = appendUnquoted(dst, value)
	} else {
		dst = append(dst, value...)
	}
	return append(escapeTail(dst, start, 0), '\n')
}

// Decode reads one line, with its LF or CRLF or without; it does not keep or change the bytes. The message is text,
// also where that text is JSON. The error is an *[Error].
func Decode(line []byte) (dispatch.Update, error) {
	path, text, err := split(line)
	if err != nil {
		return dispatch.Update{}, err
	}
	return dispatch.Update{Path: path, Message: dispatch.TextMessage(text, dispatch.Options{})}, nil
}

// split is Decode for those who want the text itself.
func split(line []byte) (path dispatch.Path, text string, err error) {
	line = trimEnd(line)
	if !utf8.Valid(line) {
		return "", "", &Error{firstInvalid(line), ErrText}
	}
	head, body, _ := bytes.Cut(line, []byte{';'})
	path, err = dispatch.ParsePath(unescape(head, ';'))
	if err != nil {
		return "", "", &Error{locate(head, err), err}
	}
	return path, unescape(bytes.TrimPrefix(body, []byte{' '}), 0), nil
}

// trimEnd drops the LF or CRLF at the end of a line. A CR without LF belongs to the message.
func trimEnd(line []byte) []byte {
	rest, ended := bytes.CutSuffix(line, []byte{'\n'})
	if !ended {
		return line
	}
	return bytes.TrimSuffix(rest, []byte{'\r'})
}

// appendHead appends all that stands before the message.
func appendHead(dst []byte, path dispatch.Path) []byte {
	start := len(dst)
	dst = append(dst, path...)
	// The space is always written, so that Decode has one to drop before a message that begins with a space itself.
	return append(escapeTail(dst, start, ';'), ';', ' ')
}

// suspects are the bytes that begin something which may need an escape. 0xC2 begins U+0080 to U+00BF.
var suspects = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	for _, c := range []byte{0x7f, 0xC2, '\\', ';'} {
		t[c] = true
	}
	return t
}()

// escapeTail escapes what in dst[start:] cannot stand for itself. extra is one more byte that cannot, or 0.
func escapeTail(dst []byte, start int, extra byte) []byte {
	growth := 0
	for i := start; i < len(dst); i++ {
		if !suspects[dst[i]] {
			continue
		}
		if _, size := needsEscape(dst[i:], extra); size > 0 {
			growth += escapeSize - size
			i += size - 1
		}
	}
	if growth == 0 {
		return dst
	}
	// The text moves up by just as much as the escapes will add, so that writing never overtakes reading.
	end := len(dst)
	dst = slices.Grow(dst, growth)[:end+growth]
	moved := dst[start+growth:]
	copy(moved, dst[start:end])
	return appendEscaped(dst[:start], moved, extra)
}

// appendEscaped appends text with its escapes. dst may end in the same array that text stands in, not after it.
func appendEscaped(dst, text []byte, extra byte) []byte {
	const digits = "0123456789abcdef"
	start := 0 // text[start:i] is to be appended as it is
	for i := 0; i < len(text); {
		if !suspects[text[i]] {
			i++
			continue
		}
		value, size := needsEscape(text[i:], extra)
		if size == 0 {
			i++
			continue
		}
		dst = append(dst, text[start:i]...)
		dst = append(dst, '\\', 'x', digits[value>>4], digits[value&15])
		i += size
		start = i
	}
	return append(dst, text[start:]...)
}

// needsEscape tells whether the character at the start of text needs an escape: its size in bytes, or 0 if it does not,
// and the value to write.
func needsEscape(text []byte, extra byte) (value byte, size int) {
	switch c := text[0]; {
	case c < ' ' || c == 0x7f || c == extra:
		return c, 1
	case c == 0xC2 && len(text) > 1 && isControl(text[1]):
		return text[1], 2
	case c == '\\':
		if _, ok := readEscape(text, extra); ok {
			return c, 1
		}
	}
	return 0, 0
}

// escapeSize is the length of an escape: \xNN.
const escapeSize = 4

// readEscape reads the escape at the start of text, if there is one: of a control character, a backslash, or extra.
func readEscape(text []byte, extra byte) (value byte, ok bool) {
	if len(text) < escapeSize || text[0] != '\\' || text[1] != 'x' {
		return 0, false
	}
	high, okHigh := unhex(text[2])
	low, okLow := unhex(text[3])
	value = high<<4 | low
	return value, okHigh && okLow && (isControl(value) || value == '\\' || value == extra)
}

func unhex(c byte) (value byte, ok bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// isControl tells whether U+00NN is a control character: C0, DEL or C1.
func isControl(value byte) bool { return value < ' ' || 0x7f <= value && value <= 0x9f }

// unescape returns text with its escapes read.
func unescape(text []byte, extra byte) string {
	i := bytes.IndexByte(text, '\\')
	if i < 0 {
		return string(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	for ; i >= 0; i = bytes.IndexByte(text, '\\') {
		b.Write(text[:i])
		text = text[i:]
		if value, ok := readEscape(text, extra); ok {
			b.WriteRune(rune(value))
			text = text[escapeSize:]
		} else {
			b.WriteByte('\\')
			text = text[1:]
		}
	}
	b.Write(text)
	return b.String()
}

// firstInvalid returns the offset of the first byte that is not UTF-8.
func firstInvalid(text []byte) int {
	i := 0
	for i < len(text) {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		i += size
	}
	return i
}

// locate returns the offset in head, a path as it stands in the line, of that for which ParsePath refused it. No escape
// stands for a '/' or a '*', so these are where they seem to be.
func locate(head []byte, err error) int {
	inner := bytes.TrimLeft(head, "/")
	first := len(head) - len(inner)
	switch {
	case errors.Is(err, dispatch.ErrPathSegment):
		return first + bytes.Index(inner, []byte("//")) + 1
	case errors.Is(err, dispatch.ErrPathControl):
		return firstControl(head)
	case errors.Is(err, dispatch.ErrPathWildcard):
		return firstWildcard(head)
	case errors.Is(err, dispatch.ErrPathLong):
		return first + dispatch.MaxPath
	}
	return 0
}

// firstControl returns the offset of the first control character in head, or of the escape that stands for it.
func firstControl(head []byte) int {
	for i := range head {
		if value, ok := readEscape(head[i:], 0); ok && value != '\\' {
			return i
		}
		if _, size := needsEscape(head[i:], 0); size > 0 && head[i] != '\\' {
			return i
		}
	}
	return 0
}

// firstWildcard returns the offset of the first segment of head that is a wildcard.
func firstWildcard(head []byte) int {
	offset := 0
	for segment := range bytes.SplitSeq(head, []byte{'/'}) {
		if s := string(segment); s == "*" || s == "**" {
			return offset
		}
		offset += len(segment) + 1
	}
	return 0
}
