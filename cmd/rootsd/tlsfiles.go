package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// ownCertificate is the certificate that stands in files.
type ownCertificate struct {
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate]
}

func (o *ownCertificate) security() *security {
	return &security{
		certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return o.current.Load(), nil },
		expiry:      func() time.Time { return o.current.Load().Leaf.NotAfter },
		protocols:   []string{"h2", "http/1.1"},
	}
}

// apply reads the files again. Connections that are open keep the certificate that they were shown.
func (o *ownCertificate) apply(c *Config) {
	if err := o.load(c.Push.TLS); err != nil {
		o.log.Error("the certificate is not taken; the one before stays in use", "err", err)
	}
}

// load takes the certificate of the files from now on. One that is not valid now is better than none: those who know it
// may let it pass, and the clock may be wrong.
func (o *ownCertificate) load(c TLSConfig) error {
	next, err := readPair(c.Cert, c.Key)
	if err != nil {
		return err
	}
	leaf := next.Leaf
	if before := o.current.Swap(next); before == nil || !before.Leaf.Equal(leaf) {
		o.log.Info("certificate in use", "file", c.Cert, "names", namesOf(leaf), "expires", leaf.NotAfter)
	}
	if warning, key, at := untimely(leaf, time.Now()); warning != "" {
		o.log.Warn(warning, "file", c.Cert, key, at)
	}
	return nil
}

// untimely warns of a certificate that is not valid now: it expires, or begins, at another time. "" if it is valid.
func untimely(leaf *x509.Certificate, now time.Time) (warning, key string, at time.Time) {
	switch {
	case now.After(leaf.NotAfter):
		return "the certificate has expired; clients will refuse it", "expires", leaf.NotAfter
	case now.Before(leaf.NotBefore):
		return "the certificate is not valid yet; clients will refuse it", "begins", leaf.NotBefore
	}
	return "", "", time.Time{}
}

// namesOf lists whom a certificate is for.
func namesOf(leaf *x509.Certificate) []string {
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// readPair reads a certificate with its chain, and the key that belongs to it. An error names the setting and the file.
func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	cert, err := readPEM("push.tls.cert", certFile, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	key, err := readPEM("push.tls.key", keyFile, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("push.tls.key: %s with the certificate in %s: %w", keyFile, certFile, err)
	}
	return &pair, nil
}

// readPEM reads a file that must hold a block of a kind, such as "CERTIFICATE" or "EC PRIVATE KEY".
func readPEM(setting, file, kind string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read %s: %w", setting, file, withoutName(err))
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return nil, fmt.Errorf("%s: %s is protected by a passphrase, which a daemon cannot be asked for", setting, file)
		}
		if strings.HasSuffix(block.Type, kind) {
			return data, nil
		}
	}
	return nil, fmt.Errorf("%s: %s holds no %s in PEM form", setting, file, strings.ToLower(kind))
}
