package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// cookies looks whether the application connects those who are logged in, and only those; and whether anything sets
// cookies where rootsd sets none.
func (e *exam) cookies(ctx context.Context) Check {
	c := e.application(ctx)
	if c.State != Failed && len(e.home.Cookies()) > 0 {
		return e.warn(fixSetCookie, "answers of rootsd's address set cookies")
	}
	return c
}

// application asks the application as strangers do, and as a page of a logged-in user does.
func (e *exam) application(ctx context.Context) Check {
	switch {
	case e.Connect == nil:
		return skip("give --connect, --cookie and --path to have the application asked")
	case e.blame["prefix"] != "":
		return skip("see prefix")
	}
	token, err := e.open(ctx)
	if err != nil {
		return e.bad(fixRoute(e.URL.Path), "no session is opened: %s", words(err))
	}
	if c := e.refusesStrangers(ctx, idOf(token)); c.State != OK {
		return c
	}
	if c := e.letsIn(ctx, idOf(token)); c.State != OK {
		return c
	}
	return e.isConnected(ctx, token)
}

// request asks the application to connect a client.
func (e *exam) request(ctx context.Context, id string, header http.Header, cookies []*http.Cookie) (*answer, error) {
	body, err := json.Marshal(e.Paths)
	if err != nil {
		return nil, err
	}
	header = header.Clone()
	for _, c := range cookies {
		header.Add("Cookie", c.Name+"="+c.Value)
	}
	return e.fetch(ctx, ask{
		method: http.MethodPost, url: withID(e.endpoint(), id), header: header, body: string(body), stranger: true,
	})
}

// withID puts the ID into the application's URL.
func withID(u *url.URL, id string) string {
	return strings.NewReplacer("{id}", id, "%7Bid%7D", id).Replace(u.String())
}

// refusesStrangers looks whether the application lets in who is not logged in, or a page of another site in the browser
// of one who is.
func (e *exam) refusesStrangers(ctx context.Context, id string) Check {
	own := http.Header{"Content-Type": {"application/json"}, "Origin": {e.origin()}, "Sec-Fetch-Site": {"same-origin"}}
	a, err := e.request(ctx, id, own, nil)
	switch {
	case err != nil:
		return e.bad(fixEndpoint, "the application: %s", words(err))
	case a.StatusCode < 300:
		return e.bad(fixAnybody, "without a cookie, the application answers %s: anybody may hear everything", a.Status)
	case a.StatusCode >= 500 || a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusMethodNotAllowed:
		return e.bad(fixEndpoint, "without a cookie, the application answers %s, and not 401 or 403", a.words())
	}
	other := http.Header{
		"Content-Type": {"text/plain"}, "Origin": {"https://another.invalid"}, "Sec-Fetch-Site": {"cross-site"},
	}
	if a, err = e.request(ctx, id, other, e.Cookies); err == nil && a.StatusCode < 300 && len(e.Cookies) > 0 {
		return e.bad(fixProof, "with the cookie and no CSRF proof, from a page of another site, the application answers "+
			"%s", a.Status)
	}
	return good("")
}

// letsIn looks whether the application connects one who is logged in.
func (e *exam) letsIn(ctx context.Context, id string) Check {
	header := e.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	header.Set("Content-Type", "application/json")
	header.Set("Origin", e.origin())
	header.Set("Sec-Fetch-Site", "same-origin")
	a, err := e.request(ctx, id, header, e.Cookies)
	switch {
	case err != nil:
		return e.bad(fixEndpoint, "the application: %s", words(err))
	case a.StatusCode < 300:
		return good("")
	case a.StatusCode < 400:
		to := "elsewhere"
		if u, err := a.Location(); err == nil {
			to = "to " + place(u)
		}
		return e.bad(fixCookie, "with the cookie, the application redirects %s, as for one who is not logged in", to)
	case a.StatusCode >= 500:
		return e.bad(e.fixIngest(), "with the cookie, the application answers %s", a.words())
	case a.StatusCode == http.StatusNotFound || a.StatusCode == http.StatusMethodNotAllowed:
		return e.bad(fixEndpoint, "with the cookie, the application answers %s", a.words())
	}
	return e.bad(fixCookie, "with the cookie, the application answers %s, as to one who may not", a.words())
}

// isConnected looks whether the client hears that it was connected.
func (e *exam) isConnected(ctx context.Context, token string) Check {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	missing := make(map[string]bool)
	for _, path := range e.Paths {
		missing[strings.Trim(path, "/")] = true
	}
	for len(missing) > 0 {
		asked := time.Now()
		a, err := e.read(ctx, ask{url: e.at(token)})
		if err != nil || a.token() == "" || idOf(a.token()) != idOf(token) {
			break
		}
		token = a.token()
		e.keep(token)
		b, _ := parseBatch(a.body) // it has a token, so it is one
		for _, u := range *b.Updates {
			delete(missing, u.Path)
		}
		if time.Since(asked) < atOnce && len(*b.Updates) == 0 {
			break // it is not held
		}
	}
	if len(missing) > 0 {
		return e.bad(e.fixOther(), "the application says that all is well, and rootsd does not say that the client was "+
			"connected")
	}
	return good("strangers are refused; with the cookie the client is connected, and hears of it")
}
