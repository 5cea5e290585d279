package main

import (
	"crypto/tls"
	"net"
	"testing"
)

// TestIdentity greets a server with the certificate that clients trust, and one with another.
func TestIdentity(t *testing.T) {
	const host = "127.0.0.1"
	trusted, err := newIdentity(t.TempDir(), host)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newIdentity(t.TempDir(), host)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		server *identity
		good   bool
	}{{"its own", trusted, true}, {"another", other, false}} {
		t.Run(test.name, func(t *testing.T) {
			certificate, err := tls.LoadX509KeyPair(test.server.cert, test.server.key)
			if err != nil {
				t.Fatal(err)
			}
			l, err := tls.Listen("tcp", net.JoinHostPort(host, "0"), &tls.Config{Certificates: []tls.Certificate{certificate}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if conn, err := l.Accept(); err == nil {
					_ = conn.(*tls.Conn).Handshake()
					_ = conn.Close()
				}
			}()
			h := newHistory(Rules{})
			conn, err := newLink(l.Addr().String(), host, trusted.client, h).dial(t.Context())
			if (err == nil) != test.good || (len(h.Found) == 0) != test.good {
				t.Errorf("%v, and found %v; want it good: %v", err, h.Found, test.good)
			}
			if conn != nil {
				conn.reset()
			}
		})
	}
}
