package push

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rootsd/rootsd/transport/lane"
)

// allow tells which Access-Control-Allow-Origin, if any, the answer to a request with these Origin and Host fields has,
// and whether it varies by the Origin (the Fetch standard's CORS protocol). The error refuses pages of other origins than
// the configured ones. It is a courtesy to browsers rather than a lock: what protects a session is its token. So no
// credentials are allowed or needed.
func (p *Push) allow(origin, host string) (allowOrigin string, vary bool, err error) {
	origins := p.config().Origins
	switch {
	case slices.Contains(origins, "*"):
		return "*", false, nil
	case origin == "", lane.SameHost(origin, host):
		return "", true, nil
	case slices.ContainsFunc(origins, func(allowed string) bool { return matchOrigin(allowed, origin) }):
		return origin, true, nil
	}
	return "", true, lane.Refuse(http.StatusForbidden, "origin",
		"pages of %s may not use this; push.origins in the configuration lists those that may", origin)
}

// cors adds to the answer what browsers want to know, and refuses pages that may not use p.
func (p *Push) cors(w http.ResponseWriter, method string, a *arrival) error {
	header := w.Header()
	origin, vary, err := p.allow(a.origin, a.host)
	if vary {
		header.Add("Vary", "Origin")
	}
	switch origin {
	case "":
		return err
	case "*":
		header["Access-Control-Allow-Origin"] = anyOrigin
	default:
		header.Set("Access-Control-Allow-Origin", origin)
	}
	if method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
		header.Set("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID")
		header.Set("Access-Control-Max-Age", "86400")
	}
	return nil
}

var anyOrigin = []string{"*"}

// matchOrigin tells whether allowed, such as "https://app.example" or "https://*.example", stands for origin. The "*."
// stands for one or more labels of a host name, of letters, digits and hyphens.
func matchOrigin(allowed, origin string) bool {
	scheme, host, ok := strings.Cut(allowed, "://*.")
	if !ok {
		return strings.EqualFold(allowed, origin)
	}
	rest, ok := strings.CutPrefix(strings.ToLower(origin), strings.ToLower(scheme)+"://")
	sub, ok2 := strings.CutSuffix(rest, "."+strings.ToLower(host))
	odd := func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-.", c) }
	return ok && ok2 && sub != "" && !strings.ContainsFunc(sub, odd)
}
