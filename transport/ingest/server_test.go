package ingest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// soon is when something that takes no time must have happened.
const soon = 10 * time.Second

// listen serves the Ingest over TCP, to at most max connections at a time, and returns the address.
func (h *house) listen(max int) string {
	h.t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	l := lane.NewLimitListener(inner, max, &h.ingest.Stats().Refused)
	server := lane.NewServer(h.ingest, lane.Bounds{Header: soon, Write: soon}, slog.New(slog.DiscardHandler))
	ended := make(chan error)
	go func() { ended <- server.Serve(l) }()
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			h.t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			h.t.Error(err)
		}
	})
	return l.Addr().String()
}

// dial connects to address.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(soon))
	return conn
}

// exchange sends text and returns the next answer, with its body.
func exchange(t *testing.T, conn io.ReadWriter, text string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, strings.TrimSuffix(string(body), "\n")
}

// sized is a request with a body of known length.
func sized(target, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
}

func TestOverTCP(t *testing.T) {
	h := newHouse(t)
	id, c := h.connected("a")
	address := h.listen(10)
	for _, tt := range []struct{ name, text, want string }{
		{"update", sized("/update", `{"path":"a","message":1}`), `{"accepted":1}`},
		{"chunked lines", "POST /update HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"11\r\n{\"path\":\"a\",\"mess\r\n8\r\nage\":2}\n\r\n18\r\n{\"path\":\"a\",\"message\":3}\r\n0\r\n\r\n", `{"accepted":2}`},
		{"2009", sized("/", `[{"path": "a", "message": "4"}]`), legacySuccess},
		{"2009, wrong", sized("/", `[`), legacyError},
		{"wait", sized("/update", `{"path":"a","message":5,"wait":"1m"}`), `{"matched":0,"delivered":0,"confirmed":0,"gapped":0}`},
		{"kick", sized("/kick", `{"id":"`+string(id)+`"}`), `{"id":"` + string(id) + `"}`},
	} {
		response, body := exchange(t, dial(t, address), tt.text)
		if response.StatusCode != 200 || body != tt.want || response.ContentLength < 0 {
			t.Errorf("%s: got %d %s, length %d, want %s", tt.name, response.StatusCode, body, response.ContentLength, tt.want)
		}
	}
	if got, want := c.take(), "a 1\na 2\na 3\na \"4\"\na 5\n::kick \""+string(id)+"\""; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestSlowBody(t *testing.T) {
	h := newHouse(t)
	config := testConfig
	config.BodyTime = 50 * time.Millisecond
	h.ingest.SetConfig(config)
	address := h.listen(10)
	for _, target := range []string{"/", "/update", "/connect"} {
		conn := dial(t, address)
		response, body := exchange(t, conn, "POST "+target+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n[")
		if response.StatusCode != 408 || !strings.Contains(body, `"slow_body"`) {
			t.Errorf("%s: got %d %s", target, response.StatusCode, body)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection stays open: %v", target, err)
		}
	}
	h.wantNothing("slow")
}

// A back-end that goes away while it waits for a receipt takes its request with it.
func TestDisconnectWhileWaiting(t *testing.T) {
	h := newHouse(t)
	s := h.session("a")
	conn := dial(t, h.listen(10))
	if _, err := io.WriteString(conn, sized("/update", `{"path":"a","message":1,"wait":"1m"}`)); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); len(s.kept()) == 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > soon {
			t.Fatal("the update did not come")
		}
	}
	conn.Close()
	// Shutdown, at the test's end, waits for the request; it would have to wait for a minute.
}

func TestTooManyConnections(t *testing.T) {
	h := newHouse(t)
	response, body := exchange(t, dial(t, h.listen(0)), sized("/update", `{"path":"a","message":1}`))
	if response.StatusCode != 503 || !strings.Contains(body, `"reason":"connections"`) || response.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s %v", response.StatusCode, body, response.Header)
	}
	h.wantNothing("refused")
}

func TestHead(t *testing.T) {
	h := newHouse(t)
	id, _ := h.client()
	server := "http://" + h.listen(10)
	client := &http.Client{Transport: &http.Transport{}, Timeout: soon}
	defer client.CloseIdleConnections()
	for target, want := range map[string]int{"/clients/" + string(id): 200, "/clients/x": 404, "/paths/a": 200, "/paths/": 400} {
		response, err := client.Head(server + target)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want || response.ContentLength <= 0 {
			t.Errorf("%s: got %d, length %d, want %d", target, response.StatusCode, response.ContentLength, want)
		}
	}
}
