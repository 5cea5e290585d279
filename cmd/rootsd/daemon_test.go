package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// quietDaemon is a daemon whose ports are all on and free, and whose messages go to the test's log.
func quietDaemon(t *testing.T, change func(*Config)) *daemon {
	t.Helper()
	config := DefaultConfig()
	config.Push.Listen, config.Ingest.Listen, config.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	config.Line.Listen, config.Line.HTTP = "127.0.0.1:0", "127.0.0.1:0"
	config.Log.Output = filepath.Join(t.TempDir(), "updates.log")
	change(config)
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	level := new(slog.LevelVar)
	return newDaemon(config, newLogger(t.Output(), "text", level), level)
}

// at returns the URL of one of the daemon's ports.
func (d *daemon) at(t *testing.T, key string) string {
	t.Helper()
	for _, p := range d.ports {
		if p.key == key {
			return p.url()
		}
	}
	t.Fatalf("there is no port %s", key)
	return ""
}

// ask does a request that must succeed.
func ask(t *testing.T, method, url, body string) string {
	t.Helper()
	answer, err := fetch(t.Context(), request{method: method, url: url, body: body})
	if err != nil {
		t.Fatal(err)
	}
	if answer.code != http.StatusOK {
		t.Fatalf("%s %s: %s\n%s", method, url, answer.status, answer.body)
	}
	return answer.body
}

// A daemon that has stopped leaves no goroutine behind, whoever was still there.
func TestDaemonStops(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d := quietDaemon(t, func(*Config) {})
	if err := d.start(); err != nil {
		t.Fatal(err)
	}

	// One round trip.
	token := openSession(t, d)
	ask(t, http.MethodPost, d.at(t, "ingest.listen")+"/connect", fmt.Sprintf(`{"id":%q,"paths":["a"],"for":"1h"}`, idOf(token)))
	ask(t, http.MethodPost, d.at(t, "ingest.listen")+"/update", `{"path":"a","message":"hello"}`)
	got := ask(t, http.MethodGet, d.at(t, "push.listen")+"/"+token, "")
	if want := `{"updates":[{"path":"a","message":""},{"path":"a","message":"hello"}],`; !strings.HasPrefix(got, want) {
		t.Errorf("the poll was answered %s, not %s…", got, want)
	}

	// Others who are there when it stops: one who waits, one who watches, one who says nothing.
	polled := make(chan error, 1)
	waiting := openSession(t, d)
	go func() {
		_, err := fetch(context.Background(), request{method: http.MethodGet, url: d.at(t, "push.listen") + "/" + waiting})
		polled <- err
	}()
	watcher := dialPort(t, d, "admin.listen", "GET /tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if status, err := bufio.NewReader(watcher).ReadString('\n'); err != nil || !strings.Contains(status, "200") {
		t.Fatalf("tail: %q, %v", status, err)
	}
	dialPort(t, d, "line.listen", "half a li")

	if err := d.stop(nil); err != nil {
		t.Errorf("stop: %v", err)
	}
	// The poll may have come just before the stop, or just after it.
	<-polled
	goleak.VerifyNone(t, before)
}

func openSession(t *testing.T, d *daemon) (token string) {
	t.Helper()
	var answer struct {
		ReconnectWith string `json:"reconnectWith"`
	}
	if err := json.Unmarshal([]byte(ask(t, http.MethodGet, d.at(t, "push.listen"), "")), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.ReconnectWith
}

// dialPort opens a connection and says something there; it is closed with the test.
func dialPort(t *testing.T, d *daemon, key, text string) net.Conn {
	t.Helper()
	_, address, _ := strings.Cut(d.at(t, key), "://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// A daemon that cannot start whole does not start at all: what it had opened or made by then is closed again.
func TestDaemonStartsWholeOrNotAtAll(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	tests := []struct {
		want   string // in the error
		change func(*Config)
	}{
		{"ingest.listen: " + address, func(c *Config) { c.Ingest.Listen = address }},
		{"line.listen: " + address, func(c *Config) { c.Line.Listen = address }},
		{"line.http: " + address, func(c *Config) { c.Line.HTTP = address }},
		{"push.listen: " + address, func(c *Config) { c.Push.Listen = address }},
		{"admin.listen: " + address, func(c *Config) { c.Admin.Listen = address }},
		{"log: ", func(c *Config) { c.Log.Output = filepath.Join(t.TempDir(), "no", "such", "directory") }},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			d := quietDaemon(t, test.change)
			err := d.start()
			if err == nil {
				t.Fatal("it has started")
			}
			if !strings.HasPrefix(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, not %q… alone", err, test.want)
			}
			for _, p := range d.ports {
				if p.listener == nil {
					continue
				}
				if conn, err := net.Dial("tcp", p.listener.Addr().String()); err == nil {
					conn.Close()
					t.Errorf("%s is still open", p.key)
				}
			}
			goleak.VerifyNone(t, before)
		})
	}
}

// A daemon may be stopped before its ports have had time to serve anything.
func TestDaemonStopsAtOnce(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for range 20 {
		d := quietDaemon(t, func(*Config) {})
		if err := d.start(); err != nil {
			t.Fatal(err)
		}
		if err := d.stop(nil); err != nil {
			t.Fatalf("stop: %v", err)
		}
	}
	goleak.VerifyNone(t, before)
}
