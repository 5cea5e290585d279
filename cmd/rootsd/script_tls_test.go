package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func (s *stage) certificate(ts *testscript.TestScript, args []string) (*output, error) {
	end := time.Now().Add(time.Hour)
	if len(args) > 0 && args[0] == "-expired" {
		args, end = args[1:], time.Now().Add(-time.Hour)
	}
	if len(args) == 0 {
		return nil, errUsage
	}
	cert, key, err := makeCertificate(end, append(args[1:], "localhost", "127.0.0.1")...)
	if err != nil {
		return nil, err
	}
	name := ts.MkAbs(args[0])
	return nil, errors.Join(os.WriteFile(name+".pem", cert, 0o600), os.WriteFile(name+".key", key, 0o600))
}

// makeCertificate makes a key, and a certificate for names and addresses that is signed with that key itself.
func makeCertificate(end time.Time, names ...string) (cert, key []byte, err error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "test"},
		NotBefore: end.Add(-24 * time.Hour), NotAfter: end,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), nil
}
