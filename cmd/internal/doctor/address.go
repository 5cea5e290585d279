package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// soon is when a certificate that expires is worth a warning.
const soon = 14 * 24 * time.Hour

// address opens a session at the URL, or says who answers there instead.
func (e *exam) address(ctx context.Context) Check {
	path := e.URL.Path // of the address that pages use, which is where something has to be mended
	a, moved, err := e.arrive(ctx)
	way := ""
	if moved != "" {
		way = "redirected to " + moved + ": "
	}
	if err != nil {
		return unreachable(err, way)
	}
	e.proxy = proxyOf(a)
	if a.token() == "" {
		e.control = a.isControl()
		seen, f := stranger(a, path)
		return e.bad(f, "%s", way+seen)
	}
	e.home = a
	e.keep(a.token())
	return e.arrived(a, moved != "")
}

var errCircle = errors.New("it redirects in a circle")

// arrive asks for the URL, and goes where it is sent. From then on that is the URL; moved is where, or "".
func (e *exam) arrive(ctx context.Context) (a *answer, moved string, err error) {
	next := e.URL
	for range 5 {
		if a, err = e.fetch(ctx, ask{url: next.String()}); err != nil {
			return nil, moved, err
		}
		to := redirection(a)
		if to == nil {
			return a, moved, nil
		}
		next, moved = to, place(to)
		e.URL = withSlash(to)
	}
	return nil, moved, errCircle
}

// redirection is where an answer sends the client, or nil.
func redirection(a *answer) *url.URL {
	to, err := a.Location()
	if err != nil || a.StatusCode < 300 || a.StatusCode > 399 {
		return nil
	}
	return to
}

// arrived is the check of an address that leads to rootsd.
func (e *exam) arrived(a *answer, moved bool) Check {
	seen := []string{"rootsd answers"}
	var fixes []string
	if moved {
		seen = append(seen, "after a redirect to "+e.URL.String())
		fixes = append(fixes, "Give pages the address "+e.URL.String()+": WebSockets and preflight requests follow no "+
			"redirect.")
	}
	if e.Insecure {
		seen = append(seen, "the certificate was not looked at")
		fixes = append(fixes, "Browsers do look at it: try without --insecure.")
	}
	if left, ok := validFor(a.TLS, time.Now()); ok {
		seen = append(seen, fmt.Sprintf("the certificate is valid for %d days", int(left/(24*time.Hour))))
		if left < soon {
			fixes = append(fixes, "Renew the certificate, and have whoever serves it read it again; find out why that did "+
				"not happen by itself.")
		}
	}
	if e.URL.Scheme == "http" && !isLocal(e.URL.Hostname()) {
		seen = append(seen, "without TLS")
		fixes = append(fixes, "Serve it by https: whoever is on the way can read the tokens, and pages of https may not "+
			"use it.")
	}
	c := Check{State: OK, Seen: strings.Join(seen, "; "), Fix: strings.Join(fixes, "\n")}
	if len(fixes) > 0 {
		c.State = Warning
	}
	return c
}

// isLocal tells whether a host is this machine by its very name.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// validFor returns for how long the certificate of a connection is valid; ok is false without TLS.
func validFor(state *tls.ConnectionState, now time.Time) (left time.Duration, ok bool) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return 0, false
	}
	return state.PeerCertificates[0].NotAfter.Sub(now), true
}

// unreachable is the check of an address at which nothing answers, or of what it has been redirected to.
func unreachable(err error, way string) Check {
	seen, repair := diagnose(err)
	return Check{State: Failed, Seen: way + seen, Fix: repair}
}

