package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// socket is a listening socket that this process was given: by systemd, or by the rootsd whose place it takes.
type socket struct {
	name     string // FileDescriptorName= of the unit, or the key of the other's port
	asked    string // the address that the other was configured with; empty for systemd's
	listener *net.TCPListener
	taken    bool // by a port
}

func (s *socket) String() string {
	return fmt.Sprintf("%q (%v)", s.name, s.listener.Addr())
}

// socketNames are what the sockets of ports are called in units of systemd.
var socketNames = map[string]string{
	"push.listen": "push", "push.tls.http": "push-http", "ingest.listen": "ingest", "line.listen": "line",
	"line.http": "line-http", "admin.listen": "admin",
}

// listenAll opens the sockets of all ports, those excepted that were given. Connections wait there until they are served.
func (d *daemon) listenAll() error {
	if err := d.takeActivated(); err != nil {
		return err
	}
	d.takeInherited()
	var occupied []*port
	var errs []error
	for _, p := range d.ports {
		var err error
		if p.listener == nil {
			err = p.listen()
		}
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			occupied = append(occupied, p)
		case err != nil:
			errs = append(errs, err)
		default:
			p.inode = inodeOf(p.socket)
		}
	}
	return errors.Join(append(errs, inUse(occupied))...)
}

// inUse is the error about ports that others listen on already; nil if there are none.
func inUse(ports []*port) error {
	if len(ports) == 0 {
		return nil
	}
	var places, keys []string
	for _, p := range ports {
		places, keys = append(places, p.key+": "+p.address+" is in use by another process"), append(keys, p.key)
	}
	return fmt.Errorf("%s; is a rootsd running already? To listen elsewhere, change %s",
		strings.Join(places, "\n"), strings.Join(keys, ", "))
}

// takeActivated gives ports the sockets that systemd opened: by name, or else by address. It must be all of them, since one
// that nobody serves would keep its clients waiting for ever.
func (d *daemon) takeActivated() error {
	actual := d.config.Clone()
	for _, p := range d.ports {
		if p.take(d.activated, func(s *socket) bool { return s.name == socketNames[p.key] }) {
			setting, _ := settingNamed(p.key)
			_ = setting.setText(actual, p.listener.Addr().String()) // a text cannot be wrong
		}
	}
	// A unit may open to everybody what the configuration has on loopback.
	if err := actual.Validate(); err != nil {
		return fmt.Errorf("systemd's sockets: %w", err)
	}
	for _, p := range d.ports {
		p.take(d.activated, func(s *socket) bool { return sameAddress(p.address, s.listener.Addr()) })
	}
	for _, s := range d.activated {
		if !s.taken {
			return fmt.Errorf("systemd's sockets: %v is neither the name nor the address of a port; name it by FileDescriptorName=, "+
				"as one of %s, and see that the configuration does not turn that port off", s, strings.Join(knownSockets(), ", "))
		}
	}
	return nil
}

func knownSockets() (names []string) {
	for _, name := range socketNames {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// takeInherited gives ports the sockets of the rootsd whose place this one takes: where the address is the same, or was the
// same text ("127.0.0.1:0"). The others are closed.
func (d *daemon) takeInherited() {
	for _, p := range d.ports {
		p.take(d.inherited, func(s *socket) bool { return sameAddress(p.address, s.listener.Addr()) })
	}
	for _, p := range d.ports {
		p.take(d.inherited, func(s *socket) bool { return s.name == p.key && s.asked == p.address })
	}
	closeUntaken(d.inherited)
}

func closeUntaken(sockets []*socket) {
	for _, s := range sockets {
		if !s.taken {
			_ = s.listener.Close() // it is listened on elsewhere, or no more
		}
	}
}

// take makes the first free socket that fits the port's own, if it has none yet.
func (p *port) take(sockets []*socket, fits func(*socket) bool) bool {
	i := slices.IndexFunc(sockets, func(s *socket) bool { return !s.taken && fits(s) })
	if p.listener != nil || i < 0 {
		return false
	}
	sockets[i].taken = true
	p.socket, p.listener = sockets[i].listener, sockets[i].listener
	return true
}

// listen opens the port's socket.
func (p *port) listen() error {
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return fmt.Errorf("%s: cannot listen on %s: %w", p.key, p.address, err)
	}
	p.socket, p.listener = l.(*net.TCPListener), l
	return nil
}

// sameAddress tells whether net.Listen would listen just there for this address of the configuration.
func sameAddress(configured string, actual net.Addr) bool {
	host, port, err := net.SplitHostPort(configured)
	if err != nil {
		return false
	}
	there, err := netip.ParseAddrPort(actual.String())
	if err != nil || strconv.Itoa(int(there.Port())) != port {
		return false
	}
	if host == "" {
		return there.Addr().IsUnspecified() // on a system without IPv6, that is 0.0.0.0
	}
	wanted, err := net.ResolveTCPAddr("tcp", configured)
	if err != nil {
		return false
	}
	ip, _ := netip.AddrFromSlice(wanted.IP)
	return ip.Unmap() == there.Addr().Unmap()
}
