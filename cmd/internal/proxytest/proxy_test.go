package proxytest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// bounded is the time in which a transport has to show whether it works.
const bounded = 8 * time.Second

// works tries the three transports, and returns how each of them fails; nil if it does not.
func (s *site) works(t *testing.T) map[string]error {
	t.Helper()
	type result struct {
		transport string
		err       error
	}
	results := make(chan result)
	transports := map[string]func(context.Context) error{"poll": s.longPoll, "events": s.events, "socket": s.socket}
	for name, transport := range transports {
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), bounded)
			defer cancel()
			results <- result{name, transport(ctx)}
		}()
	}
	failed := make(map[string]error)
	for range transports {
		r := <-results
		failed[r.transport] = r.err
	}
	return failed
}

func (s *site) wantWorking(t *testing.T) {
	t.Helper()
	for transport, err := range s.works(t) {
		if err != nil {
			t.Errorf("%s: %v", transport, err)
		}
	}
}

// TestProxies runs the files of docs/proxies as they are.
func TestProxies(t *testing.T) {
	t.Parallel()
	// With a list of origins, the site's own pages are let in by the Host that the proxy passes on.
	daemon := Rootsd(t, "--push-origins=https://listed.example")
	for _, name := range Programs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, logs := start(t, name, daemon.Behind(Config(t, name)))
			s := newSite(t, daemon, base, nil)
			s.wantWorking(t)
			header := s.header(t)
			if !strings.Contains(header, "Cache-Control: no-store") || strings.Contains(header, "Set-Cookie") {
				t.Errorf("the header of an answer is not rootsd's:\n%s", header)
			}
			host := strings.TrimPrefix(base, "http://")
			if got, want := s.page(t, base+"/orders?page=2"), host+" /orders?page=2"; got != want {
				t.Errorf("the application was asked for %q, want %q", got, want)
			}
			waitFor(t, logs, "/orders?page=2")
			if got := logs(); strings.Contains(got, "/comet/") {
				t.Errorf("the address of a client, and so its token, is logged:\n%s", got)
			}
		})
	}
}

// page returns what an address says.
func (s *site) page(t *testing.T, address string) string {
	t.Helper()
	response, err := s.client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", address, response.Status, err)
	}
	return string(text)
}

// waitFor waits until a text has been written.
func waitFor(t *testing.T, text func() string, want string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(text(), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q was not written in time", want)
		}
	}
}

// TestPrefix leaves /comet/ on the address, as a proxy does that cannot take it off.
func TestPrefix(t *testing.T) {
	t.Parallel()
	daemon := Rootsd(t, "--push-prefix=/comet/")
	config := change(t, Config(t, "haproxy"), edit{"    http-request replace-path /comet/(.*) /\\1\n", ""})
	s := newSite(t, daemon, Start(t, "haproxy", daemon.Behind(config)), nil)
	s.wantWorking(t)
}

// TestSources has the proxies come from two addresses, as they have to where more clients wait than one has ports.
func TestSources(t *testing.T) {
	t.Parallel()
	configs := map[string][]edit{
		"nginx": {
			{"upstream roots {", `split_clients "$remote_addr$remote_port" $roots_source { 50% 127.0.0.2; * 127.0.0.3; }
    upstream roots {`},
			inNginx("proxy_bind $roots_source;"),
		},
		"haproxy": {{"    server roots 127.0.0.1:8008", "    server roots1 127.0.0.1:8008 source 127.0.0.2\n" +
			"    server roots2 127.0.0.1:8008 source 127.0.0.3"}},
	}
	daemon := Rootsd(t)
	for name, edits := range configs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := change(t, Config(t, name), edits...)
			s := newSite(t, daemon, Start(t, name, daemon.Behind(config)), nil)
			s.wantWorking(t)
		})
	}
}

// TestHost has the proxies put another Host in the place of the site's, for which its own pages are refused.
func TestHost(t *testing.T) {
	t.Parallel()
	configs := map[string]struct {
		program string
		mistake edit
	}{
		"nginx without Host": {"nginx", edit{"            proxy_set_header Host $http_host;  #", "            #"}},
		"nginx without port": {"nginx", edit{"Host $http_host;  #", "Host $host;  #"}},
		"caddy":              {"caddy", inCaddy("header_up Host {upstream_hostport}")},
		"apache":             {"apache", edit{"    ProxyPreserveHost On\n", ""}},
	}
	daemon := Rootsd(t, "--push-origins=https://listed.example")
	for name, test := range configs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := change(t, Config(t, test.program), test.mistake)
			s := newSite(t, daemon, Start(t, test.program, daemon.Behind(config)), nil)
			for transport, err := range s.works(t) {
				if err == nil || !strings.Contains(err.Error(), "403") {
					t.Errorf("%s: got %v, want status 403", transport, err)
				}
			}
		})
	}
}
