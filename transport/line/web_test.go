package line

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// ask writes a request and returns the answer as it came, until the server closes the connection.
func ask(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, request)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// web starts net/http with the server's Handler.
func (s *server) web(t *testing.T) (addr string) {
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestWeb(t *testing.T) {
	tests := []struct{ target, want string }{
		{"/a;b", "a; b"},
		{"/orders/42%3B%7B%22state%22%3A%22paid%22%7D", `orders/42; {"state":"paid"}`},
		{"/a;1+1%2B1", "a; 1+1+1"},
		{"/a?b=c;d?e", "a?b=c; d?e"},
		{"/a/../b;./c//d", "a/../b; ./c//d"},
		{"//a/b/;c", "a/b; c"},
		{"/gr%C3%BC%C3%9Fe;%F0%9F%8E%89", "grüße; 🎉"},
		{"/a;%20b", "a; b"},
		{"/a;b%0Ac", "a; b\nc"},
		{"/a;%5cx0a", "a; \n"},
		{"/a;b#c", "a; b#c"},
		{"/a", "a; "},
		{"http://localhost:8003/a;b/c", "a; b/c"},
		{"/", ""},
		{"/;b", ""},
		{"/a%FF;b", ""},
		{"/a%0A;b", ""},
		{"/::exit", ""},
		{"/::token;x", ""},
		{"/::no;x", ""},
		{"/a;" + strings.Repeat("x", 200), ""},
	}
	for _, tt := range tests {
		s := newServer(t, Config{MaxLine: 100})
		answer := ask(t, s.web(t), "GET "+tt.target+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		head, body, _ := strings.Cut(answer, "\r\n\r\n")
		if body != "{sent:true}" {
			t.Errorf("GET %s: body is %q", tt.target, body)
		}
		for _, want := range []string{"HTTP/1.1 200 OK", "Content-Type: application/json", "Connection: close", "Content-Length: 11"} {
			if !slices.Contains(strings.Split(head, "\r\n"), want) {
				t.Errorf("GET %s: there is no %q in\n%s", tt.target, want, head)
			}
		}
		if got := strings.Join(s.heard.taken(), "|"); got != tt.want {
			t.Errorf("GET %s: got %q, want %q", tt.target, got, tt.want)
		}
	}
}

func TestWebStats(t *testing.T) {
	s := newServer(t, Config{MaxLine: 100})
	for _, target := range []string{"/a;b", "/", "/%zz", "/::no", "/::connect;x->y", "/" + strings.Repeat("x", 101)} {
		s.giveTarget(target, "here")
	}
	want := Stats{Lines: 1, Malformed: 2, Refused: 1, UnknownID: 1, TooLong: 1}
	if got := s.Stats(); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestWebMethods(t *testing.T) {
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "HEAD"} {
		s := newServer(t, Config{})
		request := method + " /a;b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
		answer := ask(t, s.web(t), request)
		response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != 405 || response.Header.Get("Allow") != "GET" ||
			response.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: got\n%s", method, answer)
		}
		if method != "HEAD" && !strings.Contains(answer, `"status":405`) {
			t.Errorf("%s: the body does not say the problem:\n%s", method, answer)
		}
		if got := s.heard.taken(); len(got) > 0 {
			t.Errorf("%s: got %q, want nothing", method, got)
		}
	}
}
