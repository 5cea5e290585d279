package line

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// exchange writes to addr, ends its side, and returns what the server had to say until it closed the connection. By
// then the server has taken all that it is going to take.
func exchange(t testing.TB, addr string, writes ...string) (answer string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	for _, text := range writes {
		if _, err := io.WriteString(conn, text); err != nil {
			break // the server has closed the connection already, as some tests want
		}
	}
	conn.(*net.TCPConn).CloseWrite()
	data, err := io.ReadAll(conn)
	if err != nil && !isEnded(err) {
		t.Fatalf("the server does not close the connection: %v", err)
	}
	return string(data)
}

func TestReceiver(t *testing.T) {
	long := strings.Repeat("x", 100)
	secret := Config{Tokens: []string{"first", "s3;cret"}}
	tests := []struct {
		name   string
		config Config
		writes []string
		want   []string
		stats  Stats
	}{
		{"LF and CRLF", Config{}, []string{"a; 1\nb; 2\r\nc;3\n\r\nd; 4\n"},
			[]string{"a; 1", "b; 2", "c; 3", "d; 4"}, Stats{Lines: 4, Malformed: 1}},
		{"many writes", Config{}, []string{"a", ";", " hel", "lo\r", "\nb", "; ", "\n"},
			[]string{"a; hello", "b; "}, Stats{Lines: 2}},
		{"half a line at the end", Config{}, []string{"a; 1\nb; 2"},
			[]string{"a; 1", "b; 2"}, Stats{Lines: 2}},
		{"messages that are too large", Config{MaxMessage: 10}, []string{"a; 12345678\nb; 123456789\nc; \"\"\"\"\"\nd; 1\n"},
			[]string{"a; 12345678", "d; 1"}, Stats{Lines: 2, TooLarge: 2}},
		{"exit amid a write", Config{}, []string{"a; 1\n::exit\nb; 2\n", "c; 3\n"},
			[]string{"a; 1"}, Stats{Lines: 1}},
		{"exit with all it may have", Config{}, []string{"::exit; now\r\nb; 2\n"}, nil, Stats{}},
		{"bad lines", Config{}, []string{"a; 1\n; 2\nb//c; 3\n\xff; 4\nd/*; 5\ne; 6\n"},
			[]string{"a; 1", "e; 6"}, Stats{Lines: 2, Malformed: 4}},
		{"refused updates", Config{}, []string{"::no; 1\n::connect; nobody->a\n::connect; ->\n::gone; x\na; 2\n"},
			[]string{"a; 2"}, Stats{Lines: 1, UnknownID: 1, Refused: 3}},
		{"binary garbage after the first line", Config{}, []string{"a; 1\n\x00\x01\xfe\n\x16\x03\x01\nb; 2\n"},
			[]string{"a; 1", "b; 2"}, Stats{Lines: 2, Malformed: 2}},
		{"a line as long as may be", Config{MaxLine: 103}, []string{"a; " + long + "\r\nb; 2\n"},
			[]string{"a; " + long, "b; 2"}, Stats{Lines: 2}},
		{"a line too long", Config{MaxLine: 102}, []string{"a; 1\nb; " + long + "\nc; 3\n"},
			[]string{"a; 1"}, Stats{Lines: 1, TooLong: 1}},
		{"a line too long at the end", Config{MaxLine: 102}, []string{"a; 1\nb; " + long},
			[]string{"a; 1"}, Stats{Lines: 1, TooLong: 1}},
		{"a line without end", Config{}, []string{strings.Repeat(long, 2000)}, nil, Stats{TooLong: 1}},
		{"a line longer than a read", Config{MaxMessage: 128 << 10}, []string{"a; " + strings.Repeat(long, 1000) + "\nb; 2\n"},
			[]string{"a; " + strings.Repeat(long, 1000), "b; 2"}, Stats{Lines: 2}},

		{"HTTP", Config{}, []string{"POST / HTTP/1.1\r\nHost: x\r\n\r\na; 1\n"}, nil, Stats{Foreign: 1}},
		{"HTTP with a line as target", Config{}, []string{"GET /a;1 HTTP/1.0\r\nb; 2\r\n"}, nil, Stats{Foreign: 1}},
		{"HTTP with a method of its own", Config{}, []string{"frob /a; HTTP/3\nb; 2\n"}, nil, Stats{Foreign: 1}},
		{"HTTP/2", Config{}, []string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, nil, Stats{Foreign: 1}},
		{"TLS", Config{}, []string{"\x16\x03\x01\x02\na; 1\n"}, nil, Stats{Foreign: 1}},
		{"HTTP and a token", secret, []string{"GET / HTTP/1.1\n::token; first\na; 1\n"}, nil, Stats{Foreign: 1}},
		{"not quite HTTP", Config{}, []string{"log; GET / HTTP/1.1\na HTTP/1.1\n"},
			[]string{"log; GET / HTTP/1.1", "a HTTP/1.1; "}, Stats{Lines: 2}},
		{"an empty line first", Config{}, []string{"\r\na; 1\n"}, []string{"a; 1"}, Stats{Lines: 1, Malformed: 1}},
		{"HTTP later", Config{}, []string{"a; 1\nGET / HTTP/1.1\n"},
			[]string{"a; 1", "GET / HTTP/1.1; "}, Stats{Lines: 2}},

		{"token", secret, []string{"::token; s3;cret\r\na; 1\n::token; again\nb; 2\n"},
			[]string{"a; 1", "b; 2"}, Stats{Lines: 2}},
		{"wrong token", secret, []string{"::token; s3\na; 1\n"}, nil, Stats{Unauthorized: 1}},
		{"blank token", Config{Tokens: []string{""}}, []string{"::token\na; 1\n"}, nil, Stats{Unauthorized: 1}},
		{"token of a bad line", secret, []string{"::token; first\xff\na; 1\n"}, nil, Stats{Unauthorized: 1}},
		{"no token", secret, []string{"a; 1\n::token; first\nb; 2\n"}, nil, Stats{Unauthorized: 1}},
		{"no token, half a line", secret, []string{"a; 1"}, nil, Stats{Unauthorized: 1}},
		{"token where none is wanted", Config{}, []string{"::token; what\na; 1\n"}, []string{"a; 1"}, Stats{Lines: 1}},
		{"nothing", secret, nil, nil, Stats{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, tt.config)
			if answer := exchange(t, s.tcp(t), tt.writes...); answer != "" {
				t.Errorf("the server says %q, want nothing", answer)
			}
			s.Close() // so that nothing is being counted any more
			if got := s.heard.taken(); !slices.Equal(without(got, "::gone"), tt.want) {
				t.Errorf("got  %.300q\nwant %.300q", got, tt.want)
			}
			want := tt.stats
			want.Accepted = 1
			if got := s.Stats(); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// without leaves out the lines at path.
func without(lines []string, path string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, path) })
}

