package lane

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
)

// request makes a request with header fields given as "Name: value".
func request(host string, fields ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/update", nil)
	r.Host = host
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		r.Header.Add(name, value)
	}
	return r
}

func checkGuard(t *testing.T, g *Guard, r *http.Request, want string) {
	t.Helper()
	err := g.Check(r)
	got := "passes"
	if err != nil {
		got = sayProblem(t, err)
	}
	if got != want {
		t.Errorf("%q %v: got %s, want %s", r.Host, r.Header, got, want)
	}
}

func TestGuardHost(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	g := &Guard{Hosts: []string{"roots.internal", "dotted.internal."}}
	for _, host := range []string{
		"localhost", "localhost:8004", "LOCALHOST:8004", "localhost.", "localhost.:8004", "localhost:",
		"127.0.0.1", "127.0.0.1:8004", "127.9.9.9:1", "192.168.1.5:8004", "10.0.0.1",
		"[::1]", "[::1]:8004", "[::ffff:127.0.0.1]:8004", "[fe80::1%eth0]:8004", "[2001:db8::1]:8004",
		"roots.internal", "Roots.Internal:8004", "roots.internal.:8004", "dotted.internal", "dotted.internal.",
		name, name + ":8004", strings.ToUpper(name) + ".:8004",
		"", // HTTP/1.0
	} {
		checkGuard(t, g, request(host), "passes")
	}
	for _, host := range []string{
		"evil.example", "evil.example:8004", "127.0.0.1.nip.io", "127.0.0.1.nip.io:8004", "localhost.evil.example",
		"evil.localhost", "xlocalhost", "localhostx", "localhost..", "localhost..:8004", ".localhost",
		"0x7f.1", "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "127.0.0.01", "1.2.3.4.", "127.0.0.1.:8004",
		"user@localhost", "user@localhost:8004", "evil.example@localhost", "localhost:8004@evil.example", "localhost@evil.example",
		"localhost:evil", "localhost:8004:8004", "localhost:8004.evil.example", "localhost:-1", "localhost: 8004", "127.0.0.1:x",
		"localhost/", "localhost#", "localhost?", "localhost ", " localhost", "localhost\t", "localhost,evil.example", "localhost\x00",
		"0.0.0.0", "0.0.0.0:8004", "[::]", "[::]:8004", "[::ffff:0.0.0.0]:8004", "[0:0:0:0:0:0:0:0]:8004", "[::%lo]:8004",
		"::1", "::1:8004", "[::1", "::1]", "[::1]evil", "[::1]:x", "[::1].evil.example", "[]", "[]:8004", "[localhost]", "[127.0.0.1]", "[[::1]]",
		":", ":8004", ".", ".:8004", "..", "*", "[::1]:8004:8004", "sub.roots.internal", "roots.internal.evil.example", "roots",
		"ｌocalhost", "127。0。0。1", strings.Repeat("a", 30_000),
	} {
		checkGuard(t, g, request(host), "403 host")
	}
	// A guard that knows no hosts has no empty one among them.
	checkGuard(t, &Guard{Hosts: []string{"", "."}}, request("."), "403 host")
}

func TestGuardSite(t *testing.T) {
	const cross = "403 cross_site"
	for _, tt := range []struct {
		host   string
		fields []string
		want   string
	}{
		{"localhost:8004", nil, "passes"},
		{"localhost:8004", []string{"Sec-Fetch-Site: none"}, "passes"},
		{"localhost:8004", []string{"Sec-Fetch-Site: same-origin"}, "passes"},
		{"localhost:8004", []string{"Sec-Fetch-Site: same-origin", "Origin: http://localhost:8004"}, "passes"},
		{"localhost:8004", []string{"Origin: https://localhost:8004"}, "passes"}, // a proxy took the TLS away
		{"LocalHost:8004", []string{"Origin: http://localhost:8004"}, "passes"},
		{"[::1]:8004", []string{"Origin: http://[::1]:8004"}, "passes"},

		// The developer's own application on another port, and any page on the web.
		{"localhost:8004", []string{"Sec-Fetch-Site: same-site"}, cross},
		{"localhost:8004", []string{"Sec-Fetch-Site: cross-site"}, cross},
		{"localhost:8004", []string{"Sec-Fetch-Site: "}, cross},
		{"localhost:8004", []string{"Sec-Fetch-Site: Same-Origin"}, cross},
		{"localhost:8004", []string{"Sec-Fetch-Site: none", "Sec-Fetch-Site: cross-site"}, cross},
		{"localhost:8004", []string{"Sec-Fetch-Site: same-origin", "Origin: http://evil.example"}, cross},
		{"localhost:8004", []string{"Sec-Fetch-Site: cross-site", "Origin: http://localhost:8004"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost:3000"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost"}, cross},
		{"localhost:8004", []string{"Origin: http://127.0.0.1:8004"}, cross},
		{"localhost:8004", []string{"Origin: http://evil.example:8004"}, cross},
		{"localhost:8004", []string{"Origin: null"}, cross}, // a sandboxed frame, a data: URL, a redirect
		{"localhost:8004", []string{"Origin: "}, cross},
		{"localhost:8004", []string{"Origin: file://"}, cross},
		{"localhost:8004", []string{"Origin: localhost:8004"}, cross},
		{"localhost:8004", []string{"Origin: //localhost:8004"}, cross},
		{"localhost:8004", []string{"Origin: app://localhost:8004"}, cross},
		{"localhost:8004", []string{"Origin: chrome-extension://localhost:8004"}, cross},
		{"localhost:8004", []string{"Origin: http://evil.example@localhost:8004"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost:8004@evil.example"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost:8004.evil.example"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost:8004/"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost:8004 http://evil.example"}, cross},
		{"localhost:8004", []string{"Origin: http://localhost:8004", "Origin: http://evil.example"}, cross},
		{"", []string{"Origin: http://"}, cross},
		{"", []string{"Origin: http://evil.example"}, cross},

		// DNS rebinding: the page's site is the very name that it calls.
		{"evil.example:8004", []string{"Sec-Fetch-Site: same-origin", "Origin: http://evil.example:8004"}, "403 host"},
		{"127.0.0.1.nip.io:8004", []string{"Origin: http://127.0.0.1.nip.io:8004"}, "403 host"},
	} {
		checkGuard(t, &Guard{}, request(tt.host, tt.fields...), tt.want)
		// A token that a page came by all the same does not help it.
		withToken := append(slices.Clone(tt.fields), "Authorization: Bearer right")
		want := strings.Replace(tt.want, "403 host", "passes", 1)
		checkGuard(t, &Guard{Tokens: []string{"right"}}, request(tt.host, withToken...), want)
	}
}

