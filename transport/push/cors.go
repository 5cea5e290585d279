package push

import (
	"net/http"
	"slices"
	"strings"

	"github.com/rootsd/rootsd/transport/lane"
)

// cors lets pages of the configured origins use p (the Fetch standard's CORS protocol), and refuses those of others. It
// is a courtesy to browsers rather than a lock: what protects a session is its token. So no credentials are allowed or
// needed.
func (p *Push) cors(w http.ResponseWriter, r *http.Request) error {
	origins := p.config().Origins
	header := w.Header()
	if slices.Contains(origins, "*") {
		header["Access-Control-Allow-Origin"] = anyOrigin
	} else {
		header.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || lane.SameOrigin(r) {
			return nil
		}
		if !slices.ContainsFunc(origins, func(allowed string) bool { return matchOrigin(allowed, origin) }) {
			return lane.Refuse(http.StatusForbidden, "origin", "pages of %s may not use this; push.origins in the configuration lists those that may", origin)
		}
		header.Set("Access-Control-Allow-Origin", origin)
	}
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
		header.Set("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID")
		header.Set("Access-Control-Max-Age", "86400")
	}
	return nil
}

var anyOrigin = []string{"*"}

// exposeHeaders names the fields of an answer that a page of another origin may read.
const exposeHeaders = "Access-Control-Expose-Headers"

// matchOrigin tells whether allowed, such as "https://app.example" or "https://*.example", stands for origin. The "*."
// stands for one or more labels of a host name.
func matchOrigin(allowed, origin string) bool {
	scheme, host, ok := strings.Cut(allowed, "://*.")
	if !ok {
		return strings.EqualFold(allowed, origin)
	}
	rest, ok := strings.CutPrefix(strings.ToLower(origin), strings.ToLower(scheme)+"://")
	sub, ok2 := strings.CutSuffix(rest, "."+strings.ToLower(host))
	return ok && ok2 && sub != "" && !strings.ContainsAny(sub, "/:@")
}
