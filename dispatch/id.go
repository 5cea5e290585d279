package dispatch

import (
	"crypto/rand"
	"strconv"
	"strings"
)

// ID is the address of a component: "<node>-<22 base62 characters>-<counter>", such as
// "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17". It may be shown to others; it gives no right to read what the component is sent.
type ID string

const (
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	secretLength = 22 // 62^22 is nearly 2^131
)

// newID makes the ID of the counter-th component of a node.
func newID(node string, counter uint64) ID {
	var buf [64]byte
	id := append(buf[:0], node...)
	id = append(id, '-')
	id = AppendSecret(id)
	id = append(id, '-')
	return ID(strconv.AppendUint(id, counter, 10))
}

// AppendSecret appends 22 base62 characters from crypto/rand to dst: 130 bits that nobody can guess.
func AppendSecret(dst []byte) []byte {
	var random [2 * secretLength]byte
	for end := len(dst) + secretLength; ; {
		rand.Read(random[:])
		for _, b := range random {
			// 248 is the largest multiple of 62 in a byte: taking more would favour the first characters.
			if b >= 248 {
				continue
			}
			dst = append(dst, base62[b%62])
			if len(dst) == end {
				return dst
			}
		}
	}
}

// ParseNode checks text as the name of a node: 1 to 32 letters, digits or underscores, so that an ID has no character
// that a token, a command or a line gives a meaning to.
func ParseNode(text string) (node string, ok bool) {
	if len(text) < 1 || len(text) > 32 {
		return "", false
	}
	odd := func(r rune) bool { return r != '_' && !strings.ContainsRune(base62, r) }
	return text, !strings.ContainsFunc(text, odd)
}
