package proxytest

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// doors are the ways to open a session: what a request of each transport says.
var doors = map[string]http.Header{
	"poll":   {"Accept": {"*/*"}},
	"events": {"Accept": {"text/event-stream"}},
	"socket": {
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	},
}

// from returns the site as a client at another address of this machine sees it.
func (s *site) from(t *testing.T, address string) *site {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, TLSClientConfig: s.tls.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{base: s.base, daemon: s.daemon, client: &http.Client{Transport: transport}, tls: s.tls}
}

// opens opens a session by one of the doors, and returns whether the bounds on its address let it. forged is the
// X-Forwarded-For that the client sends, if any.
func (s *site) opens(t *testing.T, door, forged string) bool {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = doors[door].Clone()
	if forged != "" {
		request.Header.Set("X-Forwarded-For", forged)
	}
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests:
		return false
	case code == http.StatusSwitchingProtocols, code == http.StatusOK && response.Header.Get("Cache-Control") == "no-store":
		return true
	}
	t.Fatalf("that is not rootsd's: %s, %v", response.Status, response.Header)
	return false
}

// Where the files say who asks.
const (
	nginxLine   = "            proxy_set_header X-Forwarded-For $remote_addr; #"
	haproxyLine = "    http-request set-header X-Forwarded-For %[src] #"
)

// oneEach starts a rootsd that lets each address have a session, behind proxies at 127.0.0.1 alone, or those that flags add:
// the other addresses of this machine are clients.
func oneEach(t *testing.T, flags ...string) *Daemon {
	return Rootsd(t, append(flags, "--limits-address-sessions=1", "--push-proxies=127.0.0.1/32", "--push-expire=10m")...)
}

// TestAddresses counts clients behind the files of docs/proxies: each for itself, whatever it says that it is.
func TestAddresses(t *testing.T) {
	t.Parallel()
	steps := []struct {
		address, forged string // with the door's number for %d
		want            bool
	}{
		{"127.0.%d.2", "", true},
		{"127.0.%d.2", "", false},
		{"127.0.%d.3", "", true},
		{"127.0.%d.2", "192.0.2.1", false},
		{"127.0.%d.2", "192.0.2.1, 127.0.0.1", false},
		{"127.0.%d.4", "127.0.%d.2", true},
		{"127.0.%d.4", "", false},
	}
	for _, name := range Programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			daemon := oneEach(t)
			s := newSite(t, daemon, Start(t, name, daemon.Behind(Config(t, name))), nil)
			number := 0
			for door := range doors {
				numbered := strings.NewReplacer("%d", fmt.Sprint(number))
				for i, step := range steps {
					address, forged := numbered.Replace(step.address), numbered.Replace(step.forged)
					if got := s.from(t, address).opens(t, door, forged); got != step.want {
						t.Errorf("%s, step %d: %s opens a session: %t, want %t", door, i, address, got, step.want)
					}
				}
				number++
			}
		})
	}
}

// TestForged has the proxies not say who asks, so that all clients are counted as one, pass on what clients say, or add to
// it.
func TestForged(t *testing.T) {
	t.Parallel()
	const nginxBefore = "        location /comet/ {\n"
	tests := map[string]struct {
		program  string
		edits    []edit
		one      bool // two clients are one
		believed bool // a client is whatever it says
	}{
		"nginx": {"nginx", []edit{{nginxLine, "            #"}}, true, true},
		"nginx, outside": {"nginx", []edit{
			{nginxLine, "            #"}, {nginxBefore, "        proxy_set_header X-Forwarded-For $remote_addr;\n" + nginxBefore},
		}, true, true},
		"nginx, added": {"nginx", []edit{{"$remote_addr; #", "$proxy_add_x_forwarded_for; #"}}, false, false},

		"caddy":           {"caddy", []edit{inCaddy("header_up -X-Forwarded-For")}, true, false},
		"caddy, client's": {"caddy", []edit{inCaddy("header_up X-Forwarded-For {header.X-Forwarded-For}")}, true, true},

		"haproxy":          {"haproxy", []edit{{haproxyLine, "    #"}}, true, true},
		"haproxy, added":   {"haproxy", []edit{{haproxyLine, "    option forwardfor #"}}, false, false},
		"haproxy, if-none": {"haproxy", []edit{{haproxyLine, "    option forwardfor if-none #"}}, false, true},

		"apache": {"apache", []edit{inApache("ProxyAddHeaders Off")}, true, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			daemon := oneEach(t)
			config := change(t, Config(t, test.program), test.edits...)
			s := newSite(t, daemon, Start(t, test.program, daemon.Behind(config)), nil)
			first := s.from(t, "127.0.0.2")
			if !first.opens(t, "poll", "") {
				t.Error("the first client opens no session")
			}
			if one := !s.from(t, "127.0.0.3").opens(t, "poll", ""); one != test.one {
				t.Errorf("two clients are counted as one: %t, want %t", one, test.one)
			}
			if believed := first.opens(t, "poll", "192.0.2.1"); believed != test.believed {
				t.Errorf("a client is believed: %t, want %t", believed, test.believed)
			}
		})
	}
}

// TestChain has another proxy, 127.0.0.9, stand before those of the files, and each add to what the one before it says.
func TestChain(t *testing.T) {
	t.Parallel()
	configs := map[string][]edit{
		"nginx":   {{"$remote_addr; #", "$proxy_add_x_forwarded_for; #"}},
		"caddy":   {inCaddy("trusted_proxies 127.0.0.9/32")},
		"haproxy": {{haproxyLine, "    option forwardfor #"}},
		"apache":  nil,
	}
	for name, edits := range configs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			daemon := oneEach(t, "--push-proxies=127.0.0.9")
			s := newSite(t, daemon, Start(t, name, daemon.Behind(change(t, Config(t, name), edits...))), nil)
			first := s.from(t, "127.0.0.9")
			for i, step := range []struct {
				forwarded string
				want      bool
			}{{"192.0.2.1", true}, {"192.0.2.1", false}, {"192.0.2.2", true}, {"192.0.2.3, 192.0.2.1", false}} {
				if got := first.opens(t, "poll", step.forwarded); got != step.want {
					t.Errorf("step %d: a session for %s: %t, want %t", i, step.forwarded, got, step.want)
				}
			}
		})
	}
}
