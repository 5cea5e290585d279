package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/clients"
)

// view is what the dashboard is told once a second.
type view struct {
	Path    string
	Message struct {
		Time   int64
		Values map[string]float64
	}
}

// nextView reads events until one has numbers.
func nextView(t *testing.T, events *bufio.Scanner) view {
	t.Helper()
	for events.Scan() {
		text, ok := strings.CutPrefix(events.Text(), "data: ")
		var v view
		if ok && strings.Contains(text, `"values":`) {
			if err := json.Unmarshal([]byte(text), &v); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return v
		}
	}
	t.Fatalf("the stream has ended: %v", events.Err())
	return view{}
}

// Somebody who looks at the dashboard is told the daemon's numbers, is none of its clients, and is let go when it stops.
func TestDashboardIsToldNumbers(t *testing.T) {
	before := goleak.IgnoreCurrent()
	d := quietDaemon(t, func(c *Config) {
		c.Admin.Token = "watch"
		c.Push.Queue.Messages, c.Push.Queue.Bytes, c.Ingest.MaxMessage = 1, 1024, 256 // of which the numbers need more
	})
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	admin := d.at(t, "admin.listen")
	for _, header := range []http.Header{nil, {"Authorization": {"Bearer other"}}} {
		answer, err := fetch(t.Context(), request{method: http.MethodGet, url: admin + "/live/?path=stats", header: header})
		if err != nil || answer.code != http.StatusUnauthorized {
			t.Errorf("with %v: %s, %v", header, answer.status, err)
		}
	}

	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, admin+"/live/?path=stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer watch")
	r.Header.Set("Accept", "text/event-stream")
	answer, err := scriptClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	events := bufio.NewScanner(answer.Body)
	first, second := nextView(t, events), nextView(t, events)
	if first.Path != "stats" || second.Message.Time <= first.Message.Time {
		t.Errorf("at %s, time %d, and then %d", first.Path, first.Message.Time, second.Message.Time)
	}
	values := second.Message.Values
	if n, ok := values["rootsd_sessions"]; !ok || n != 0 || values["go_goroutines"] == 0 || values["process_start_time_seconds"] == 0 {
		t.Errorf("the numbers are %v", values)
	}
	if err := d.stop(nil); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Errorf("the stream has ended with %v", err)
	}
	answer.Body.Close()
	goleak.VerifyNone(t, before)
}

// The page and what it loads hold no secret, and are for everybody; they may load nothing else.
func TestDashboardPageIsPublic(t *testing.T) {
	d := quietDaemon(t, func(c *Config) { c.Admin.Token = "watch" })
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.stop(nil) }()
	for path, kind := range map[string]string{
		"/": "text/html", "/index.html": "text/html", "/dashboard.css": "text/css", "/dashboard.js": "text/javascript",
		"/roots.js": "text/javascript", "/look.css": "text/css",
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			answer, err := fetch(t.Context(), request{method: method, url: d.at(t, "admin.listen") + path})
			if err != nil || answer.code != http.StatusOK || !strings.Contains(answer.header, "Content-Type: "+kind) {
				t.Errorf("%s %s: %s %v\n%s", method, path, answer.status, err, answer.header)
			}
			if strings.Contains(answer.header, "Content-Security-Policy: "+clients.Policy) != (kind == "text/html") {
				t.Errorf("%s: %s", path, answer.header)
			}
		}
	}
}
