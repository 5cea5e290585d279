package proxytest

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// oddEdits have nginx pass all addresses on, say by a field which connection a request came by, note each request that it
// has read, and wait for nothing for long.
var oddEdits = []edit{
	{"location / {", "location /elsewhere/ {"},
	{"location /comet/ {", "location / {"},
	inNginx("proxy_set_header Last-Event-ID $remote_port;"),
	{"            access_log off;", "            access_log /var/log/nginx/odd.log odd;"},
	{"http {", `http {
    client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s; lingering_timeout 1s; send_timeout 1s;
    client_body_buffer_size 1m;
    log_format odd escape=json '{"by":"$remote_port","method":"$request_method","path":"$uri","query":"$args",'
        '"body":"$request_body","upstream":"$upstream_status"}';`},
}

// oddRequest is a request as nginx or the daemon has read it.
type oddRequest struct {
	By, Method, Path, Query, Body string
	Upstream                      string // the status that nginx was answered; "" where it did not ask
}

// String leaves out what only one of them knows.
func (r oddRequest) String() string {
	plain := func(text string) string { return string([]rune(text)) } // what is not UTF-8 is not in JSON
	return fmt.Sprintf("%s %q %q %q", r.Method, plain(r.Path), plain(r.Query), plain(r.Body))
}

// oddWitness is a daemon that notes what it is asked.
type oddWitness struct {
	lane.NeverParks
	mu    sync.Mutex // guards asked
	asked map[string][]string
}

func (w *oddWitness) note(r oddRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[r.By] = append(w.asked[r.By], r.String())
}

// ServeFast implements lane.Fast.
func (w *oddWitness) ServeFast(c *lane.Conn, r *lane.Request) bool {
	w.note(oddRequest{By: strings.Clone(r.LastEventID), Method: r.Method, Path: r.Path, Query: r.Query, Body: string(r.Body)})
	c.Reply(func(http.ResponseWriter) {})
	return true
}

// ServeHTTP implements http.Handler.
func (w *oddWitness) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what is cut off was not forwarded whole
	w.note(oddRequest{By: strings.Join(r.Header["Last-Event-Id"], ", "), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Body: string(body)})
}

// listen has event loops serve the witness, and net/http what they leave, and returns the base URL.
func (w *oddWitness) listen(t *testing.T) string {
	bounds, log := lane.Bounds{Header: 10 * time.Second, Idle: time.Minute, Write: 10 * time.Second}, slog.New(slog.DiscardHandler)
	loops, err := lane.NewLoops(2, lane.OpenSockets, bounds, log)
	if err != nil {
		t.Skip("event loops are for Linux: ", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := loops.Open("odd", lane.NewLimitListener(l, 10_000, nil), w)
	if err != nil {
		t.Fatal(err)
	}
	server := lane.NewServer(w, bounds, log)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(port) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		_ = port.Shutdown(t.Context()) // which has ended: what is still open is closed
		_ = loops.Close()
	})
	return "http://" + l.Addr().String()
}

// TestOddRequests sends odd requests through nginx: what arrives at the daemon it takes for what nginx has taken it for,
// request by request, or refuses it. It never sees one that nginx did not forward.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	witness := &oddWitness{asked: make(map[string][]string)}
	daemon := &Daemon{Push: witness.listen(t), Ingest: "http://127.0.0.1:1", Admin: "http://127.0.0.1:1", App: "http://127.0.0.1:1"}
	base, logs := start(t, "nginx", daemon.Behind(change(t, Config(t, "nginx"), oddEdits...)))
	odds := lanetest.OddRequests(t)
	ports := sendAll(t, strings.TrimPrefix(base, "http://"), odds)

	forwarded, refused := make(map[string][]string), make(map[string]int)
	for line := range strings.SplitSeq(logs(), "\n") {
		var r oddRequest
		if json.Unmarshal([]byte(line), &r) != nil || r.Upstream == "" {
			continue
		}
		if forwarded[r.By] = append(forwarded[r.By], r.String()); r.Upstream != "200" {
			refused[r.By]++
		}
	}
	seen := 0
	witness.mu.Lock()
	defer witness.mu.Unlock()
	for i, odd := range odds {
		got, want := witness.asked[ports[i]], forwarded[ports[i]]
		delete(witness.asked, ports[i])
		seen += len(got)
		if !slices.Equal(got, want) && !(refused[ports[i]] > 0 && isPart(got, want)) {
			t.Errorf("%s: the daemon takes it for\n%s\nand nginx for\n%s\n(%s)", odd.Name, strings.Join(got, "\n"), strings.Join(want, "\n"), odd.Why)
		}
	}
	for by, asked := range witness.asked {
		t.Errorf("nobody has forwarded this, by %q:\n%s", by, strings.Join(asked, "\n"))
	}
	t.Logf("%d odd requests; nginx has forwarded %d requests of them", len(odds), seen)
	if seen < len(odds)/4 {
		t.Errorf("nginx has forwarded %d of %d alone", seen, len(odds))
	}
}

// isPart tells whether got is want without some of it.
func isPart(got, want []string) bool {
	for _, request := range want {
		if len(got) > 0 && got[0] == request {
			got = got[1:]
		}
	}
	return len(got) == 0
}

// sendAll sends the requests to address, many at a time, each by a connection of its own, and returns their ports when
// all are answered and closed.
func sendAll(t *testing.T, address string, odds []lanetest.Odd) (ports []string) {
	ports = make([]string, len(odds))
	values := map[string]string{"ID": "roots-0-1", "SECRET": strings.Repeat("x", 22), "TOKEN": "roots-0-1/0/" + strings.Repeat("x", 22)}
	room := make(chan struct{}, 200)
	var sending sync.WaitGroup
	for i, odd := range odds {
		room <- struct{}{}
		sending.Go(func() {
			defer func() { <-room }()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = conn.Close() }) // no sooner: its port would be another's
			_, ports[i], _ = net.SplitHostPort(conn.LocalAddr().String())
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(conn, odd.Fill(values)) // nginx may have heard enough before the end
			_, _ = io.Copy(io.Discard, conn)
		})
	}
	sending.Wait()
	return ports
}
