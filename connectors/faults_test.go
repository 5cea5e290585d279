package connectors_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// free returns an address at which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func TestUnreachable(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		url := free(t)
		o := l.start(t, url, "").update("a", 1)
		o.want(t, "unreachable", false)
		if o.Error != nil && (o.Error.Status != 0 || !strings.Contains(o.Error.Text, url)) {
			t.Errorf("the error does not say where: %+v", *o.Error)
		}
	})
}

func TestTimeout(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		release := make(chan struct{})
		server := record(t, func(net.Conn, request) bool { <-release; return false })
		defer close(release)
		d := l.start(t, server.url, "", "0.3")
		d.update("a", 1).want(t, "timeout", true)
		d.call("connect", map[string]any{"id": "x", "paths": []string{"a"}}).want(t, "timeout", true)
		if n := len(server.seen()); n != 2 {
			t.Errorf("asked %d times, want 2: what has timed out is not tried again", n)
		}
	})
}

// An update that waits may take as long as it waits, and the time-out beside.
func TestWaitIsNoTimeout(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		server := record(t, func(conn net.Conn, _ request) bool {
			time.Sleep(900 * time.Millisecond) // longer than the time-out, shorter than it and the wait
			return answer(conn, http.StatusOK, `{"matched":0}`)
		})
		d := l.start(t, server.url, "", "0.6")
		d.call("update", map[string]any{"path": "a", "message": 1, "wait": 30}).ok(t)
	})
}

func TestNotRootsd(t *testing.T) {
	page := "<!doctype html><title>Welcome</title>"
	answers := map[string]struct {
		text      string
		uncertain bool
	}{
		"a page":            {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(page), page), true},
		"a page of errors":  {fmt.Sprintf("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(page), page), false},
		"a proxy's error":   {fmt.Sprintf("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(page), page), true},
		"another place":     {"HTTP/1.1 301 Moved Permanently\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", false},
		"something else":    {"SSH-2.0-OpenSSH_9.2\r\n", true},
		"half an answer":    {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"acc", true},
		"JSON of somebody":  {"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"error\":\"no!\"}", false},
		"no JSON at all":    {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\nyes", true},
		"an answer of 2009": {"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n{success:true}", true},
	}
	eachLanguage(t, func(t *testing.T, l language) {
		for name, tt := range answers {
			server := record(t, func(conn net.Conn, _ request) bool {
				_, _ = conn.Write([]byte(tt.text))
				return false
			})
			o := l.start(t, server.url, "").update("a", 1)
			switch {
			case o.Error == nil:
				t.Errorf("%s: it succeeds with %v", name, o.Result)
			case o.Error.Reason != "answer" && o.Error.Reason != "interrupted", o.Error.Uncertain != tt.uncertain:
				t.Errorf("%s: the error is %+v", name, *o.Error)
			}
			if n := len(server.seen()); n != 1 {
				t.Errorf("%s: asked %d times", name, n)
			}
		}
	})
}

// A daemon closes a connection that was idle for long. The next call makes a new one, and nothing is said twice.
func TestIdleConnectionIsDropped(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		closed := make(chan struct{}, 10)
		server := record(t, func(conn net.Conn, _ request) bool {
			answer(conn, http.StatusOK, `{"accepted":1}`)
			_ = conn.Close()
			closed <- struct{}{}
			return false
		})
		d := l.start(t, server.url, "")
		for i := range 5 {
			d.update("a", i).ok(t)
			<-closed
			time.Sleep(20 * time.Millisecond) // until the other side's system knows, of which nothing else tells here
		}
		if n := len(server.seen()); n != 5 {
			t.Errorf("asked %d times, want 5", n)
		}
	})
}

// A connection that breaks when a request was sent on it may have carried it.
func TestBreakOfAUsedConnection(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		for _, tt := range []struct {
			method string
			args   map[string]any
			asked  int
		}{
			{"update", map[string]any{"path": "a", "message": 1}, 2},
			{"updates", map[string]any{"updates": []any{map[string]any{"path": "a", "message": 1}}}, 2},
			{"join", map[string]any{"id": "x", "rooms": []string{"a"}}, 2},
			{"connect", map[string]any{"id": "x", "paths": []string{"a"}}, 3},
			{"disconnect", map[string]any{"id": "x", "paths": []string{"a"}}, 3},
			{"kick", map[string]any{"id": "x"}, 3},
			{"clients", map[string]any{"id": "x"}, 3},
		} {
			server := record(t, func(conn net.Conn, r request) bool {
				if r.connection == 1 && !bytes.Contains(r.body, []byte("first")) {
					return false // without a word
				}
				return answer(conn, http.StatusOK, `{"accepted":1,"id":"x","paths":["a"]}`)
			})
			d := l.start(t, server.url, "")
			d.update("first", 1).ok(t)
			o := d.call(tt.method, tt.args)
			if tt.asked == 3 {
				o.ok(t)
			} else {
				o.want(t, "interrupted", true)
			}
			if n := len(server.seen()); n != tt.asked {
				t.Errorf("%s: asked %d times, want %d", tt.method, n, tt.asked)
			}
		}
	})
}

