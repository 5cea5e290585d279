package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// identity is a key and a certificate for one address, which is signed with that key itself. Who trusts it trusts no
// other.
type identity struct {
	cert, key string // files
	client    *tls.Config
}

// newIdentity makes one for an IP address, in files in dir.
func newIdentity(dir, host string) (*identity, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "chaos"}, IPAddresses: []net.IP{net.ParseIP(host)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	i := &identity{
		cert: filepath.Join(dir, "push.pem"), key: filepath.Join(dir, "push.key"),
		client: &tls.Config{
			RootCAs: roots, ServerName: host, MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
	}
	return i, errors.Join(write(i.cert, "CERTIFICATE", der), write(i.key, "PRIVATE KEY", encoded))
}

// write writes one thing to a file, as PEM.
func write(file, kind string, bytes []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
}

// wire is a client's connection: what is said on it, over TLS or not, and the TCP below.
type wire struct {
	net.Conn
	tcp *net.TCPConn
}

// reset closes it by a reset.
func (w *wire) reset() {
	_ = w.tcp.SetLinger(0)
	_ = w.tcp.Close()
}

// half closes the own side of it.
func (w *wire) half() {
	if secure, ok := w.Conn.(*tls.Conn); ok {
		_ = secure.CloseWrite()
	}
	_ = w.tcp.CloseWrite()
}
