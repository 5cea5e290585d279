package lane

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is what the servers of these tests have with slow clients. They cannot run on a synthetic clock, since the
// deadlines are the network's.
const patience = 150 * time.Millisecond

// soon is when something that takes no time must have happened.
const soon = 10 * time.Second

// start serves h over TCP until the test ends and returns the address.
func start(t *testing.T, h http.Handler) string {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLimitListener(inner, 100, nil)
	server := NewServer(h, Bounds{Header: patience, Idle: time.Minute, Write: 10 * time.Second, HeaderSize: 32 << 10}, discard)
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if n := l.Open(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
	return l.Addr().String()
}

// reader is a handler that reads bodies of up to 1,000 bytes and answers with their size, except at /unread.
var reader = Handler{Log: discard, Serve: func(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == "/unread" {
		WriteAccepted(w, 1)
		return nil
	}
	return ReadBody(w, r, 1000, patience, func(body []byte) error {
		return WriteJSON(w, http.StatusOK, len(body))
	})
}}

// dial connects, and ends the test's patience after a while.
func dial(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(soon))
	return conn.(*net.TCPConn)
}

func send(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// answers reads answers until the connection ends, and writes each as status, reason or body.
func answers(t *testing.T, conn net.Conn) string {
	t.Helper()
	var all []string
	for buffered := bufio.NewReader(conn); ; {
		if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
			return strings.Join(all, " | ")
		}
		response, err := http.ReadResponse(buffered, nil)
		if err != nil {
			t.Fatalf("after %q: %v", all, err)
		}
		body := readAll(t, response.Body)
		if _, after, ok := strings.Cut(body, `"reason":"`); ok {
			body, _, _ = strings.Cut(after, `"`)
		}
		all = append(all, fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(body)))
	}
}

const last = "GET /unread HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

func TestBodiesOverTCP(t *testing.T) {
	address := start(t, reader)
	post := func(fields, body string) string { return "POST / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body }
	for _, tt := range []struct{ name, text, want string }{
		{"sized", post("Content-Length: 5\r\n", "12345") + last, `200 5 | 200 {"accepted":1}`},
		{"no length", post("", "") + last, `200 0 | 200 {"accepted":1}`},
		{"chunked", post("Transfer-Encoding: chunked\r\n", "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n") + last, "200 5"},
		{"chunked without end", post("Transfer-Encoding: chunked\r\n", "2\r\n12\r\n"), "408 slow_body"},
		{"chunked badly", post("Transfer-Encoding: chunked\r\n", "2\r\n12345\r\n0\r\n\r\n") + last, "400 bad_body"},
		{"chunked too large", post("Transfer-Encoding: chunked\r\n", "3e9\r\n"+strings.Repeat("x", 1001)+"\r\n0\r\n\r\n") + last, "413 body_size"},
		{"too large", post("Content-Length: 1001\r\n", strings.Repeat("x", 1001)) + last, "413 body_size"},
		{"too large, stalled", post("Content-Length: 1001\r\n", "x"), "413 body_size"},
		{"too large, expecting", post("Expect: 100-continue\r\nContent-Length: 1001\r\n", ""), "413 body_size"},
		{"stalled", post("Content-Length: 5\r\n", "1234"), "408 slow_body"},
		{"coded", post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "\x1f\x8b") + last, `415 coding | 200 {"accepted":1}`},
		{"coded twice", post("Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n", "\x1f\x8b"), "415 coding"},
		{"coded as nothing", post("Content-Encoding: identity\r\nContent-Length: 2\r\nConnection: close\r\n", "12"), "200 2"},
		{"unread and stalled, closing", "POST /unread HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\n1234", `200 {"accepted":1}`},
		{"coded, stalled", post("Content-Encoding: gzip\r\nContent-Length: 5\r\n", "\x1f\x8b"), "415 coding"},
		{"longer than its length", post("Content-Length: 2\r\n", "12{}") + last, "200 2 | 400 400 Bad Request"},
		{"two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "123"), "400 400 Bad Request"},
		{"two hosts", post("Host: localhost\r\nContent-Length: 0\r\n", ""), "400 400 Bad Request"},
		{"host with userinfo", "GET /unread HTTP/1.1\r\nHost: a@localhost\r\n\r\n", "400 400 Bad Request: malformed Host header"},
		{"no host", "GET /unread HTTP/1.1\r\n\r\n", "400 400 Bad Request: missing required Host header"},
		{"HTTP/1.0", "GET /unread HTTP/1.0\r\n\r\n", `200 {"accepted":1}`},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 0"},
		{"unread and stalled", "GET /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1234", `200 {"accepted":1}`},
		{"unread", "GET /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345" + last, `200 {"accepted":1} | 200 {"accepted":1}`},
		{"slow header", "GET / HT", "400 400 Bad Request"},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, address)
			send(t, conn, tt.text)
			if got := answers(t, conn); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCutBodyOverTCP(t *testing.T) {
	conn := dial(t, start(t, reader))
	send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n123")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, want := answers(t, conn), "400 cut_body"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Who is refused before its body has come hears of it, though the body never comes and both have the same time; and the
// bound that is met is the one on the body.
func TestRefusalBeforeBody(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"refused":        func(w http.ResponseWriter, _ *http.Request) { Refuse(http.StatusForbidden, "no", "no").write(w) },
		"its own time":   func(w http.ResponseWriter, _ *http.Request) { writeWithin(w, patience, "no") },
		"without a body": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, met := startBound(t, serve, nil)
			conn := dial(t, address)
			send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
			if got := answers(t, conn); !strings.HasPrefix(got, "403") {
				t.Errorf("got %q, want 403", got)
			}
			if got := met.Counts(); got["limits.header"] != 1 || len(got) != 1 {
				t.Errorf("met %v, want limits.header once", got)
			}
		})
	}
}

