package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// aSocket listens on a free port of 127.0.0.1.
func aSocket(t *testing.T, name string) *socket {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &socket{name: name, listener: l.(*net.TCPListener)}
}

func TestSameAddress(t *testing.T) {
	tests := []struct {
		configured, actual string
		want               bool
	}{
		{":8008", "[::]:8008", true},
		{":8008", "0.0.0.0:8008", true},
		{":8008", "127.0.0.1:8008", false},
		{":8008", "[::]:8009", false},
		{"0.0.0.0:8008", "0.0.0.0:8008", true},
		{"0.0.0.0:8008", "[::]:8008", false},
		{"127.0.0.1:8008", "127.0.0.1:8008", true},
		{"127.0.0.1:8008", "127.0.0.2:8008", false},
		{"localhost:8008", "127.0.0.1:8008", true},
		{"[::1]:8008", "[::1]:8008", true},
		{"127.0.0.1:0", "127.0.0.1:8008", false},
		{"", "127.0.0.1:8008", false},
	}
	for _, test := range tests {
		actual, err := net.ResolveTCPAddr("tcp", test.actual)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameAddress(test.configured, actual); got != test.want {
			t.Errorf("%q and %s: %v", test.configured, test.actual, got)
		}
	}
}

// Sockets are found by name or by address; one that fits nothing, or opens to everybody what is for this machine, is an
// error that names it.
func TestActivatedSockets(t *testing.T) {
	wide, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wide.Close() })
	byAddress := aSocket(t, "rootsd.socket")
	tests := []struct {
		name    string
		sockets []*socket
		change  func(*Config)
		want    string // in the error; "" for none
	}{
		{"by name", []*socket{aSocket(t, "push"), aSocket(t, "line-http")}, func(*Config) {}, ""},
		{"by address", []*socket{byAddress}, func(c *Config) { c.Push.Listen = byAddress.listener.Addr().String() }, ""},
		{"unknown", []*socket{aSocket(t, "rootsd.socket")}, func(*Config) {}, `systemd's sockets: "rootsd.socket" (127.0.0.1:`},
		{"twice", []*socket{aSocket(t, "push"), aSocket(t, "push")}, func(*Config) {}, `systemd's sockets: "push" (127.0.0.1:`},
		{"turned off", []*socket{aSocket(t, "line")}, func(c *Config) { c.Line.Listen = "" }, `systemd's sockets: "line" (127.0.0.1:`},
		{"exposed", []*socket{{name: "ingest", listener: wide.(*net.TCPListener)}}, func(*Config) {}, "set it, or ROOTS_INGEST_TOKENS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := quietDaemon(t, test.change)
			d.activated = test.sockets
			if err := d.build(); err != nil {
				t.Fatal(err)
			}
			err := d.takeActivated()
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if err := d.giveUp(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is no listening TCP socket is refused, and its descriptor closed.
func TestListenerOf(t *testing.T) {
	tests := map[string]func() (int, error){
		"it is no socket":                func() (int, error) { return unix.Open(os.DevNull, unix.O_RDONLY, 0) },
		"it does not listen":             func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0) },
		"which is no TCP address":        unixSocket(t),
		"it does not listen; the unit m": func() (int, error) { return unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0) },
	}
	for want, open := range tests {
		fd, err := open()
		if err != nil {
			t.Fatal(err)
		}
		if l, err := listenerOf(fd); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v, want %q", l, err, want)
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("%s: the descriptor is still open", want)
		}
	}
}

// unixSocket opens a socket that listens at a path.
func unixSocket(t *testing.T) func() (int, error) {
	return func() (int, error) {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Bind(fd, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "s")})
		}
		if err == nil {
			err = unix.Listen(fd, 1)
		}
		return fd, err
	}
}