func TestReceiverCommands(t *testing.T) {
	s := newServer(t, Config{})
	connect := "::connect; " + string(s.client) + "->orders/*"
	exchange(t, s.tcp(t), connect+"\n")
	if got := s.heard.taken(); !slices.Equal(got, []string{connect}) {
		t.Errorf("got %q", got)
	}
	if !s.heard.senders[s.id] || len(s.heard.senders) != 1 {
		t.Errorf("senders are %v, want the Receiver, %s", s.heard.senders, s.id)
	}
	s.Update(s.client, "a", dispatch.TextMessage("", dispatch.Options{}))
}

// TestReceiverChunks checks that nothing depends on where a stream is cut, by a listener in memory.
func TestReceiverChunks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.SliceOfN(awkward(), 1, 30).Draw(rt, "texts")
		ending := rapid.SampledFrom([]string{"\n", "\r\n"})
		var stream []byte
		var want []string
		for i, text := range lines {
			line := Append(nil, dispatch.Path(fmt.Sprint("p", i)), text)
			stream = append(append(stream, line[:len(line)-1]...), ending.Draw(rt, "ending")...)
			want = append(want, fmt.Sprintf("p%d; %s", i, text))
		}
		s := newServer(t, Config{})
		defer s.Close()
		client, conn := net.Pipe()
		s.adopt(conn)
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(rt, "n")
			client.Write(stream[:n])
			stream = stream[n:]
		}
		client.Close()
		s.running.Wait()
		if got := s.heard.taken(); !slices.Equal(got, want) {
			rt.Fatalf("got  %q\nwant %q", got, want)
		}
	})
}

// TestReceiverFlood has clients that send as fast as they can; each client's lines arrive in its order.
func TestReceiverFlood(t *testing.T) {
	const clients, each = 4, 2000
	s := newServer(t, Config{})
	addr := s.tcp(t)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			var b strings.Builder
			for i := range each {
				fmt.Fprintf(&b, "from/%d; %d\n", c, i)
			}
			exchange(t, addr, b.String())
		})
	}
	all.Wait()
	next := make(map[string]int)
	for _, line := range s.heard.taken() {
		path, text, _ := strings.Cut(line, "; ")
		if text != fmt.Sprint(next[path]) {
			t.Fatalf("got %q, want number %d", line, next[path])
		}
		next[path]++
	}
	if got := s.Stats().Lines; got != clients*each {
		t.Errorf("%d lines, want %d", got, clients*each)
	}
}