// diagnose says why there is no answer, and what to do.
func diagnose(err error) (seen, repair string) {
	var dns *net.DNSError
	var host x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " has no address", "Is it spelled right? Otherwise add an A or AAAA record."
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at this port", "Start the proxy (or rootsd), or give the port that it listens at."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no way leads to the host", "Look at routes and firewalls between here and there."
	case errors.As(err, &host):
		return "the certificate is for other names: " + strings.Join(host.Certificate.DNSNames, ", "),
			"Have a certificate made for " + host.Host + ", or give pages a name that it holds."
	case errors.As(err, &authority):
		return "the certificate is signed by nobody whom this machine trusts",
			"Serve the whole chain (fullchain.pem, not cert.pem). For an authority of your own: SSL_CERT_FILE, or --insecure."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate is not valid now; it ends " + invalid.Cert.NotAfter.Format(time.DateOnly),
			"Renew it, and have whoever serves it read it again. Is the clock of this machine right?"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "plain HTTP answers at this port", "Give the address with http://, or have the proxy speak TLS here."
	case errors.Is(err, errCircle):
		return words(err), "Leave this path out of the redirect. If it is one to https, a proxy in front speaks plain HTTP " +
			"to the server that redirects, and has to tell it that browsers came by https (X-Forwarded-Proto)."
	case strings.Contains(err.Error(), "malformed HTTP"), strings.Contains(err.Error(), "readLoopPeekFail"):
		return "what answers at this port is not HTTP", "Give the port of the proxy, or of rootsd's push port."
	case isTimeout(err):
		return "no answer in time", "Does a firewall drop it? Does the proxy wait for a rootsd that hangs? --timeout " +
			"gives it longer."
	}
	return words(err), "Look at the log of what listens there."
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// words are an error as people say it.
func words(err error) string {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), strings.Contains(err.Error(), "server closed idle connection"):
		return "the connection was closed" // the last one by a server that does not even read the request
	case isTimeout(err):
		return "no answer in time"
	}
	return err.Error()
}

// stranger says who answers in rootsd's place, and what to do.
func stranger(a *answer, path string) (seen string, f fix) {
	switch {
	case a.isControl():
		return a.words() + ": one of rootsd's control ports answers, and not its push port", fixControl
	case a.problem != nil:
		return refused(a, path)
	case slices.Contains([]int{401, 403, 407}, a.StatusCode):
		return a.words() + ": a proxy wants a login", fixLogin
	case slices.Contains([]int{502, 503, 504}, a.StatusCode):
		return a.words() + ": the proxy has no answer from rootsd", fixDown
	case bytes.Contains(a.body, []byte("sent to HTTPS port")), bytes.Contains(a.body, []byte("HTTP request to an HTTPS "+
		"server")):
		return a.words() + ": TLS is spoken here, and this was plain HTTP", fix{text: "Give the address with https://."}
	case a.StatusCode == http.StatusOK && bytes.Contains(a.body, []byte(`type="password"`)):
		f = fixRoute(path)
		f.text += " If it is the proxy that wants a login, have it want none here."
		return "a login page answers: the application's or a proxy's, and not rootsd", f
	case a.StatusCode == http.StatusOK && a.kind() == "text/html":
		return "an HTML page answers: that is the application, and not rootsd", fixRoute(path)
	case a.StatusCode == http.StatusNotFound:
		return a.words() + ": a proxy or the application answers, and not rootsd", fixRoute(path)
	}
	return fmt.Sprintf("%s, %s: that is not rootsd", a.words(), cmp.Or(a.kind(), "of no type")), fixRoute(path)
}

// refused is what stranger says of rootsd's own errors.
func refused(a *answer, path string) (seen string, f fix) {
	switch a.reason() {
	case "address":
		if above, ok := strings.CutSuffix(path, "roots.js/"); ok {
			return a.words() + ": that is the script", fix{text: "Give the address below which it is: " + above}
		}
		return a.words() + ": rootsd is asked for another address than its root", fixPrefix(path)
	case "sessions", "connections":
		return a.words() + ": rootsd has no room", fix{text: "Raise limits." + a.reason() + ", or find out who opens so " +
			"many (docs/operations.md, Metrics)."}
	case "draining":
		return a.words() + ": rootsd is stopping", fix{text: "Try again when it has started."}
	}
	return a.words(), fix{text: "docs/protocol.md says what that means; the log of rootsd at log.level = \"debug\" " +
		"says more."}
}

// place is an address as it may be shown: without a query, in which secrets may stand.
func place(u *url.URL) string {
	v := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return v.String()
}

// isControl tells whether an answer is of rootsd's ingest port or its admin port, whose page is the dashboard.
func (a *answer) isControl() bool {
	return slices.Contains([]string{"token", "method", "host", "cross_site"}, a.reason()) ||
		a.StatusCode == http.StatusOK && bytes.Contains(a.body, []byte("<title>Roots</title>"))
}
