package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// pipes is a listener to which one connects by a pipe.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	close(p.closed)
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// slowness is how much time passes between what net/http says of a connection and what it does with it, as on a machine with
// much to do.
const slowness = lane.NewcomerTime / 2

func slowly(server *http.Server, at http.ConnState) {
	tell := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if tell(conn, state); state == at {
			time.Sleep(slowness)
		}
	}
}

// stopsAt serves requests of one client, one after the other, and stops while the last of them is between being read and
// its handler. It returns what the last was answered.
func stopsAt(t *testing.T, requests int) (answer string) {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "served") })}
	p := serverPort("test", "", server, nil, nil)
	slowly(server, http.StateActive)
	l := pipes{make(chan net.Conn), make(chan struct{})}
	go func() { _ = p.serve(l) }()
	transport := &http.Transport{DialContext: l.dial}
	defer transport.CloseIdleConnections()
	answers := make(chan string)
	go func() {
		for range requests {
			answers <- textOf((&http.Client{Transport: transport}).Post("http://test/", "", nil))
		}
	}()
	for range requests - 1 {
		if got := <-answers; got != "served" {
			t.Fatalf("answered %q before the stop", got)
		}
	}
	time.Sleep(slowness / 2)
	stopped := make(chan error)
	go func() { stopped <- p.stop(t.Context()) }()
	answer = <-answers
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	return answer
}

func textOf(response *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func inBubble(t *testing.T, name string, test func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

// A request that was read is served, whenever the server stops: the first of a connection, and any other.
func TestStopServesWhatWasRead(t *testing.T) {
	for _, requests := range []int{1, 2, 3} {
		inBubble(t, strconv.Itoa(requests), func(t *testing.T) {
			if got := stopsAt(t, requests); got != "served" {
				t.Errorf("the last request was answered %q", got)
			}
		})
	}
}

// Who opens a connection and is slow to ask is served; who does not ask for long does not hold up a stop.
func TestStopWaitsForNewcomers(t *testing.T) {
	for ask, want := range map[time.Duration]string{
		0: "HTTP/1.1 404 ", lane.NewcomerTime * 9 / 10: "HTTP/1.1 404 ", lane.NewcomerTime * 2: "",
	} {
		inBubble(t, ask.String(), func(t *testing.T) {
			server := &http.Server{Handler: http.NotFoundHandler()}
			p := serverPort("test", "", server, nil, nil)
			l := pipes{make(chan net.Conn), make(chan struct{})}
			go func() { _ = p.serve(l) }()
			conn, _ := l.dial(t.Context(), "", "")
			defer conn.Close()
			synctest.Wait()
			began := time.Now()
			defer time.AfterFunc(ask, func() { _, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n") }).Stop()
			stopped := make(chan error)
			go func() { stopped <- p.stop(t.Context()) }()
			got, _ := io.ReadAll(conn)
			if err := <-stopped; err != nil || time.Since(began) > 2*lane.NewcomerTime {
				t.Errorf("stopped after %v: %v", time.Since(began), err)
			}
			if len(got) < len(want) || string(got[:len(want)]) != want || want == "" && len(got) > 0 {
				t.Errorf("who asked after %v was answered %q, want %q…", ask, got, want)
			}
		})
	}
}

// A request that came with the one before is served, as the last of its connection: whether the stop comes before the client
// takes the first answer, or after. A part of a header is not waited for.
func TestStopServesWhatCame(t *testing.T) {
	const ask = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	for rest, answers := range map[string]int{ask: 2, ask + ask: 2, ask[:20]: 1, "": 1} {
		for _, pause := range []time.Duration{0, slowness} {
			inBubble(t, fmt.Sprintf("%q,%v", rest, pause), func(t *testing.T) {
				got := stopsBehind(t, ask+rest, pause)
				if n := strings.Count(got, "HTTP/1.1 404 "); n != answers {
					t.Errorf("answered %d times, want %d: %s", n, answers, got)
				}
				if n := strings.Count(got, "Connection: close"); n != answers-1 {
					t.Errorf("said to be the last %d times, want %d: %s", n, answers-1, got)
				}
			})
		}
	}
}

// stopsBehind stops while a connection goes on to what stands behind its first request, and returns all its answers. The
// client takes them after a pause.
func stopsBehind(t *testing.T, text string, pause time.Duration) string {
	t.Helper()
	server := &http.Server{Handler: http.NotFoundHandler()}
	p := serverPort("test", "", server, nil, nil)
	slowly(server, http.StateIdle)
	l := pipes{make(chan net.Conn), make(chan struct{})}
	go func() { _ = p.serve(lane.NewLimitListener(l, 10, new(lane.Tally))) }()
	conn, _ := l.dial(t.Context(), "", "")
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }()
	answers := make(chan string)
	go func() {
		time.Sleep(pause)
		got, _ := io.ReadAll(conn)
		answers <- string(got)
	}()
	time.Sleep(slowness / 2)
	began := time.Now()
	if err := p.stop(t.Context()); err != nil || time.Since(began) > 2*lane.NewcomerTime {
		t.Errorf("stopped after %v: %v", time.Since(began), err)
	}
	return <-answers
}

// What is answered while the server stops is the last of its connection, whenever it was asked.
func TestStopSaysThatItIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			<-goOn
			_, _ = io.WriteString(w, "served")
		})}
		p := serverPort("test", "", server, nil, nil)
		l := pipes{make(chan net.Conn), make(chan struct{})}
		go func() { _ = p.serve(l) }()
		newcomer, _ := l.dial(t.Context(), "", "") // holds up the stop
		defer newcomer.Close()
		time.AfterFunc(lane.NewcomerTime/2, func() { close(goOn) })
		stopped := make(chan error)
		time.AfterFunc(lane.NewcomerTime/4, func() { stopped <- p.stop(t.Context()) })
		response, err := (&http.Client{Transport: &http.Transport{DialContext: l.dial}}).Get("http://test/")
		if err != nil {
			t.Fatal(err)
		}
		if text := textOf(response, nil); text != "served" || !response.Close {
			t.Errorf("answered %q, and that it is the last: %v", text, response.Close)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
}

// Connections of HTTP/2 hold up a stop as little as others, whatever their streams are at.
func TestStopHTTP2(t *testing.T) {
	began, goOn := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			began <- struct{}{}
			<-goOn
		}
		_, _ = io.WriteString(w, r.Proto)
	}))
	p := serverPort("test", "", server.Config, nil, nil)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	client := server.Client()
	for range 2 {
		if got := textOf(client.Get(server.URL)); got != "HTTP/2.0" {
			t.Fatalf("answered %q", got)
		}
	}
	idle, err := tls.Dial("tcp", server.Listener.Addr().String(), client.Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	slow := make(chan string)
	go func() { slow <- textOf(client.Get(server.URL + "/slow")) }()
	<-began
	stopped := make(chan error)
	go func() { stopped <- p.stop(t.Context()) }()
	_, _ = io.Copy(io.Discard, idle) // the stop has begun
	close(goOn)
	if got := <-slow; got != "HTTP/2.0" {
		t.Errorf("who was being served was answered %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
