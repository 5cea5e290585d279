package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const acmeDomain = "push.example.com"

// acmeServer is as much of an ACME server (RFC 8555) as one order for one domain needs. It takes every signature for good,
// and checks the challenge as a real one would.
type acmeServer struct {
	*httptest.Server
	challenge string // the type that it offers
	check     func(token string) error
	requests  atomic.Int64
	orders    atomic.Int64 // of these
	authority *x509.Certificate
	key       *ecdsa.PrivateKey

	mu     sync.Mutex // guards what follows
	proven bool
	chain  []byte
}

func newACMEServer(t *testing.T, challenge string) *acmeServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &acmeServer{challenge: challenge, key: key, authority: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// pool trusts what the server signs.
func (s *acmeServer) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, s.authority, s.authority, s.key.Public(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return pool
}

// ServeHTTP implements http.Handler.
func (s *acmeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Replay-Nonce", fmt.Sprint("nonce-", s.requests.Add(1)))
	switch r.URL.Path {
	case "/directory":
		reply := map[string]string{"newNonce": s.URL + "/nonce", "newAccount": s.URL + "/account", "newOrder": s.URL + "/new"}
		_ = json.NewEncoder(w).Encode(reply)
	case "/nonce":
	case "/account":
		w.Header().Set("Location", s.URL+"/account/1")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"status":"valid"}`)
	case "/new":
		s.orders.Add(1)
		w.Header().Set("Location", s.URL+"/order")
		w.WriteHeader(http.StatusCreated)
		s.order(w)
	case "/order":
		s.order(w)
	case "/authorization":
		s.authorization(w)
	case "/challenge":
		s.prove()
		s.authorization(w)
	case "/finalize":
		s.sign(payload(r.Body))
		w.Header().Set("Location", s.URL+"/order")
		s.order(w)
	case "/certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(s.chain)
	default:
		http.NotFound(w, r)
	}
}

// payload returns what a signed request says.
func payload(body io.Reader) (said struct{ CSR string }) {
	var signed struct{ Payload string }
	_ = json.NewDecoder(body).Decode(&signed)
	text, _ := base64.RawURLEncoding.DecodeString(signed.Payload)
	_ = json.Unmarshal(text, &said)
	return said
}

func (s *acmeServer) order(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, certificate := "pending", ""
	if s.proven {
		status = "ready"
	}
	if s.chain != nil {
		status, certificate = "valid", s.URL+"/certificate"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": status, "finalize": s.URL + "/finalize", "certificate": certificate,
		"identifiers":    []map[string]string{{"type": "dns", "value": acmeDomain}},
		"authorizations": []string{s.URL + "/authorization"},
	})
}

func (s *acmeServer) authorization(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := "pending"
	if s.proven {
		status = "valid"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status": status, "identifier": map[string]string{"type": "dns", "value": acmeDomain},
		"challenges": []map[string]string{{"type": s.challenge, "url": s.URL + "/challenge", "token": "token", "status": status}},
	})
}

// prove looks whether the domain's owner answers the challenge.
func (s *acmeServer) prove() {
	err := s.check("token")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proven = err == nil
}

func (s *acmeServer) sign(said struct{ CSR string }) {
	der, _ := base64.RawURLEncoding.DecodeString(said.CSR)
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: request.DNSNames,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(12 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, leaf, s.authority, request.PublicKey, s.key)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
}

// checkTLS asks for the certificate that answers a tls-alpn-01 challenge (RFC 8737).
func checkTLS(address string) error {
	conn, err := tls.Dial("tcp", address, &tls.Config{
		ServerName: acmeDomain, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	state := conn.ConnectionState()
	for _, extension := range state.PeerCertificates[0].Extensions {
		if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && state.NegotiatedProtocol == "acme-tls/1" {
			return nil
		}
	}
	return errors.New("no answer in the certificate")
}

// checkHTTP asks for the page that answers an http-01 challenge.
func checkHTTP(url, token string) error {
	header := http.Header{"Host": {acmeDomain}}
	answer, err := fetch(context.Background(), request{method: http.MethodGet, url: url + "/.well-known/acme-challenge/" + token, header: header})
	if err == nil && (answer.code != http.StatusOK || !strings.HasPrefix(answer.body, token+".")) {
		err = fmt.Errorf("%s: %s", answer.status, answer.body)
	}
	return err
}

// acmeDaemon is a daemon, not started yet, whose certificates come from s.
func acmeDaemon(t *testing.T, s *acmeServer, cache string) *daemon {
	return quietDaemon(t, func(c *Config) {
		c.Push.TLS = TLSConfig{Domains: []string{acmeDomain}, Cache: cache, ACME: s.URL + "/directory", HTTP: "127.0.0.1:0"}
	})
}

// A certificate is obtained by either challenge, shown to clients and kept for the next start.
func TestACME(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			s := newACMEServer(t, challenge)
			cache := filepath.Join(t.TempDir(), "state", "certificates")
			d := acmeDaemon(t, s, cache)
			s.check = func(token string) error {
				if challenge == "http-01" {
					return checkHTTP(d.at(t, "push.tls.http"), token)
				}
				return checkTLS(d.address(t, "push.listen"))
			}
			if err := d.start(); err != nil {
				t.Fatal(err)
			}
			client := &tls.Config{RootCAs: s.pool(t), ServerName: acmeDomain}
			end, err := dialTLS(t.Context(), d.address(t, "push.listen"), client)
			if err != nil {
				t.Error(err)
			}
			for err == nil && d.secure.expiry().IsZero() {
				time.Sleep(time.Millisecond)
			}
			if got := d.secure.expiry(); !got.Equal(end) {
				t.Errorf("the certificate ends at %v, and is said to end at %v", end, got)
			}
			if err := d.stop(nil); err != nil {
				t.Error(err)
			}
			checkCache(t, cache)
			fromCache(t, s, cache, client)
			s.Close()
			goleak.VerifyNone(t, before)
		})
	}
}

// checkCache sees that nobody else can read what is kept.
func checkCache(t *testing.T, dir string) {
	t.Helper()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, acmeDomain)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the certificate: %v, %v", info, err)
	}
}

// fromCache sees that a next daemon asks for no certificate. The one before may still look after what it had to prove.
func fromCache(t *testing.T, s *acmeServer, cache string, client *tls.Config) {
	t.Helper()
	asked := s.orders.Load()
	d := acmeDaemon(t, s, cache)
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	if _, err := dialTLS(t.Context(), d.address(t, "push.listen"), client); err != nil {
		t.Error(err)
	}
	if err := d.stop(nil); err != nil {
		t.Error(err)
	}
	if now := s.orders.Load(); now != asked {
		t.Errorf("the ACME server was asked for %d certificates more", now-asked)
	}
}

// Whoever names another domain, or none, is refused without a word to the ACME server.
func TestACMEAsksForOurDomainsOnly(t *testing.T) {
	s := newACMEServer(t, "tls-alpn-01")
	a, err := newACMECertificates(TLSConfig{Domains: []string{acmeDomain}, Cache: t.TempDir(), ACME: s.URL + "/directory"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for _, domain := range []string{"", "evil.example", "a." + acmeDomain, "localhost", "127.0.0.1"} {
		if _, err := a.certificate(helloFor(domain)); err == nil {
			t.Errorf("%q is given a certificate", domain)
		}
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the ACME server was asked %d times", n)
	}
}

// That no certificate can be had is said in the log, once for each reason.
func TestACMEFailureIsLogged(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	var log bytes.Buffer
	config := TLSConfig{Domains: []string{acmeDomain}, Cache: t.TempDir(), ACME: server.URL + "/directory"}
	a, err := newACMECertificates(config, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	for range 3 {
		a.look(acmeDomain)
	}
	const want = `level=ERROR msg="no certificate could be had; clients cannot connect" domain=push.example.com err="404`
	if got := log.String(); !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("the log is\n%s", got)
	}
	// autocert does not try again so soon; the reason is still the same.
	if _, err := a.certificate(helloFor(acmeDomain)); err == nil || !strings.HasPrefix(err.Error(), "404") {
		t.Errorf("the next client is refused by %v", err)
	}
	if !a.expiry().IsZero() {
		t.Error("a certificate that is not there has an end")
	}
}

// After close, nothing is sent to the ACME server any more.
func TestACMEStops(t *testing.T) {
	s := newACMEServer(t, "tls-alpn-01")
	a, err := newACMECertificates(TLSConfig{Domains: []string{acmeDomain}, Cache: t.TempDir(), ACME: s.URL + "/directory"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
	if _, err := a.certificate(helloFor(acmeDomain)); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v", err)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("the ACME server was asked %d times", n)
	}
}
