package doctor

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/cmd/internal/proxytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hold is how long the daemons of these tests hold polls.
const hold = 1200 * time.Millisecond

func startDaemon(t *testing.T, flags ...string) *proxytest.Daemon {
	t.Helper()
	return proxytest.Rootsd(t, append([]string{"--push-hold", hold.String()}, flags...)...)
}

// parse reads a URL of a test's own.
func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// configFor is a Config with short times.
func configFor(t *testing.T, base string) Config {
	return Config{URL: parse(t, base), Hold: 10 * time.Second, Timeout: 4 * time.Second}
}

// examine runs all checks, for a bounded time.
func examine(t *testing.T, config Config) *Report {
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	return Run(ctx, config)
}

// wants wants just these checks not to be ok or skipped.
func wants(t *testing.T, report *Report, want map[string]State) {
	t.Helper()
	got := make(map[string]State)
	for _, c := range report.Checks {
		if c.State == Failed || c.State == Warning {
			got[c.Name] = c.State
			if c.Fix == "" {
				t.Errorf("%s says not what to do", c.Name)
			}
		}
		if c.Seen == "" {
			t.Errorf("%s says not what was seen", c.Name)
		}
	}
	failed := false
	for _, state := range want {
		failed = failed || state == Failed
	}
	if !maps.Equal(got, want) || report.OK == failed {
		t.Errorf("got %v, ok %v; want %v", got, report.OK, want)
	}
	if t.Failed() {
		show(t, report)
	}
}

func show(t *testing.T, report *Report) {
	t.Helper()
	for _, c := range report.Checks {
		t.Logf("%-8s %-13s %s", c.State, c.Name, c.Seen)
	}
}

// seen returns what a check has found.
func seen(t *testing.T, report *Report, name string) Check {
	t.Helper()
	for _, c := range report.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("there is no check %s", name)
	return Check{}
}

// wantText wants a text in what a check has found and what it says to do.
func wantText(t *testing.T, report *Report, name, text string) {
	t.Helper()
	if c := seen(t, report, name); !strings.Contains(c.Seen+"\n"+c.Fix, text) {
		t.Errorf("%s has no %q: %s\n%s", name, text, c.Seen, c.Fix)
	}
}

// serve serves handler below a URL until the test ends.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.ErrorLog = quiet
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// reverse is a proxy to target without a fault: it takes /comet/ off, streams, and hands on upgrades.
func reverse(t *testing.T, target string) *httputil.ReverseProxy {
	t.Helper()
	to := parse(t, target)
	transport := &http.Transport{DialContext: new(net.Dialer).DialContext, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  quiet,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
			r.Out.URL.Path, r.Out.URL.RawPath = strings.TrimPrefix(r.In.URL.Path, "/comet"), ""
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			status := http.StatusBadGateway
			if context.Cause(r.Context()) == errIdle {
				status = http.StatusGatewayTimeout
			}
			http.Error(w, "<html>a gateway's page</html>", status)
		},
	}
}
