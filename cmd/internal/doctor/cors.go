package doctor

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

const allowOrigin = "Access-Control-Allow-Origin"

// cors asks as a page of the origin would.
func (e *exam) cors(ctx context.Context) Check {
	header := http.Header{"Origin": {e.origin()}}
	a, err := e.fetch(ctx, ask{url: e.at(""), header: header})
	if err != nil {
		return e.bad(fixNoOrigin, "%s", words(err))
	}
	if token := a.token(); token != "" {
		e.keep(token)
	}
	if c := e.allows(a, "GET"); c.State != OK {
		return c
	}
	header.Set("Access-Control-Request-Method", http.MethodPost)
	header.Set("Access-Control-Request-Headers", "content-type")
	a, err = e.fetch(ctx, ask{method: http.MethodOptions, url: e.at(""), header: header})
	if err != nil {
		return e.bad(fixNoOrigin, "OPTIONS: %s", words(err))
	}
	if c := e.allows(a, "OPTIONS"); c.State != OK {
		return c
	}
	return e.preflight(a)
}

// allows judges what an answer says of origins. Pages of rootsd's own origin do not need it, so that what is wrong with
// it is a warning for them.
func (e *exam) allows(a *answer, method string) Check {
	values := strings.Split(strings.Join(a.Header.Values(allowOrigin), ","), ",")
	values = slices.DeleteFunc(values, func(v string) bool { return strings.TrimSpace(v) == "" })
	switch {
	case a.reason() == "origin" && e.crossOrigin():
		return e.bad(fix{text: "Add it to the list, and reload: push.origins = [\"" + e.origin() + "\", …]"},
			"%s: rootsd lets pages of %s not use it", method, e.origin())
	case a.reason() == "origin":
		return e.bad(fixHost, "%s: rootsd takes pages of its own host for others': it is asked for another Host", method)
	case len(values) > 1:
		return e.foreign(fixTwoOrigins, "%s: the answer has %s %d times", method, allowOrigin, len(values))
	case a.StatusCode >= 400:
		return e.foreign(fixNoOrigin, "%s is answered %s", method, a.words())
	case len(values) == 0 && e.crossOrigin():
		return e.bad(fixNoOrigin, "%s: the answer has no %s", method, allowOrigin)
	case len(values) == 1 && values[0] != "*" && values[0] != e.origin():
		return e.foreign(fixTwoOrigins, "%s: the answer allows pages of %s, and not of %s", method, values[0], e.origin())
	}
	return good("")
}

// foreign fails for pages of another origin, and warns for those of the same.
func (e *exam) foreign(f fix, format string, args ...any) Check {
	if e.crossOrigin() {
		return e.bad(f, format, args...)
	}
	return e.warn(f, format+"; pages of other origins cannot use it", args...)
}

// preflight judges what else the answer to OPTIONS says.
func (e *exam) preflight(a *answer) Check {
	methods := a.Header.Get("Access-Control-Allow-Methods")
	fields := strings.ToLower(a.Header.Get("Access-Control-Allow-Headers"))
	if e.crossOrigin() && (!strings.Contains(methods, http.MethodDelete) || !strings.Contains(fields, "content-type")) {
		return e.warn(fixNoOrigin, "OPTIONS: the answer is not rootsd's: it allows %q and %q", methods, fields)
	}
	return good("pages of %s may use it", e.origin())
}
