package lane

import (
	"fmt"
	"strings"
	"testing"
)

const host = "Host: a\r\n"

// strictRequests are requests, and what the loops make of them: "whole" and what they read, "partial" or "odd".
var strictRequests = []struct{ name, text, want string }{
	{"a poll", "GET /x/1/s?a=b HTTP/1.1\r\nHost: h:80\r\n\r\n", "whole GET /x/1/s?a=b host=h:80 keep-alive"},
	{"the root", "GET / HTTP/1.1\r\n" + host + "\r\n", "whole GET / host=a keep-alive"},
	{"two slashes", "GET //b HTTP/1.1\r\n" + host + "\r\n", "whole GET //b host=a keep-alive"},
	{"an empty query", "GET /? HTTP/1.1\r\n" + host + "\r\n", "whole GET / host=a keep-alive"},
	{"two question marks", "GET /a?b?c HTTP/1.1\r\n" + host + "\r\n", "whole GET /a?b?c host=a keep-alive"},
	{"an escape in the query", "GET /?a=%2F HTTP/1.1\r\n" + host + "\r\n", "whole GET /?a=%2F host=a keep-alive"},
	{"half an escape in the query", "GET /?a=%2 HTTP/1.1\r\n" + host + "\r\n", "whole GET /?a=%2 host=a keep-alive"},
	{"DELETE", "DELETE /t HTTP/1.1\r\n" + host + "\r\n", "whole DELETE /t host=a keep-alive"},
	{"OPTIONS", "OPTIONS /t HTTP/1.1\r\n" + host + "\r\n", "whole OPTIONS /t host=a keep-alive"},
	{"a body", "POST /u HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabcGET /", `whole POST /u host=a body="abc" keep-alive rest=5`},
	{"an empty body", "POST /u HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", "whole POST /u host=a keep-alive"},
	{"a body of 0 bytes of GET", "GET /u HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", "whole GET /u host=a keep-alive"},
	{"zeros before a length", "POST /u HTTP/1.1\r\n" + host + "Content-Length: 002\r\n\r\nab", `whole POST /u host=a body="ab" keep-alive`},
	{"names in any case", "POST /u HTTP/1.1\r\nhOST:a\r\ncontent-LENGTH:2\r\n\r\nab", `whole POST /u host=a body="ab" keep-alive`},
	{"space around a value", "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "whole GET / host=a keep-alive"},
	{"fields of interest", "GET / HTTP/1.1\r\n" + host + "Origin: o\r\nSec-Fetch-Site: s\r\nAuthorization: t\r\nAccept: e\r\nLast-Event-ID: 9\r\n\r\n",
		"whole GET / host=a origin=o site=s authorization=t accept=e last=9 keep-alive"},
	{"fields of no interest", "GET / HTTP/1.1\r\n" + host + "Cookie: a=b; \xc3\xa9\r\nX:\r\nX: 1\r\n\r\n", "whole GET / host=a keep-alive"},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "whole GET / 1.0"},
	{"HTTP/1.0 that stays", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "whole GET / 1.0 keep-alive"},
	{"close", "GET / HTTP/1.1\r\n" + host + "Connection: Close\r\n\r\n", "whole GET / host=a"},
	{"keep-alive said", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\n\r\n", "whole GET / host=a keep-alive"},
	{"a WebSocket", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n",
		"whole GET / host=a upgrade key=k version=13 keep-alive"},
	{"64 fields", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: 1\r\n", 63) + "\r\n", "whole GET / host=a keep-alive"},
	{"the longest header", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", maxFastHeader-32) + "\r\n\r\n", "whole GET / host=a keep-alive"},

	{"nothing", "", "partial"},
	{"half a line", "GET /", "partial"},
	{"a line without its LF", "GET / HTTP/1.1\r", "partial"},
	{"a line", "GET / HTTP/1.1\r\n", "partial"},
	{"half a field", "GET / HTTP/1.1\r\nHos", "partial"},
	{"a header without its end", "GET / HTTP/1.1\r\n" + host, "partial"},
	{"a header without its last LF", "GET / HTTP/1.1\r\n" + host + "\r", "partial"},
	{"half a body", "POST / HTTP/1.1\r\n" + host + "Content-Length: 9\r\n\r\nabc", "partial"},
	{"the largest body, to come", "POST / HTTP/1.1\r\n" + host + "Content-Length: 32768\r\n\r\n", "partial"},

	{"LF alone after the line", "GET / HTTP/1.1\nHost: a\r\n\r\n", "odd"},
	{"LF alone after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n", "odd"},
	{"LF alone at the end", "GET / HTTP/1.1\r\n" + host + "\n", "odd"},
	{"CR alone in the line", "GET /\rx HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"CR alone in a line to come", "GET /\rx", "odd"},
	{"CR alone in a field", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", "odd"},
	{"CR twice", "GET / HTTP/1.1\r\r\n" + host + "\r\n", "odd"},
	{"CR LF at the beginning", "\r\nGET / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"LF at the beginning", "\nGET / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a folded field", "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n", "odd"},
	{"a field folded by a tab", "GET / HTTP/1.1\r\n" + host + "X: a\r\n\tb: c\r\n\r\n", "odd"},
	{"a folded first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "odd"},
	{"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "odd"},
	{"tab before the colon", "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", "odd"},
	{"no colon", "GET / HTTP/1.1\r\n" + host + "X\r\n\r\n", "odd"},
	{"no name", "GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n", "odd"},
	{"a name with a space", "GET / HTTP/1.1\r\n" + host + "X y: z\r\n\r\n", "odd"},
	{"a name that is not ASCII", "GET / HTTP/1.1\r\n" + host + "\xc3\xa9: z\r\n\r\n", "odd"},
	{"a name with NUL", "GET / HTTP/1.1\r\n" + host + "X\x00: z\r\n\r\n", "odd"},
	{"a value with NUL", "GET / HTTP/1.1\r\n" + host + "X: \x00\r\n\r\n", "odd"},
	{"a value with DEL", "GET / HTTP/1.1\r\n" + host + "X: \x7f\r\n\r\n", "odd"},
	{"a value with ESC", "GET / HTTP/1.1\r\n" + host + "X: \x1b[0m\r\n\r\n", "odd"},

	{"two lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "odd"},
	{"a length twice", "POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "odd"},
	{"a list of lengths", "POST / HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nabcde", "odd"},
	{"a signed length", "POST / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nabcde", "odd"},
	{"a negative length", "POST / HTTP/1.1\r\n" + host + "Content-Length: -5\r\n\r\nabcde", "odd"},
	{"an empty length", "POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n", "odd"},
	{"a length in hex", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0x5\r\n\r\nabcde", "odd"},
	{"a length with a space", "POST / HTTP/1.1\r\n" + host + "Content-Length: 1 0\r\n\r\n", "odd"},
	{"a length of 10 digits", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4294967297\r\n\r\n", "odd"},
	{"a length of 30 digits", "POST / HTTP/1.1\r\n" + host + "Content-Length: " + strings.Repeat("9", 30) + "\r\n\r\n", "odd"},
	{"a body too large", "POST / HTTP/1.1\r\n" + host + "Content-Length: 32769\r\n\r\n", "odd"},
	{"no length", "POST / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"GET with a body", "GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\na", "odd"},
	{"DELETE with a body", "DELETE / HTTP/1.1\r\n" + host + "Content-Length: 1\r\n\r\na", "odd"},
	{"chunks", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "odd"},
	{"chunks and a length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "odd"},
	{"a length and chunks", "POST / HTTP/1.1\r\n" + host + "tRANSFER-eNCODING: identity\r\nContent-Length: 4\r\n\r\nabcd", "odd"},
	{"chunks of no name", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding:\r\n\r\nabcd", "odd"},
	{"chunks with a tab", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding:\tchunked\r\n\r\nabcd", "odd"},
	{"chunks with a space", "POST / HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\nabcd", "odd"},
	{"a trailer", "GET / HTTP/1.1\r\n" + host + "Trailer: X\r\n\r\n", "odd"},
	{"an encoded body", "POST / HTTP/1.1\r\n" + host + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\na", "odd"},

	{"no Host", "GET / HTTP/1.1\r\n\r\n", "odd"},
	{"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "odd"},
	{"an empty Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: \r\n\r\n", "odd"},
	{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "odd"},
	{"Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "odd"},
	{"Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "odd"},
	{"Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "odd"},
	{"a list of Hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "odd"},
	{"two Origins", "GET / HTTP/1.1\r\n" + host + "Origin: a\r\nOrigin: a\r\n\r\n", "odd"},
	{"an empty Origin", "GET / HTTP/1.1\r\n" + host + "Origin:\r\n\r\n", "odd"},
	{"two Authorizations", "GET / HTTP/1.1\r\n" + host + "Authorization: a\r\nAuthorization: b\r\n\r\n", "odd"},

	{"a whole URL", "GET http://a/ HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"an authority", "CONNECT a:80 HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"an escape in the path", "GET /%2e%2e HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a fragment", "GET /#a HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a backslash", "GET /\\a HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"NUL in the path", "GET /\x00 HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"NUL in the query", "GET /?\x00 HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a path that is not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a query that is not ASCII", "GET /?\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"two spaces before the target", "GET  / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"two spaces after the target", "GET /  HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a space after the version", "GET / HTTP/1.1 \r\n" + host + "\r\n", "odd"},
	{"a space before the method", " GET / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a tab in the line", "GET\t/\tHTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a space in the target", "GET /a b HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"no target", "GET HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"HTTP/0.9", "GET /\r\n", "odd"},
	{"HTTP/1.2", "GET / HTTP/1.2\r\n" + host + "\r\n", "odd"},
	{"http/1.1", "GET / http/1.1\r\n" + host + "\r\n", "odd"},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "odd"},
	{"HTTP/2 said of a poll", "GET / HTTP/2.0\r\n" + host + "\r\n", "odd"},
	{"a method in lower case", "get / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"HEAD", "HEAD / HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"PUT", "PUT / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", "odd"},
	{"TLS", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", "odd"},

	{"65 fields", "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: 1\r\n", 64) + "\r\n", "odd"},
	{"a header too long", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", maxFastHeader-31) + "\r\n\r\n", "odd"},
	{"a header too long that has no end", "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", maxFastHeader), "odd"},
	{"a line too long", "GET /" + strings.Repeat("x", maxFastHeader) + " HTTP/1.1\r\n" + host + "\r\n", "odd"},
	{"a line too long that has no end", "GET /" + strings.Repeat("x", maxFastHeader), "odd"},
	{"Expect", "POST / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", "odd"},
	{"Upgrade to h2c", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n", "odd"},
	{"Upgrade to two", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", "odd"},
	{"Upgrade twice", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n", "odd"},
	{"Upgrade that Connection does not say", "GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\n\r\n", "odd"},
	{"Upgrade that Connection, being there, does not say", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n", "odd"},
	{"Connection: Upgrade to nothing", "GET / HTTP/1.1\r\n" + host + "Connection: Upgrade\r\n\r\n", "odd"},
	{"Upgrade in HTTP/1.0", "GET / HTTP/1.0\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "odd"},
	{"Upgrade of a POST", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "odd"},
	{"Connection: close and more", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, close\r\n\r\n", "odd"},
	{"Connection that names a field", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive, Origin\r\n\r\n", "odd"},
	{"Connection twice", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive\r\nConnection: close\r\n\r\n", "odd"},
	{"an empty Connection", "GET / HTTP/1.1\r\n" + host + "Connection:\r\n\r\n", "odd"},
	{"Connection with an empty option", "GET / HTTP/1.1\r\n" + host + "Connection: keep-alive,\r\n\r\n", "odd"},
	{"Proxy-Connection", "GET / HTTP/1.1\r\n" + host + "Proxy-Connection: close\r\n\r\n", "odd"},
}

func TestParse(t *testing.T) {
	for _, tt := range strictRequests {
		t.Run(tt.name, func(t *testing.T) {
			if got := sayRequest([]byte(tt.text), maxFastHeader); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A header that is larger than the bound is odd as soon as that is known.
func TestParseBound(t *testing.T) {
	text := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for max, want := range map[int]string{len(text): "whole GET / host=a keep-alive", len(text) - 1: "odd", 10: "odd"} {
		if got := sayRequest([]byte(text), max); got != want {
			t.Errorf("bound %d: got %s, want %s", max, got, want)
		}
	}
	if got := sayRequest([]byte(text[:11]), 10); got != "odd" {
		t.Errorf("the beginning: got %s", got)
	}
	if got := sayRequest([]byte(text[:10]), 10); got != "partial" {
		t.Errorf("as much as may be: got %s", got)
	}
}

// sayRequest writes what parse makes of text.
func sayRequest(text []byte, maxHeader int) string {
	var r Request
	v, used := r.parse(text, maxHeader)
	if v != whole {
		return [...]string{partial: "partial", odd: "odd"}[v]
	}
	said := "whole " + r.Method + " " + r.Path
	if r.Query != "" {
		said += "?" + r.Query
	}
	for _, field := range []struct{ name, value string }{
		{"host", r.Host}, {"origin", r.Origin}, {"site", r.Site}, {"authorization", r.Authorization},
		{"accept", r.Accept}, {"last", r.LastEventID},
	} {
		if field.value != "" {
			said += " " + field.name + "=" + field.value
		}
	}
	if r.Upgrade {
		said += " upgrade key=" + r.Key + " version=" + r.Version
	}
	if len(r.Body) > 0 {
		said += fmt.Sprintf(" body=%q", r.Body)
	}
	if r.HTTP10() {
		said += " 1.0"
	}
	if r.keepAlive {
		said += " keep-alive"
	}
	if rest := len(text) - used; rest > 0 {
		said += fmt.Sprintf(" rest=%d", rest)
	}
	return said
}
