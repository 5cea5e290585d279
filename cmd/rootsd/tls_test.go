package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// writePair writes a certificate and its key, and returns what trusts it.
func writePair(t *testing.T, c TLSConfig, names ...string) *x509.CertPool {
	t.Helper()
	cert, key, err := makeCertificate(time.Now().Add(time.Hour), names...)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{c.Cert: cert, c.Key: key} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return pool
}

// secureDaemon is a daemon whose push port speaks TLS, and what trusts its certificate.
func secureDaemon(t *testing.T) (*daemon, *x509.CertPool) {
	t.Helper()
	dir := t.TempDir()
	files := TLSConfig{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), HTTP: "127.0.0.1:0"}
	pool := writePair(t, files, "push.example.com", "127.0.0.1")
	d := quietDaemon(t, func(c *Config) { c.Push.TLS = files })
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	return d, pool
}

// address returns the host and port of one of the daemon's ports.
func (d *daemon) address(t *testing.T, key string) string {
	t.Helper()
	_, address, _ := strings.Cut(d.at(t, key), "://")
	return address
}

// Those who poll over TLS are answered when the daemon stops, whichever HTTP they speak.
func TestSecureDaemonStops(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d, pool := secureDaemon(t)
	answers := make(chan string, 2)
	for _, http2 := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: http2}
		defer transport.CloseIdleConnections()
		client := &http.Client{Transport: transport}
		var token string
		opened := fetchOver(t, client, d.at(t, "push.listen"))
		if _, err := fmt.Sscanf(opened, `HTTP/%d.%d {"updates":[],"reconnectWith":%q}`, new(int), new(int), &token); err != nil {
			t.Fatalf("opened with %s: %v", opened, err)
		}
		go func() { answers <- fetchOver(t, client, d.at(t, "push.listen")+"/"+token) }()
	}
	for d.parked(t) < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := d.stop(nil); err != nil {
		t.Errorf("stop: %v", err)
	}
	got := (<-answers)[:8] + " " + (<-answers)[:8]
	if got != "HTTP/1.1 HTTP/2.0" && got != "HTTP/2.0 HTTP/1.1" {
		t.Errorf("answered by %s", got)
	}
	goleak.VerifyNone(t, before)
}

// fetchOver returns the protocol and the body of an answer; the error is in its place if there is one.
func fetchOver(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	answer, err := client.Get(url)
	if err != nil {
		return "error: " + err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return "error: " + err.Error()
	}
	return answer.Proto + " " + string(body)
}

// parked returns how many clients wait.
func (d *daemon) parked(t *testing.T) (n int) {
	t.Helper()
	families, err := d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "rootsd_parked" {
			n = int(family.GetMetric()[0].GetGauge().GetValue())
		}
	}
	return n
}

// What is older than TLS 1.2 is refused, and counts as a handshake that failed; so does what is no TLS at all.
func TestHandshakeErrors(t *testing.T) {
	d, pool := secureDaemon(t)
	address := d.address(t, "push.listen")
	old := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", address, old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	if answer, err := http.Get("http://" + address); err == nil {
		answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("plain HTTP is answered %s", answer.Status)
		}
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for d.secure.failed.Load() < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := d.stop(nil); err != nil {
		t.Error(err)
	}
	if got := d.secure.failed.Load(); got != 2 {
		t.Errorf("%d handshakes have failed, not 2", got)
	}
}

// What a connection of HTTP/2 may cost is bounded, and one that takes no answer is closed as one of HTTP/1.1 is.
func TestStreamBounds(t *testing.T) {
	limits := DefaultConfig().Limits
	got := streamBounds(&limits)
	if got.WriteByteTimeout != limits.Write || got.MaxConcurrentStreams != 100 || got.MaxReceiveBufferPerConnection > 64<<10 {
		t.Errorf("got %+v", got)
	}
}

func TestRedirect(t *testing.T) {
	tests := []struct {
		host, number, want string
	}{
		{"a.example", "443", "a.example"},
		{"a.example", "8008", "a.example:8008"},
		{"::1", "443", "[::1]"},
		{"::1", "8008", "[::1]:8008"},
	}
	for _, tt := range tests {
		if got := authority(tt.host, tt.number); got != tt.want {
			t.Errorf("authority(%q, %q): got %q, want %q", tt.host, tt.number, got, tt.want)
		}
	}
	d, _ := secureDaemon(t)
	defer d.stop(nil)
	for _, request := range []string{
		"GET /x HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
		"GET /x HTTP/1.0\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n",
	} {
		conn := dialPort(t, d, "push.tls.http", request)
		if answer, _ := io.ReadAll(conn); !strings.Contains(string(answer), " 400 ") {
			t.Errorf("%q is answered %q", request, answer)
		}
	}
}

// The files are read again whenever the configuration is, and connections see the new pair from then on.
func TestCertificateIsReplaced(t *testing.T) {
	d, old := secureDaemon(t)
	defer d.stop(nil)
	dial := func(pool *x509.CertPool) error {
		conn, err := tls.Dial("tcp", d.address(t, "push.listen"), &tls.Config{RootCAs: pool, ServerName: "push.example.com"})
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial(old); err != nil {
		t.Fatal(err)
	}
	next := d.config.Clone()
	pool := writePair(t, next.Push.TLS, "push.example.com")
	if err := dial(old); err != nil {
		t.Errorf("before a reload: %v", err)
	}
	d.apply(next)
	if err := dial(pool); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	if dial(old) == nil {
		t.Error("the certificate is still the old one")
	}
	if err := os.WriteFile(next.Push.TLS.Key, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.apply(next)
	if err := dial(pool); err != nil {
		t.Errorf("after a bad pair: %v", err)
	}
}

// A daemon whose certificate cannot be used opens nothing and leaves nothing behind.
func TestBadCertificateOpensNothing(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d := quietDaemon(t, func(c *Config) { c.Push.TLS = TLSConfig{Cert: "none", Key: "none"} })
	if err := d.start(); err == nil || !strings.HasPrefix(err.Error(), "tls: push.tls.cert: cannot read none: ") {
		t.Errorf("got %v", err)
	}
	for _, p := range d.ports {
		if p.listener != nil {
			t.Errorf("%s was opened", p.key)
		}
	}
	goleak.VerifyNone(t, before)
}

// dialTLS shakes hands and returns the certificate's end.
func dialTLS(ctx context.Context, address string, config *tls.Config) (time.Time, error) {
	conn, err := (&tls.Dialer{Config: config, NetDialer: &net.Dialer{Timeout: patience}}).DialContext(ctx, "tcp", address)
	if err != nil {
		return time.Time{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].NotAfter, nil
}
