package line

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
)

// hello is what a client of TLS begins with, for a page that has chosen the name of the server.
func hello(t *testing.T, server string) string {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		_ = tls.Client(ours, &tls.Config{ServerName: server, NextProtos: []string{"h2", "http/1.1"}}).Handshake() // nobody answers
		ours.Close()
	}()
	buf := make([]byte, 4<<10)
	n, err := theirs.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

// Whatever a browser says first is no line: the connection is closed, and nothing of what follows is done.
func TestOtherProtocols(t *testing.T) {
	const lines = "\n::kick; ID\n\na; 1\r\n\r\n::connect; ID->**\n"
	first := map[string]string{
		"TLS":               hello(t, "a.example"),
		"HTTP/2":            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"a WebSocket":       "GET /chat HTTP/1.1\r\nHost: localhost:8007\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
		"a line for a path": "POST /a;%20b HTTP/1.1\r\nHost: localhost:8007\r\n\r\n",
		"a line for a name": "POST / HTTP/1.1\r\na; b: c\r\n\r\n",
		"a whole URL":       "GET http://localhost:8007/ HTTP/1.1\r\n\r\n",
		"a semicolon":       "GET /;a=b;c HTTP/1.0\r\n\r\n",
		"spaces":            "GET   /   HTTP/1.1\r\n\r\n",
		"TURN":              "\x00\x03\x00\x08\x21\x12\xa4\x42",
		"DNS":               "\x00\x20\x12\x34\x01\x00",
		"a session of TLS":  "\x16\x03\x01\x00\x0a\x01",
		"an alert of TLS":   "\x15\x03\x01\x00\x02\x02\x28",
	}
	for _, method := range strings.Fields("GET HEAD POST PUT DELETE OPTIONS PATCH TRACE CONNECT QUERY BREW get A-B !#$%&'*+.^_`|~") {
		first[method] = method + " / HTTP/1.1\r\nHost: localhost:8007\r\nOrigin: https://evil.example\r\nContent-Type: text/plain\r\n\r\n"
	}
	for name, text := range first {
		for _, config := range []Config{{}, {Tokens: []string{"x"}}} {
			t.Run(name, func(t *testing.T) {
				bubble(t, config, func(t *testing.T, s *server, p *pipes) {
					conn := p.dial()
					_, _ = io.WriteString(conn, text+strings.ReplaceAll(lines, "ID", string(s.client)))
					if synctest.Wait(); !closed(conn) {
						t.Error("the connection is open")
					}
					if got := s.heard.taken(); len(got) > 0 {
						t.Errorf("this was done: %q", got)
					}
				})
			})
		}
	}
}

// A first line that has to bring a token may not be longer than tokens are.
func TestLongFirstLine(t *testing.T) {
	bubble(t, Config{Tokens: []string{strings.Repeat("x", 3000)}}, func(t *testing.T, s *server, p *pipes) {
		good, long := p.dial(), p.dial()
		_, _ = io.WriteString(good, "::token; "+strings.Repeat("x", 3000)+"\na; "+strings.Repeat("y", 10_000)+"\n")
		_, _ = long.Write(bytes.Repeat([]byte("x"), firstLine+3))
		if synctest.Wait(); closed(good) || !closed(long) {
			t.Error("the good connection is closed, or the long one open")
		}
		if n := len(s.heard.taken()); n != 1 {
			t.Errorf("%d lines were taken, want that of the good one", n)
		}
	})
}
