package proxytest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A Daemon is a rootsd that runs until its test ends.
type Daemon struct {
	Push, Ingest, Admin string // base URLs, such as http://127.0.0.1:40001
	App                 string // base URL of the application beside it; a test may put its own here
}

var listening = regexp.MustCompile(`msg=listening for=(\S+) url=(\S+)`)

// Rootsd starts a rootsd on free ports of 127.0.0.1, without a line port. It holds polls for 2 s; flags of rootsd serve
// go before that. Its application answers every request with its Host and its address: "example.com /orders?page=2".
func Rootsd(t testing.TB, flags ...string) *Daemon {
	t.Helper()
	args := append([]string{"serve", "--push-listen=127.0.0.1:0", "--ingest-listen=127.0.0.1:0", "--line-listen=",
		"--admin-listen=127.0.0.1:0", "--drain=1s", "--push-hold=2s"}, flags...)
	p := run(t, exec.Command(binary(t), args...))
	if !p.until(t, func() bool { return strings.Contains(p.out.String(), "msg=ready") }) {
		t.Fatal("rootsd does not start")
	}
	urls := make(map[string]string)
	for _, found := range listening.FindAllStringSubmatch(p.out.String(), -1) {
		urls[found[1]] = found[2]
	}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.Host, r.RequestURI)
	}))
	t.Cleanup(app.Close)
	return &Daemon{Push: urls["push.listen"], Ingest: urls["ingest.listen"], Admin: urls["admin.listen"], App: app.URL}
}

// Behind returns a configuration with this daemon's addresses in place of 127.0.0.1:8008, 8004 and 8009, and with the
// application's in place of 127.0.0.1:8000.
func (d *Daemon) Behind(config string) string {
	return strings.NewReplacer("127.0.0.1:8008", hostOf(d.Push), "127.0.0.1:8004", hostOf(d.Ingest),
		"127.0.0.1:8009", hostOf(d.Admin), "127.0.0.1:8000", hostOf(d.App)).Replace(config)
}

// hostOf returns the host and port of a base URL.
func hostOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // the tests' own mistake
	}
	return u.Host
}

// built is the program, for as long as a test needs it: there is no end of all tests at which to remove it otherwise.
var built struct {
	mu   sync.Mutex // guards the fields below
	dir  string
	uses int
}

// binary returns the path of the program. Tests that run at the same time share one.
func binary(t testing.TB) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.uses == 0 {
		build(t)
	}
	built.uses++
	t.Cleanup(func() {
		built.mu.Lock()
		defer built.mu.Unlock()
		if built.uses--; built.uses == 0 {
			_ = os.RemoveAll(built.dir) // what is left is in the system's temporary folder
		}
	})
	return filepath.Join(built.dir, "rootsd")
}

func build(t testing.TB) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rootsd")
	if err != nil {
		t.Fatal(err)
	}
	built.dir = dir
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "rootsd"), "./cmd/rootsd")
	cmd.Dir = root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir) // the build's error is what matters
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// root returns the directory of go.mod, above the one in which the test runs.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("there is no go.mod above this test")
	return ""
}
