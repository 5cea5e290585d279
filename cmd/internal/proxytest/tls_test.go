package proxytest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tlsLine is a line of docs/proxies that is a comment until a site has a certificate.
var tlsLine = regexp.MustCompile(`(?m)^(\s*)# ((?:listen 443|ssl_|tls |bind :443|LoadModule|Protocols|SSL).*)$`)

// withTLS returns a file of docs/proxies with TLS on port 8080, by a certificate in dir.
func withTLS(t *testing.T, name, dir string) string {
	config := tlsLine.ReplaceAllString(Config(t, name), "$1$2")
	for _, plain := range []string{"        listen 8080;\n", "    bind :8080\n"} {
		config = strings.Replace(config, plain, "", 1)
	}
	return strings.NewReplacer("443", "8080", "/etc/ssl/example.com", dir, "/etc/haproxy", dir).Replace(config)
}

// certificate writes the one of net/http/httptest into a folder, as proxies want it, and returns what trusts it.
func certificate(t *testing.T) (dir string, trusted *tls.Config) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	dir = t.TempDir()
	for name, text := range map[string][]byte{
		"fullchain.pem": chain, "privkey.pem": private, "example.com.pem": append(chain, private...),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return dir, &tls.Config{RootCAs: roots}
}

// TestTLS runs the files with TLS: polls and event streams go over HTTP/2, WebSockets over HTTP/1.1 at the same
// address.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir, trusted := certificate(t)
	daemon := Rootsd(t, "--push-origins=https://listed.example")
	for _, name := range Programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base := strings.Replace(Start(t, name, daemon.Behind(withTLS(t, name, dir))), "http:", "https:", 1)
			s := newSite(t, daemon, base, trusted)
			s.wantWorking(t)
			response, err := s.client.Get(s.base)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.ProtoMajor != 2 {
				t.Errorf("got an answer over %s, want HTTP/2", response.Proto)
			}
		})
	}
}
