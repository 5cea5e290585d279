package connectors_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// binaries is where programs for these tests are built.
var binaries string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaries, err = os.MkdirTemp("", "connectors"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(binaries)
		return m.Run()
	}())
}

// request is one that came to a [recorder].
type request struct {
	method, target string
	header         http.Header
	body           []byte
	connection     int // counted from 1
}

// recorder is a server that writes down what it is asked, and answers what it is told to.
type recorder struct {
	url string

	mu          sync.Mutex // guards the rest
	requests    []request
	connections int
}

// conduct is what a recorder does with a request: it answers, and says whether the connection goes on.
type conduct func(conn net.Conn, r request) bool

// record starts a recorder. It speaks HTTP by hand, so that it can be as rude as a network.
func record(t *testing.T, do conduct) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &recorder{url: "http://" + listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(conn, do)
		}
	}()
	return r
}

func (r *recorder) serve(conn net.Conn, do conduct) {
	defer conn.Close()
	r.mu.Lock()
	r.connections++
	number := r.connections
	r.mu.Unlock()
	reader := bufio.NewReader(conn)
	for {
		asked, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, err := io.ReadAll(asked.Body)
		if err != nil {
			return
		}
		got := request{asked.Method, asked.RequestURI, asked.Header, body, number}
		r.mu.Lock()
		r.requests = append(r.requests, got)
		r.mu.Unlock()
		if !do(conn, got) {
			return
		}
	}
}

// seen returns what came.
func (r *recorder) seen() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.requests...)
}

// answer answers with a status and a body, as rootsd does.
func answer(conn net.Conn, status int, body string) bool {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	_, err := fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), kind, len(body), body)
	return err == nil
}

var buildDaemon = sync.OnceValues(func() (string, error) { return build("rootsd", "../cmd/rootsd") })

// daemon is a running rootsd.
type daemon struct {
	t     testing.TB
	flags []string
	log   string // the file of updates
	out   output // its own log
	cmd   *exec.Cmd

	push, ingest string
}

// output collects what a program writes.
type output struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// serve starts a rootsd that writes down all updates, and ends it with the test.
func serve(t testing.TB, flags ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, log: filepath.Join(t.TempDir(), "updates.log")}
	d.flags = append([]string{"serve", "--push-listen", "127.0.0.1:0", "--ingest-listen", "127.0.0.1:0", "--line-listen", "",
		"--admin-listen", "", "--log-output", d.log}, flags...)
	d.start()
	t.Cleanup(d.stop)
	return d
}

var listening = regexp.MustCompile(`msg=listening for=(push|ingest)\.listen url=(\S+)`)

func (d *daemon) start() {
	d.t.Helper()
	bin, err := buildDaemon()
	if err != nil {
		d.t.Fatal(err)
	}
	d.out.mu.Lock()
	d.out.text.Reset()
	d.out.mu.Unlock()
	d.cmd = exec.Command(bin, d.flags...)
	d.cmd.Stderr = &d.out
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); !strings.Contains(d.out.String(), "msg=ready"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("rootsd is not ready:\n%s", d.out.String())
		}
	}
	for _, found := range listening.FindAllStringSubmatch(d.out.String(), -1) {
		if found[1] == "push" {
			d.push = found[2]
		} else {
			d.ingest = found[2]
		}
	}
}

// stay has the daemon come back at the address that it has.
func (d *daemon) stay() {
	for i, flag := range d.flags {
		if flag == "--ingest-listen" {
			d.flags[i+1] = strings.TrimPrefix(d.ingest, "http://")
		}
	}
}

// stop has the daemon end in good order.
func (d *daemon) stop() { d.end(os.Interrupt) }

func (d *daemon) end(signal os.Signal) {
	if d.cmd.ProcessState != nil {
		return
	}
	_ = d.cmd.Process.Signal(signal)
	_ = d.cmd.Wait()
}

// lines returns the lines of the log of updates, after the daemon has ended and has written them all. That components are
// gone is left out: that is said of those who gave updates, in the end, and of sessions whenever they expire.
func (d *daemon) lines() []string {
	d.t.Helper()
	d.stop()
	text, err := os.ReadFile(d.log)
	if err != nil {
		d.t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "::gone;") {
			lines = append(lines, strings.TrimRight(line, "\r\n"))
		}
	}
	return lines
}
