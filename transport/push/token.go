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
	id, rest, _ := strings.Cut(text, "/")
	cursor, secret, _ := strings.Cut(rest, "/")
	if id == "" || len(secret) != secretLength || cursor == "" || (len(cursor) > 1 && cursor[0] == '0') {
		return token{}, false
	}
	if strings.ContainsFunc(cursor, notDigit) || strings.ContainsFunc(secret, notBase62) {
		return token{}, false
	}
	n, err := strconv.ParseUint(cursor, 10, 64)
	return token{dispatch.ID(id), n, secret}, err == nil
}

func notDigit(r rune) bool { return r < '0' || r > '9' }

func notBase62(r rune) bool { return notDigit(r) && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') }

// appendToken writes a token.
func appendToken(dst []byte, id dispatch.ID, cursor uint64, secret []byte) []byte {
	dst = append(dst, id...)
	dst = append(dst, '/')
	dst = strconv.AppendUint(dst, cursor, 10)
	dst = append(dst, '/')
	return append(dst, secret...)
}
