package lane

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
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
	// NoBrowsers is for a port on which a GET does something: whatever says that a browser sent it is refused, also a link
	// that somebody follows, and the icon that a browser asks for by itself. As browsers say so only to localhost and
	// loopback addresses (where there is no TLS), these are the only names and addresses of ours then, beside Hosts.
	NoBrowsers bool
}

// Check returns a [Problem] if r may not pass.
//
// A page of another site in the developer's own browser can reach loopback ports. Browsers say of their requests where
// they come from (Origin, and Sec-Fetch-Site of the W3C's Fetch Metadata), so those of another site are refused. A page
// can also have its own name resolve to 127.0.0.1 (DNS rebinding), which makes it the same site: then the Host field
// holds that name, and requests for names that are not ours are refused. A request that brings a token needs no such
// name, as no page has the token.
func (g *Guard) Check(r *http.Request) error {
	a := Asker{Host: r.Host}
	if fields := r.Header["Authorization"]; len(fields) == 1 { // of two, nobody knows which one counts
		a.Authorization = fields[0]
	}
	origins, sites := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	if len(origins) > 1 || len(sites) > 1 {
		return crossSite()
	}
	for _, a.Origin = range origins {
		if a.Origin == "" {
			return crossSite()
		}
	}
	for _, a.Site = range sites {
		if a.Site == "" {
			return crossSite()
		}
	}
	return g.CheckAsker(a)
}

func crossSite() error {
	return Refuse(http.StatusForbidden, "cross_site", "a web page of another site may not use this port")
}

// Asker is what a request says of who asks: header fields, "" where they are not there.
type Asker struct {
	Host, Origin, Authorization string
	Site                        string // Sec-Fetch-Site
}

// CheckAsker is Check for a request of which only this is known.
func (g *Guard) CheckAsker(a Asker) error {
	if a.Site != "" && a.Site != "same-origin" && a.Site != "none" || a.Origin != "" && !SameHost(a.Origin, a.Host) {
		return crossSite()
	}
	if g.NoBrowsers && (a.Site != "" || a.Origin != "") {
		return Refuse(http.StatusForbidden, "cross_site", "a browser may not use this port")
	}
	if len(g.Tokens) > 0 {
		return g.checkToken(a.Authorization)
	}
	if !g.ourHost(a.Host) {
		return Refuse(http.StatusForbidden, "host",
			"%s is not a name of this daemon; call it by its IP address or localhost, or add the name to hosts", Quote(a.Host))
	}
	return nil
}

// checkToken wants one of the tokens in the Authorization field (RFC 6750).
func (g *Guard) checkToken(field string) error {
	const scheme = "Bearer "
	if len(field) < len(scheme) || !strings.EqualFold(field[:len(scheme)], scheme) {
		return Refuse(http.StatusUnauthorized, "token", "this port wants a token: Authorization: Bearer <token>").
			With("WWW-Authenticate", `Bearer realm="rootsd"`)
	}
	if !HasToken(g.Tokens, strings.Trim(field[len(scheme):], " \t")) {
		return Refuse(http.StatusUnauthorized, "token", "the token is not one of those configured").
			With("WWW-Authenticate", `Bearer realm="rootsd", error="invalid_token"`)
	}
	return nil
}

// HasToken tells whether given is one of tokens. The time that it takes says nothing of how much of given is right, nor
// which token it is. Nothing is no token, even where the tokens have an empty one by mistake.
func HasToken(tokens []string, given string) bool {
	sum := sha256.Sum256([]byte(given))
	found := 0
	for _, token := range tokens {
		want := sha256.Sum256([]byte(token))
		found |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	return found == 1 && given != ""
}

// SameHost tells whether origin, of a page on the web, has the host and port of a request's Host field.
func SameHost(origin, host string) bool {
	scheme, of, _ := strings.Cut(origin, "://")
	return (scheme == "http" || scheme == "https") && of != "" && strings.EqualFold(of, host)
}

// ourHost tells whether the Host field of a request names this daemon. One that is empty, as in HTTP/1.0, comes from no
// browser: the address of a page always has a host. Nor can an IP address be rebound. But 0.0.0.0 and [::] are no
// addresses of anybody: some systems take them for loopback, to which browsers do not, and so send no Sec-Fetch-Site there.
func (g *Guard) ourHost(field string) bool {
	if field == "" {
		return true
	}
	name, port := field, ""
	if literal, ok := strings.CutPrefix(field, "["); ok {
		name, port, ok = strings.Cut(literal, "]")
		return ok && isPort(port) && strings.Contains(name, ":") && g.ourAddress(name)
	}
	if i := strings.IndexByte(field, ':'); i >= 0 {
		name, port = field[:i], field[i:]
	}
	return isPort(port) && (g.knows(name) || g.ourAddress(name) || !g.NoBrowsers && isOwnName(name))
}

// knows tells whether name is localhost or one of g's Hosts.
func (g *Guard) knows(name string) bool {
	is := func(ours string) bool { return sameName(ours, name) }
	return is("localhost") || slices.ContainsFunc(g.Hosts, is)
}

// isOwnName tells whether name is what this machine calls itself.
func isOwnName(name string) bool {
	own, err := os.Hostname()
	return err == nil && sameName(own, name)
}

// sameName compares the names of two hosts; a dot at the end of either makes no difference.
func sameName(a, b string) bool {
	a, b = strings.TrimSuffix(a, "."), strings.TrimSuffix(b, ".")
	return a != "" && strings.EqualFold(a, b)
}

// ourAddress tells whether text is an IP address by which this daemon may be called.
func (g *Guard) ourAddress(text string) bool {
	address, err := netip.ParseAddr(text)
	address = address.Unmap().WithZone("")
	return err == nil && !address.IsUnspecified() && (address.IsLoopback() || !g.NoBrowsers)
}

// isPort tells whether text is the part of a Host field after the host: nothing, or a colon and digits.
func isPort(text string) bool { return text == "" || strings.TrimRight(text, "0123456789") == ":" }