func TestMaxConnections(t *testing.T) {
	met := lane.NewMet(slog.New(slog.DiscardHandler), func(string) any { return 1 })
	s := newServer(t, Config{MaxConnections: 1, Met: met})
	addr := s.tcp(t)
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	exchange(t, addr, "a; 1\n")
	exchange(t, addr, "b; 2\n")
	s.SetConfig(Config{MaxConnections: 2, Log: s.log()})
	exchange(t, addr, "c; 3\n")
	s.Close()
	if got := without(s.heard.taken(), "::gone"); !slices.Equal(got, []string{"c; 3"}) {
		t.Errorf("got %q, want the third line alone", got)
	}
	if got, want := s.Stats(), (Stats{Accepted: 2, Surplus: 2, Lines: 1}); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := met.Counts()["limits.control_connections"]; got != 2 {
		t.Errorf("the limit was met %d times, want 2", got)
	}
}

// Of a line that begins as one with a token does, the log has nothing but that; and nothing like a token of others.
func TestTokensAreNotLogged(t *testing.T) {
	var log bytes.Buffer
	s := newServer(t, Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	exchange(t, s.tcp(t), "a; 1\n::token SECRET\n::token:SECRET; x\n::TOKEN;SECRET\n::Token=SECRET\n::to/SECRETofsixteens; x\n::token/SECRET\n")
	s.Close()
	if got := s.Stats().Refused + s.Stats().UnknownID; strings.Contains(log.String(), "SECRET") || got != 6 {
		t.Errorf("%d were refused, and the log says %s", got, &log)
	}
	if got := strings.Count(strings.ToLower(log.String()), `"\"::token\":`); got != 5 {
		t.Errorf("the log says %d times that there was a token, want 5: %s", got, &log)
	}
}

// A crowd of connections that are turned away is two lines of the log, which say how many there were.
func TestCrowdsAreFewLines(t *testing.T) {
	const crowd = 50
	for msg, first := range map[string]string{
		"line: this is not the line protocol": "GET / HTTP/1.1\n", "line: connection is not authorized": "::token; wrong\n",
	} {
		var log bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			met := lane.NewMet(slog.New(slog.NewTextHandler(&log, nil)), nil)
			s, p := newServer(t, Config{Tokens: []string{"right"}, Met: met}), newPipes()
			s.serve(t, p)
			for range crowd {
				conn := p.dial()
				_, _ = io.WriteString(conn, first)
				synctest.Wait()
				conn.Close()
			}
			met.Close()
		})
		text := log.String()
		if n := strings.Count(text, msg); n != 2 || !strings.Contains(text, "times=1 ") || !strings.Contains(text, fmt.Sprint("times=", crowd-1)) {
			t.Errorf("the log says %s", text)
		}
	}
}

// bubble runs test in a bubble with a server that takes pipes.
func bubble(t *testing.T, config Config, test func(t *testing.T, s *server, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, p := newServer(t, config), newPipes()
		s.serve(t, p)
		test(t, s, p)
	})
}

// closed tells whether the server has closed conn by now.
func closed(conn net.Conn) bool {
	conn.SetReadDeadline(time.Now().Add(time.Nanosecond))
	_, err := conn.Read(make([]byte, 1))
	return isEnded(err)
}

