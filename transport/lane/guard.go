package lane

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Guard keeps a control port: it lets back-ends through, and neither strangers nor web pages. It does not change once it
// is in use; a new configuration makes a new one.
type Guard struct {
	// Tokens are the secrets of which a request must bring one ("Authorization: Bearer …"). None means that whoever
	// reaches the port may use it, which is for loopback addresses alone.
	Tokens []string
	// Hosts are names by which back-ends call this daemon, beside localhost, this machine's name and IP addresses.
	Hosts []string
}

// Check returns a [Problem] if r may not pass.
//
// A page of another site in the developer's own browser can reach loopback ports. Browsers say of their requests where
// they come from (Origin, and Sec-Fetch-Site of the W3C's Fetch Metadata), so those of another site are refused. A page
// can also have its own name resolve to 127.0.0.1 (DNS rebinding), which makes it the same site: then the Host field
// holds that name, and requests for names that are not ours are refused.
func (g *Guard) Check(r *http.Request) error {
	if !sameSite(r) {
		return Refuse(http.StatusForbidden, "cross_site", "a web page of another site may not use this port")
	}
	if len(g.Tokens) > 0 {
		return g.checkToken(r)
	}
	if !g.ourHost(r.Host) {
		return Refuse(http.StatusForbidden, "host",
			"%q is not a name of this daemon; call it by its IP address or localhost, or add the name to hosts", r.Host)
	}
	return nil
}

// checkToken wants one of the tokens in the Authorization field (RFC 6750).
func (g *Guard) checkToken(r *http.Request) error {
	const scheme = "Bearer "
	field := r.Header.Get("Authorization")
	if len(field) < len(scheme) || !strings.EqualFold(field[:len(scheme)], scheme) {
		return Refuse(http.StatusUnauthorized, "token", "this port wants a token: Authorization: Bearer <token>").
			With("WWW-Authenticate", `Bearer realm="rootsd"`)
	}
	if !HasToken(g.Tokens, strings.TrimSpace(field[len(scheme):])) {
		return Refuse(http.StatusUnauthorized, "token", "the token is not one of those configured").
			With("WWW-Authenticate", `Bearer realm="rootsd", error="invalid_token"`)
	}
	return nil
}

// HasToken tells whether given is one of tokens, in a time that depends on neither where they differ nor their length.
func HasToken(tokens []string, given string) bool {
	sum := sha256.Sum256([]byte(given))
	found := 0
	for _, token := range tokens {
		want := sha256.Sum256([]byte(token))
		found |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return found == 1
}

// sameSite tells whether r comes from no browser, or from a page of the very site that it is for.
func sameSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	return SameOrigin(r)
}

// SameOrigin tells whether r has no Origin field, or one with the host and port that it is for.
func SameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// ourHost tells whether the Host field of a request names this daemon. HTTP/1.0 has none, nor had it browsers that
// could be rebound.
func (g *Guard) ourHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if host == "" || strings.EqualFold(host, "localhost") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	is := func(name string) bool { return strings.EqualFold(name, host) }
	if name, err := os.Hostname(); err == nil && is(name) {
		return true
	}
	return slices.ContainsFunc(g.Hosts, is)
}
