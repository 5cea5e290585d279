package doctor

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
)

// prefix looks whether rootsd is asked for what the browser asks for: a token has slashes, and roots.js is a file.
func (e *exam) prefix(ctx context.Context) Check {
	token, err := e.open(ctx)
	if err != nil {
		return e.bad(fixRoute(e.URL.Path), "a second session is not opened: %s", words(err))
	}
	if c := e.tokenArrives(ctx, token); c.State != OK {
		return c
	}
	return e.scriptArrives(ctx)
}

// tokenArrives publishes nothing, which a session takes at once and rootsd explains where it knows no such token.
func (e *exam) tokenArrives(ctx context.Context, token string) Check {
	a, err := e.fetch(ctx, ask{method: http.MethodPost, url: e.at(token), body: "[]"})
	switch {
	case err == nil && a.reason() == "address":
		return e.mangled(token, seenBy(a.problem.Detail))
	case err != nil || a.problem == nil && a.StatusCode != http.StatusOK:
		// POST does not get through, which is for another check to say.
		return e.tokenPolls(ctx, token)
	}
	return good("") // also unknown_token: it came as it is, to another daemon
}

// tokenPolls does the same by GET, which is held where all is well.
func (e *exam) tokenPolls(ctx context.Context, token string) Check {
	ctx, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	a, err := e.read(ctx, ask{url: e.at(token)})
	switch {
	case err != nil && ctx.Err() != nil:
		return good("")
	case err != nil:
		return e.bad(fixSlashes, "an address with a token is not answered: %s", words(err))
	case a.reason() == "address":
		return e.mangled(token, seenBy(a.problem.Detail))
	case a.StatusCode >= 500 && a.problem == nil: // as where what is left is put right behind the port
		return e.bad(fixPrefix(e.URL.Path), "an address with a token is answered %s", a.words())
	case a.token() == "" && a.problem == nil:
		return e.bad(fixRoute(e.URL.Path), "an address with a token is answered %s", a.words())
	}
	return good("")
}

// seenBy returns the address that rootsd says it was asked for: the first text in quotes.
func seenBy(detail string) string {
	i := strings.IndexByte(detail, '"')
	if i < 0 {
		return ""
	}
	quoted, err := strconv.QuotedPrefix(detail[i:])
	if err != nil {
		return ""
	}
	text, _ := strconv.Unquote(quoted) // it is a quoted prefix
	return text
}

// mangled says what became of the address of a token on its way.
func (e *exam) mangled(token, seen string) Check {
	id := idOf(token)
	before, after, whole := strings.Cut(seen, id)
	switch {
	case whole && before == "//":
		return e.bad(fixPrefix(e.URL.Path), "a slash too many is left: rootsd is asked for //<token>, so no session is "+
			"found again")
	case whole && before != "/":
		return e.bad(fixPrefix(e.URL.Path), "the path is not taken off: rootsd is asked for %s<token>, so no session is "+
			"found again", before)
	case strings.Contains(seen, "%"):
		return e.bad(fixSlashes, "the slashes of a token arrive encoded, so no session is found again")
	case whole && strings.Count(after, "/") < strings.Count(token, "/"):
		return e.bad(fixPrefix(e.URL.Path), "the end of an address with a token is missing, so no session is found again")
	case seen == "/" || seen == "":
		return e.bad(fixPrefix(e.URL.Path), "of an address with a token only the root is left, so no session is found again")
	}
	return e.bad(fixPrefix(e.URL.Path), "too much is taken off an address: the token's beginning is missing, so no "+
		"session is found again")
}

// scriptArrives looks whether the browsers' script is below the prefix.
func (e *exam) scriptArrives(ctx context.Context) Check {
	a, err := e.fetch(ctx, ask{url: e.at("roots.js")})
	switch {
	case err != nil:
		return e.bad(fixRoute(e.URL.Path), "roots.js: %s", words(err))
	case a.token() != "":
		return e.bad(fixPrefix(e.URL.Path), "roots.js: rootsd is asked for another address, and opens a session")
	case a.StatusCode != http.StatusOK:
		return e.bad(fixRoute(e.URL.Path), "tokens arrive, but roots.js is answered %s: is there a rule for files such as "+
			"*.js before it?", a.words())
	case !strings.Contains(a.kind(), "javascript") || !bytes.Contains(a.body, []byte("Roots")):
		return e.bad(fixRoute(e.URL.Path), "tokens arrive, but roots.js is another file (%s): is there a rule for files "+
			"such as *.js before it?", a.kind())
	}
	return good("tokens and roots.js arrive as they were asked for")
}

// methods looks whether POST, DELETE and their bodies get through.
func (e *exam) methods(ctx context.Context) Check {
	token, err := e.open(ctx)
	if err != nil {
		return e.bad(fixMethods, "no session is opened: %s", words(err))
	}
	for _, a := range []ask{{method: http.MethodPost, body: "[]"}, {method: http.MethodDelete}} {
		a.url = e.at(token)
		got, err := e.fetch(ctx, a)
		switch {
		case err != nil:
			return e.warn(fixMethods, "%s: %s", a.method, words(err))
		case got.problem == nil && got.StatusCode != http.StatusOK && got.StatusCode != http.StatusNoContent:
			return e.warn(fixMethods, "%s is answered %s", a.method, got.words())
		}
	}
	return good("POST and DELETE get through")
}
