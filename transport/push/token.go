package push

import (
	"strconv"
	"strings"

	"github.com/rootsd/rootsd/dispatch"
)

// secretLength is how many bytes a token's secret has; see dispatch.AppendSecret.
const secretLength = 22

// token is what a client comes back with: "<id>/<cursor>/<secret>". The 2009 client takes the first segment for its ID;
// to clients, the rest has no meaning.
type token struct {
	id     dispatch.ID
	cursor uint64
	secret string
}

// parseToken reads a token; ok is false for anything that [appendToken] does not write.
func parseToken(text string) (t token, ok bool) {
	first := strings.IndexByte(text, '/')
	last := len(text) - secretLength - 1
	if first <= 0 || last <= first || text[last] != '/' {
		return token{}, false
	}
	cursor, secret := text[first+1:last], text[last+1:]
	if cursor == "" || len(cursor) > 1 && cursor[0] == '0' {
		return token{}, false
	}
	for i := range len(cursor) {
		if !isDigit(cursor[i]) {
			return token{}, false
		}
	}
	for i := range len(secret) {
		if c := secret[i]; !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return token{}, false
		}
	}
	n, err := strconv.ParseUint(cursor, 10, 64)
	return token{dispatch.ID(text[:first]), n, secret}, err == nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// appendToken makes a token of the ID that dst ends with.
func appendToken(dst []byte, cursor uint64, secret []byte) []byte {
	dst = append(dst, '/')
	dst = strconv.AppendUint(dst, cursor, 10)
	dst = append(dst, '/')
	return append(dst, secret...)
}

// appendToken appends a token of the session.
func (s *Session) appendToken(dst []byte, cursor uint64) []byte {
	return appendToken(s.push.controller.AppendID(dst, s.seat), cursor, s.secret[:])
}