// A request on a new connection is never tried again: that it breaks says something about the daemon.
func TestBreakOfANewConnection(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		server := record(t, func(net.Conn, request) bool { return false })
		d := l.start(t, server.url, "")
		d.call("connect", map[string]any{"id": "x", "paths": []string{"a"}}).want(t, "interrupted", true)
		d.update("a", 1).want(t, "interrupted", true)
		if n := len(server.seen()); n != 2 {
			t.Errorf("asked %d times, want 2", n)
		}
	})
}

// calls is how many updates are made while the daemon is stopped and started again.
const calls = 10_000

// A daemon that is restarted in the midst of many calls has each once, but for those that said that they were not made.
func TestRestart(t *testing.T) {
	restarts(t, syscall.SIGTERM, func(t *testing.T, got int, o outcome) {
		switch {
		case o.Error == nil && got != 1, got > 1:
			t.Errorf("taken %d times; the call said %+v", got, o)
		case o.Error != nil && !o.Error.Uncertain && got != 0:
			t.Errorf("taken, though the call said that it was not: %+v", *o.Error)
		}
	})
}

// Of one that is killed, it is not known what its log would have said, but nothing may be there twice.
func TestKill(t *testing.T) {
	restarts(t, os.Kill, func(t *testing.T, got int, o outcome) {
		if got > 1 || got > 0 && o.Error != nil && !o.Error.Uncertain {
			t.Errorf("taken %d times; the call said %+v", got, o)
		}
	})
}

// restarts makes many calls while the daemon is ended and started again, and checks for each how often it was taken.
func restarts(t *testing.T, how os.Signal, check func(t *testing.T, got int, o outcome)) {
	eachLanguage(t, func(t *testing.T, l language) {
		daemon := serve(t)
		daemon.stay()
		d := l.start(t, daemon.ingest, "")
		outcomes := make([]outcome, calls)
		restarted, down := make(chan struct{}), make(chan struct{}, calls)
		for i := range calls {
			if i == calls/4 {
				go func() {
					defer close(restarted)
					daemon.end(how)
					<-down
					daemon.start()
				}()
			}
			if outcomes[i] = d.update("a", i); outcomes[i].Error != nil {
				down <- struct{}{}
				time.Sleep(time.Millisecond) // as an application would not ask as fast as it can, either
			}
		}
		<-restarted
		taken := make(map[string]int)
		for _, line := range daemon.lines() {
			taken[line]++
		}
		made, failed, uncertain := 0, 0, 0
		for i, o := range outcomes {
			check(t, taken[fmt.Sprint("a; ", i)], o)
			switch {
			case o.Error == nil:
				made++
			case o.Error.Uncertain:
				uncertain++
			default:
				failed++
			}
			if t.Failed() {
				break
			}
		}
		if made == 0 || failed+uncertain == 0 {
			t.Error("no call met the daemon while it was down, or all did")
		}
		t.Logf("%d made, %d not made, of %d it is not known", made, failed, uncertain)
	})
}
