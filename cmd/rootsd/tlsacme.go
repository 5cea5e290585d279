package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// acmeCertificates are certificates that an ACME server signs. autocert asks for one at the first handshake that needs
// it, keeps it in a directory, and renews it when two thirds of its time are over.
type acmeCertificates struct {
	manager   *autocert.Manager
	transport *http.Transport
	domains   []string
	log       *slog.Logger
	stopped   chan struct{} // closed by close
	running   sync.WaitGroup

	mu       sync.Mutex           // guards what follows
	ends     map[string]time.Time // when the certificate of a domain expires
	failures map[string]string    // the last failure of a domain, which is in the log
}

const (
	// lookTime is how often all certificates are looked at.
	lookTime = time.Hour
	// acmeTime is how long one request to the ACME server may take.
	acmeTime = 30 * time.Second
	// acmeStopTime is how long close waits for such a request; what it was for is asked for again after the next start.
	acmeStopTime = 2 * time.Second
)

func newACMECertificates(c TLSConfig, log *slog.Logger) (*acmeCertificates, error) {
	if err := prepareDirectory(c.Cache); err != nil {
		return nil, fmt.Errorf("push.tls.cache: cannot keep certificates in %s: %w", c.Cache, withoutName(err))
	}
	a := &acmeCertificates{
		transport: http.DefaultTransport.(*http.Transport).Clone(),
		domains:   c.Domains, log: log,
		stopped: make(chan struct{}),
		ends:    make(map[string]time.Time), failures: make(map[string]string),
	}
	directory := c.ACME
	if directory == "" {
		directory = autocert.DefaultACMEDirectory
	}
	a.manager = &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(c.Cache), HostPolicy: a.policy, Email: c.Email,
		Client: &acme.Client{
			DirectoryURL: directory, UserAgent: "rootsd/" + version,
			HTTPClient: &http.Client{Transport: a, Timeout: acmeTime},
		},
	}
	return a, nil
}

// prepareDirectory makes a directory for secrets, and sees that it can be written to. A certificate that cannot be kept
// is asked for at each start, until the ACME server has had enough of that.
func prepareDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func (a *acmeCertificates) security() *security {
	return &security{
		certificate: a.certificate, expiry: a.expiry, begin: a.begin,
		protocols: []string{"h2", "http/1.1", acme.ALPNProto},
	}
}

// policy refuses domains that are not ours, before anything is asked of the ACME server.
func (a *acmeCertificates) policy(_ context.Context, domain string) error {
	if slices.Contains(a.domains, domain) {
		return nil
	}
	return fmt.Errorf("%q is not among push.tls.domains", domain)
}

// RoundTrip sends a request to the ACME server, unless the daemon has stopped: autocert cannot be told to.
func (a *acmeCertificates) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case <-a.stopped:
		return nil, http.ErrServerClosed
	default:
		return a.transport.RoundTrip(r)
	}
}

// certificate finds or obtains the certificate for a handshake. That one could not be had is logged here, because
// net/http takes it for a matter of that one connection.
func (a *acmeCertificates) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	cert, err := a.manager.GetCertificate(hello)
	domain := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	challenge := slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto})
	if !slices.Contains(a.domains, domain) || challenge {
		return cert, err
	}
	err = a.withCause(domain, err)
	if a.isNews(domain, err) {
		a.log.Error("no certificate could be had; clients cannot connect", "domain", domain, "err", err)
	}
	return cert, err
}

// notTried is autocert's error in the minute after a failure, in which it does not try again.
const notTried = "acme/autocert: missing certificate"

// withCause puts the last real failure of a domain in the place of an error that only says that there was one.
func (a *acmeCertificates) withCause(domain string, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cause := a.failures[domain]; cause != "" && err != nil && err.Error() == notTried {
		return errors.New(cause)
	}
	return err
}

// isNews notes how it went with a domain, and tells whether that is a failure which was not the last one already.
func (a *acmeCertificates) isNews(domain string, err error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		delete(a.failures, domain)
		return false
	}
	before := a.failures[domain]
	a.failures[domain] = err.Error()
	return before != err.Error()
}

// begin obtains what is not there yet, rather than have the first client wait for it, and looks after it from then on.
func (a *acmeCertificates) begin() {
	a.running.Go(func() {
		ticker := time.NewTicker(lookTime)
		defer ticker.Stop()
		for {
			for _, domain := range a.domains {
				a.look(domain)
			}
			select {
			case <-ticker.C:
			case <-a.stopped:
				return
			}
		}
	})
}

// look notes when the certificate of a domain expires. autocert does not say when it fails to renew one.
func (a *acmeCertificates) look(domain string) {
	cert, err := a.certificate(helloFor(domain))
	if err != nil {
		return
	}
	leaf := cert.Leaf
	if a.isRenewed(domain, leaf.NotAfter) {
		a.log.Info("certificate in use", "domain", domain, "expires", leaf.NotAfter)
	}
	if time.Until(leaf.NotAfter) < leaf.NotAfter.Sub(leaf.NotBefore)/4 {
		a.log.Warn("the certificate should have been renewed by now; can the ACME server and this daemon reach each other?",
			"domain", domain, "expires", leaf.NotAfter)
	}
}

// helloFor is the handshake of a client of today.
func helloFor(domain string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{ServerName: domain, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
}

// isRenewed notes when the certificate of a domain expires, and tells whether it was another time before.
func (a *acmeCertificates) isRenewed(domain string, end time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := a.ends[domain]
	a.ends[domain] = end
	return !before.Equal(end)
}

// expiry returns when the first of the certificates expires.
func (a *acmeCertificates) expiry() (first time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, end := range a.ends {
		if first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first
}

// close sends nothing more to the ACME server, and waits a moment for what is under way.
func (a *acmeCertificates) close() error {
	close(a.stopped)
	done := make(chan struct{})
	go func() {
		a.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(acmeStopTime):
	}
	a.transport.CloseIdleConnections()
	return nil
}