// Where a GET does something, a link must not: no browser may pass, whoever has it come, and no name to which browsers do
// not say that they are browsers.
func TestGuardNoBrowsers(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		host   string
		fields []string
		want   string
	}{
		{"localhost:8003", nil, "passes"},
		{"127.0.0.1:8003", nil, "passes"},
		{"127.9.9.9:8003", nil, "passes"},
		{"[::1]:8003", nil, "passes"},
		{"[::ffff:127.0.0.1]:8003", nil, "passes"},
		{"roots.internal:8003", nil, "passes"},
		{"", nil, "passes"},
		{name + ":8003", nil, "403 host"},
		{"192.168.1.5:8003", nil, "403 host"},
		{"[2001:db8::1]:8003", nil, "403 host"},
		{"0.0.0.0:8003", nil, "403 host"},
		{"localhost:8003", []string{"Sec-Fetch-Site: none"}, "403 cross_site"},
		{"localhost:8003", []string{"Sec-Fetch-Site: same-origin"}, "403 cross_site"},
		{"localhost:8003", []string{"Origin: http://localhost:8003"}, "403 cross_site"},
	} {
		checkGuard(t, &Guard{NoBrowsers: true, Hosts: []string{"roots.internal"}}, request(tt.host, tt.fields...), tt.want)
	}
	withToken := request("any.example", "Authorization: Bearer right", "Sec-Fetch-Site: none")
	checkGuard(t, &Guard{NoBrowsers: true, Tokens: []string{"right"}}, withToken, "403 cross_site")
}

func TestGuardToken(t *testing.T) {
	g := &Guard{Tokens: []string{"first-token", "second", "second-and-more"}}
	for _, field := range []string{
		"Authorization: Bearer first-token", "Authorization: Bearer second", "Authorization: Bearer second-and-more",
		"Authorization: bearer first-token", "Authorization: BEARER   second ",
	} {
		checkGuard(t, g, request("any.example", field), "passes")
	}
	for _, fields := range [][]string{
		nil,
		{"Authorization: "},
		{"Authorization: Bearer"},
		{"Authorization: Bearer "},
		{"Authorization: Bearer first-toke"},
		{"Authorization: Bearer first-token2"},
		{"Authorization: Bearer First-Token"},
		{"Authorization: Bearer first-token second"},
		{"Authorization: Bearer first-token, second"},
		{"Authorization: Bearer \"second\""},
		{"Authorization: Bearersecond"},
		{"Authorization: Bearer \u00a0second"},
		{"Authorization: Bearer second\u2003"},
		{"Authorization: Basic c2Vjb25kOg=="},
		{"Authorization: Token second"},
		{"Authorization: second"},
		{"Authorization: Bearer wrong", "Authorization: Bearer second"},
		{"Proxy-Authorization: Bearer second"},
		{"X-Token: second"},
		{"Authorization: Bearer " + strings.Repeat("x", 30_000)},
	} {
		r := request("localhost:8004", fields...)
		checkGuard(t, g, r, "401 token")
		p := JSONProblem(g.Check(r))
		if got := p.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, `Bearer realm="rootsd"`) {
			t.Errorf("%v: WWW-Authenticate is %q", fields, got)
		}
		if strings.Contains(p.Detail, "second") {
			t.Errorf("%v: the answer tells a token: %s", fields, p.Detail)
		}
	}
	// A token in the address would be logged everywhere.
	r := httptest.NewRequest(http.MethodPost, "/update?token=second&access_token=second", nil)
	checkGuard(t, g, r, "401 token")
}

func TestHasToken(t *testing.T) {
	for _, tt := range []struct {
		tokens []string
		given  string
		want   bool
	}{
		{nil, "", false},
		{nil, "a", false},
		{[]string{""}, "", false},
		{[]string{"", "a"}, "", false},
		{[]string{"", "a"}, "a", true},
		{[]string{"a", "a"}, "a", true},
		{[]string{"a", "b"}, "b", true},
		{[]string{"abc"}, "ab", false},
		{[]string{"ab"}, "abc", false},
		{[]string{"a\x00"}, "a", false},
	} {
		if got := HasToken(tt.tokens, tt.given); got != tt.want {
			t.Errorf("HasToken(%q, %q) = %v", tt.tokens, tt.given, got)
		}
	}
}

func ownName() string {
	name, _ := os.Hostname()
	return strings.TrimSuffix(name, ".")
}