// startBound serves h over TCP, with TLS where there is a certificate, until the test ends, and with little patience.
func startBound(t *testing.T, h http.Handler, certificates []tls.Certificate) (address string, met *Met) {
	t.Helper()
	met = NewMet(discard, func(string) any { return nil })
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := NewLimitListener(inner, 100, nil)
	l.Report(met, "x", "limits.connections")
	bounds := Bounds{Header: patience, Idle: time.Minute, Write: patience, HeaderSize: 32 << 10, Met: met}
	if certificates != nil { // a handshake takes its time
		bounds.Header, bounds.Write = 20*patience, 20*patience
	}
	server := NewServer(h, bounds, discard)
	t.Cleanup(func() { server.Close() })
	if certificates == nil {
		go func() { _ = server.Serve(l) }()
		return l.Addr().String(), met
	}
	server.TLSConfig = &tls.Config{Certificates: certificates, NextProtos: []string{"http/1.1"}}
	go func() { _ = server.ServeTLS(l, "", "") }()
	return l.Addr().String(), met
}

// A header that is too large meets the bound also where the answer is encrypted; nothing else does there.
func TestLargeHeaderOverTLS(t *testing.T) {
	pattern := httptest.NewTLSServer(nil)
	certificates := pattern.TLS.Certificates
	pattern.Close()
	header := func(size int) string { return "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", size) }
	for name, tt := range map[string]struct{ text, want string }{
		"too large":          {header(100<<10) + "\r\n\r\n", "431 map[limits.header_size:1]"},
		"too large, a later": {header(20<<10) + "\r\n\r\n" + header(100<<10), "431 map[limits.header_size:1]"},
		"large":              {header(30<<10) + "\r\nConnection: close\r\n\r\n", "200 map[]"},
		"two that are large": {header(30<<10) + "\r\n\r\n" + header(30<<10) + "\r\nConnection: close\r\n\r\n", "200 map[]"},
		"large without end":  {header(30 << 10), " map[limits.header:1]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			served := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
			address, met := startBound(t, served, certificates)
			conn := tls.Client(dial(t, address), &tls.Config{InsecureSkipVerify: true})
			go func() { _, _ = io.WriteString(conn, tt.text) }()
			said, _ := io.ReadAll(conn)
			status := ""
			if i := bytes.LastIndex(said, []byte("HTTP/1.1 ")); i >= 0 {
				status = string(said[i:][9:12])
			}
			if got := fmt.Sprint(status, " ", waitCounts(met, strings.Contains(tt.want, ":"))); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// waitCounts returns what was met, when something was if that is wanted.
func waitCounts(met *Met, wanted bool) map[string]uint64 {
	for begun := time.Now(); wanted && len(met.Counts()) == 0 && time.Since(begun) < soon; {
		runtime.Gosched()
	}
	return met.Counts()
}

// writeWithin writes as the transports do that set deadlines themselves.
func writeWithin(w http.ResponseWriter, within time.Duration, text string) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(within))
	w.WriteHeader(http.StatusForbidden)
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

// A client that is still sending can read why it is refused: the connection is not reset under it.
func TestLargeBodyReadsRefusal(t *testing.T) {
	address := start(t, reader)
	for _, length := range []int{2000, 200_000, 20_000_000} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			t.Parallel()
			conn := dial(t, address)
			send(t, conn, fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", length))
			go func() { _, _ = conn.Write(make([]byte, length)) }()
			if got, want := answers(t, conn), "413 body_size"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// A body that is read in time leaves no deadline behind: whoever waits for receipts may wait longer than it.
func TestWaitAfterBody(t *testing.T) {
	gone := make(chan bool, 1)
	address := start(t, Handler{Log: discard, Serve: func(w http.ResponseWriter, r *http.Request) error {
		err := ReadBody(w, r, 1000, patience, func([]byte) error { return nil })
		select {
		case <-r.Context().Done():
			gone <- true
		case <-time.After(2 * patience):
			gone <- false
		}
		WriteAccepted(w, 1)
		return err
	}})
	conn := dial(t, address)
	send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx")
	if got, want := answers(t, conn), `200 {"accepted":1}`; got != want || <-gone {
		t.Errorf("got %q, want %q", got, want)
	}

	conn = dial(t, address)
	send(t, conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
	conn.Close()
	if !<-gone {
		t.Error("a client that left is waited for")
	}
}
