package main

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/rootsd/rootsd/transport/lane"
)

// security is how the push port speaks TLS. The daemon has none where it speaks plain HTTP.
type security struct {
	certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error) // for a handshake; may wait
	expiry      func() time.Time                                     // when the first certificate in use expires; zero: none is in use
	protocols   []string                                             // what a handshake may agree on
	begin       func()                                               // called when the port is about to be served; may be nil
	failed      atomic.Uint64                                        // handshakes
}

// buildTLS makes the daemon's security, and the port that sends plain HTTP there. It stands before push in the table of
// components, because the push port asks for it.
func buildTLS(d *daemon, c *Config) (*part, error) {
	switch {
	case c.Push.Listen == "" || !c.Push.TLS.on():
		return nil, nil
	case len(c.Push.TLS.Domains) > 0:
		return buildACME(d, c)
	}
	own := &ownCertificate{log: d.log}
	if err := own.load(c.Push.TLS); err != nil {
		return nil, err
	}
	p := d.tlsPart(own.security(), c, func(h http.Handler) http.Handler { return h })
	p.apply = own.apply
	return p, nil
}

func buildACME(d *daemon, c *Config) (*part, error) {
	certificates, err := newACMECertificates(c.Push.TLS, d.log)
	if err != nil {
		return nil, err
	}
	p := d.tlsPart(certificates.security(), c, certificates.manager.HTTPHandler)
	p.close = certificates.close
	return p, nil
}

// tlsPart makes s the daemon's security. If plain HTTP is to be sent there, wrap may answer some of it in another way.
func (d *daemon) tlsPart(s *security, c *Config, wrap func(http.Handler) http.Handler) *part {
	d.secure = s
	refused := new(lane.Tally)
	p := &part{counters: append(s.counters(), refusals("tls", refused))}
	if c.Push.TLS.HTTP != "" {
		h := wrap(lane.Handler{Serve: d.redirect, Refused: refused, Log: d.log})
		p.ports = []*port{d.httpPort("push.tls.http", c.Push.TLS.HTTP, h, controlConnections, refused)}
	}
	return p
}

// cover has a port speak TLS, which server serves with these limits.
func (s *security) cover(p *port, server *http.Server, limits *LimitsConfig) {
	server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificate, NextProtos: s.protocols}
	server.HTTP2 = streamBounds(limits)
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		before(conn, state)
		s.watch(conn, state)
	}
	p.scheme = "https"
	p.serve = func(l net.Listener) error {
		if s.begin != nil {
			s.begin()
		}
		return server.ServeTLS(l, "", "")
	}
}

// streamBounds keep one connection of HTTP/2 from costing what a crowd would: net/http would let each send a MiB before
// anything is read, and wait for one that reads nothing as long as TCP does.
func streamBounds(limits *LimitsConfig) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          100, // what the standard recommends at least
		MaxReceiveBufferPerConnection: 64 << 10,
		MaxReceiveBufferPerStream:     64 << 10,
		WriteByteTimeout:              limits.Write,
	}
}

// watch counts the connections that ended before their handshake was complete. It is an http.Server's ConnState.
func (s *security) watch(conn net.Conn, state http.ConnState) {
	if secure, ok := conn.(*tls.Conn); ok && state == http.StateClosed && !secure.ConnectionState().HandshakeComplete {
		s.failed.Add(1)
	}
}

func (s *security) counters() []prometheus.Collector {
	return []prometheus.Collector{
		counter("rootsd_tls_handshake_errors_total", "Connections to the push port that ended before TLS was agreed on.", s.failed.Load),
		moment{prometheus.NewDesc("rootsd_tls_certificate_expiry_timestamp_seconds",
			"When the push port's certificate expires; of several, the first.", nil, nil), s.expiry},
	}
}

// moment is a collector of a time, which is left out while it is not known.
type moment struct {
	desc *prometheus.Desc
	read func() time.Time
}

func (m moment) Describe(ch chan<- *prometheus.Desc) { ch <- m.desc }

func (m moment) Collect(ch chan<- prometheus.Metric) {
	if t := m.read(); !t.IsZero() {
		ch <- prometheus.MustNewConstMetric(m.desc, prometheus.GaugeValue, float64(t.Unix()))
	}
}

// redirect sends whoever comes by plain HTTP to the push port.
func (d *daemon) redirect(w http.ResponseWriter, r *http.Request) error {
	host := (&url.URL{Host: r.Host}).Hostname()
	if !isHost(host) || !strings.HasPrefix(r.URL.Path, "/") {
		return lane.Refuse(http.StatusBadRequest, "host", "only https is spoken here")
	}
	// 307, so that a POST stays one, and nobody remembers it for longer than the configuration stands.
	http.Redirect(w, r, "https://"+authority(host, d.pushNumber())+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	return nil
}

// pushNumber returns the number of the push port, which is open.
func (d *daemon) pushNumber() string {
	for _, p := range d.ports {
		if p.key == "push.listen" {
			_, number, _ := net.SplitHostPort(p.listener.Addr().String())
			return number
		}
	}
	return ""
}

// authority writes host and port as an https URL has them.
func authority(host, number string) string {
	if number != "443" {
		return net.JoinHostPort(host, number)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