func TestTokenInTime(t *testing.T) {
	bubble(t, Config{Tokens: []string{"x"}}, func(t *testing.T, s *server, p *pipes) {
		late, punctual := p.dial(), p.dial()
		io.WriteString(late, "::token;")
		io.WriteString(punctual, "::token; x\n")
		time.Sleep(9 * time.Second)
		if closed(late) {
			t.Error("a connection without first line is closed before its time")
		}
		time.Sleep(time.Second)
		if synctest.Wait(); !closed(late) {
			t.Error("a connection without first line is still there after 10 s")
		}
		time.Sleep(24 * time.Hour)
		io.WriteString(punctual, "a; 1\n")
		if synctest.Wait(); !slices.Equal(s.heard.taken(), []string{"a; 1"}) {
			t.Errorf("got %q from a connection that was silent for a day", s.heard.taken())
		}
		if got, want := s.Stats(), (Stats{Open: 1, Accepted: 2, Unauthorized: 1, Lines: 1}); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

// TestSetConfig changes the tokens while there are connections.
func TestSetConfig(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *server, p *pipes) {
		open, silent := p.dial(), p.dial()
		io.WriteString(open, "a; 1\n")
		synctest.Wait()
		s.SetConfig(Config{Tokens: []string{"old", "new"}, Log: s.log()})
		if synctest.Wait(); !closed(open) {
			t.Error("a connection without token stays, though one is wanted now")
		}
		old, renewed := p.dial(), p.dial()
		io.WriteString(old, "::token; old\n")
		io.WriteString(renewed, "::token; new\n")
		synctest.Wait()
		s.SetConfig(Config{Tokens: []string{"new"}, Log: s.log()})
		synctest.Wait()
		if !closed(old) || closed(renewed) || closed(silent) {
			t.Error("want just the connection closed whose token is withdrawn")
		}
		time.Sleep(11 * time.Second)
		if synctest.Wait(); !closed(silent) {
			t.Error("a connection from before there were tokens need not send one")
		}
		io.WriteString(renewed, "b; "+strings.Repeat("x", 50)+"\n")
		synctest.Wait()
		s.SetConfig(Config{MaxLine: 10, Log: s.log()})
		io.WriteString(renewed, "c; "+strings.Repeat("x", 50)+"\n")
		if synctest.Wait(); !closed(renewed) || s.Stats().TooLong != 1 {
			t.Error("the lower limit of a line is not heeded")
		}
		if got := s.Stats(); got.Lines != 2 || got.Open != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAcceptErrors(t *testing.T) {
	bubble(t, Config{}, func(t *testing.T, s *server, p *pipes) {
		for range 12 {
			p.queue <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		}
		conn := p.dial()
		start := time.Now()
		io.WriteString(conn, "a; 1\n")
		// 5 ms, 10 ms, … 640 ms, then four times 1 s
		if took := time.Since(start); took != 5275*time.Millisecond {
			t.Errorf("12 errors have taken %v", took)
		}
		synctest.Wait()
		want := []string{"WARN line: cannot accept connections for now"}
		if got := s.journal.said(); !slices.Equal(got, want) {
			t.Errorf("the log says %q, want %q", got, want)
		}
		conn.Close()
		p.queue <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
		synctest.Wait() // Serve sleeps, and Close wakes it
	})
}

func TestServeEnds(t *testing.T) {
	s, p := newServer(t, Config{}), newPipes()
	p.Close()
	if err := s.Serve(p); err == nil || !strings.Contains(err.Error(), "accept") {
		t.Errorf("Serve of a closed listener returns %v", err)
	}
	s.Close()
	p = newPipes()
	if err := s.Serve(p); err != nil {
		t.Errorf("Serve after Close returns %v, want nil", err)
	}
	if _, err := p.Accept(); err == nil {
		t.Error("Serve after Close leaves the listener open")
	}
	ours, theirs := net.Pipe()
	s.adopt(theirs)
	if !closed(ours) {
		t.Error("a connection that was accepted while the Receiver was closed stays open")
	}
}

// TestClose has connections in each state, and several that close.
func TestClose(t *testing.T) {
	bubble(t, Config{Tokens: []string{"x"}}, func(t *testing.T, s *server, p *pipes) {
		conns := []net.Conn{p.dial(), p.dial(), p.dial()}
		io.WriteString(conns[1], "::token; x\n")
		io.WriteString(conns[2], "::token; x\nhalf a line")
		synctest.Wait()
		var all sync.WaitGroup
		all.Go(func() { s.Close() })
		all.Go(func() { s.Close() })
		all.Wait()
		for i, conn := range conns {
			if !closed(conn) {
				t.Errorf("connection %d is open after Close", i)
			}
		}
		if got, want := s.heard.taken(), []string{"::gone; " + string(s.id)}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q: half a line must not be taken, and the Receiver is gone", got, want)
		}
	})
}

// BenchmarkReceiver sends lines over TCP; an operation is one line.
func BenchmarkReceiver(b *testing.B) {
	for _, m := range messages[:2] {
		b.Run(m.name, func(b *testing.B) {
			controller := dispatch.NewController("test")
			r := NewReceiver(Config{}, controller, dispatch.NewDispatcher(controller))
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			go r.Serve(l)
			defer r.Close()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			line := Append(nil, "orders/42", m.text)
			batch := slices.Repeat(line, 64)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; left -= 64 {
				conn.Write(batch[:min(64, left)*len(line)])
			}
			conn.(*net.TCPConn).CloseWrite()
			conn.Read(make([]byte, 1))
			if got := r.Stats().Lines; got != uint64(b.N) {
				b.Fatalf("%d lines, want %d", got, b.N)
			}
		})
	}
}
