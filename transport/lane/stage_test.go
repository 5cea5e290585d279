package lane_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// stage is loops with a parker, on the stand-in or on real sockets, and net/http behind them.
type stage struct {
	*testing.T
	*parker
	setting
	bubble bool // on the stand-in
	loops  *lane.Loops
	port   *lane.Port
	limit  *lane.LimitListener
	server *http.Server
	log    *logged
	dialer func() (net.Conn, error)
}

// setting is what a test may change of a stage.
type setting struct {
	count    int // of loops
	bounds   lane.Bounds
	max      int
	refused  lane.Tally
	sockets  func(lane.Sockets) lane.Sockets // stands before the real ones
	unserved bool                            // nobody accepts what is handed over
	fast     lane.Fast                       // in place of the parker
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// onBoth runs test on the stand-in, in a bubble, and on real sockets.
func onBoth(t *testing.T, test func(*stage), settings ...func(*setting)) {
	t.Helper()
	t.Run("stand-in", func(t *testing.T) { inBubble(t, test, settings...) })
	t.Run("sockets", func(t *testing.T) { test(newStage(t, false, settings)) })
}

// inBubble runs test on the stand-in: time passes there.
func inBubble(t *testing.T, test func(*stage), settings ...func(*setting)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newStage(t, true, settings)) })
}

func newStage(t *testing.T, bubble bool, settings []func(*setting)) *stage {
	s := &stage{T: t, parker: newParker(), bubble: bubble, log: new(logged)}
	s.setting = setting{count: 2, max: 1000, sockets: func(s lane.Sockets) lane.Sockets { return s },
		bounds: lane.Bounds{Header: 10 * time.Second, Idle: 2 * time.Minute, Write: 10 * time.Second, HeaderSize: 32 << 10}}
	s.fast = s.parker
	for _, set := range settings {
		set(&s.setting)
	}
	s.open(bubble)
	if !s.unserved {
		s.serve()
	}
	s.Cleanup(func() {
		s.shutdown(s.Context())
		if err := s.loops.Close(); err != nil {
			s.Error(err)
		}
	})
	return s
}

// open starts the loops, and has them listen.
func (s *stage) open(bubble bool) {
	var network lanetest.Net
	open := lane.OpenSockets
	if bubble {
		open = network.Open
	}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	loops, err := lane.NewLoops(s.count, func() (lane.Sockets, error) {
		sockets, err := open()
		if err == nil {
			sockets = s.sockets(sockets)
		}
		return sockets, err
	}, s.bounds, log)
	if errors.Is(err, errors.ErrUnsupported) {
		s.Skip("event loops are for Linux: ", err)
	}
	s.must(err)
	s.loops = loops
	if bubble {
		l := network.Listen()
		s.limit = lane.NewLimitListener(l, s.max, &s.refused)
		s.port, err = loops.OpenFD("test", s.limit, s.fast, l.FD)
		s.dialer = func() (net.Conn, error) { return l.Dial() }
	} else {
		config := net.ListenConfig{Control: smallQueue}
		l, err := config.Listen(s.Context(), "tcp", "127.0.0.1:0")
		s.must(err)
		s.limit = lane.NewLimitListener(l, s.max, &s.refused)
		s.port, err = loops.Open("test", s.limit, s.fast)
		s.must(err)
		dialer := net.Dialer{Control: smallWindow}
		s.dialer = func() (net.Conn, error) { return dialer.Dial("tcp", l.Addr().String()) }
	}
	s.must(err)
}

// serve has net/http serve what is handed over.
func (s *stage) serve() {
	s.server = lane.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "net/http %s %d %v", r.URL.Path, len(body), err)
	}), s.bounds, slog.New(slog.DiscardHandler))
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.server.Serve(s.port)
	}()
	s.Cleanup(func() {
		s.server.Close()
		<-served
	})
}

// shutdown ends the port. What an ended ctx leaves is no error here.
func (s *stage) shutdown(ctx context.Context) {
	s.Helper()
	if err := s.port.Shutdown(ctx); err != nil && ctx.Err() == nil {
		s.Error(err)
	}
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// until waits for what must come to be so.
func (s *stage) until(what string, is func() bool) {
	s.Helper()
	if s.bubble {
		synctest.Wait()
		if !is() {
			s.Fatal("not so: ", what)
		}
		return
	}
	for began := time.Now(); !is(); runtime.Gosched() {
		if time.Since(began) > 20*time.Second {
			s.Fatal("not so after 20 s: ", what)
		}
	}
}

// settle has the loops do all that there is to do, where that can be known.
func (s *stage) settle() {
	if s.bubble {
		synctest.Wait()
	}
}

// allClosed wants no connection to be left, and gone to have been called so often.
func (s *stage) allClosed(gone int) {
	s.Helper()
	s.until("all connections are closed", func() bool { return s.limit.Open() == 0 && s.loops.Connections() == 0 })
	s.until(fmt.Sprintf("%d parked ones are gone", gone), func() bool { return len(s.gone) >= gone })
	if len(s.gone) != gone {
		s.Errorf("Gone was called %d times, want %d", len(s.gone), gone)
	}
}

// client is one end of a connection, and a reader of its answers.
type client struct {
	net.Conn
	*bufio.Reader
	stage *stage
}

func (c *client) Read(into []byte) (int, error) { return c.Reader.Read(into) }

func (s *stage) dial() *client {
	s.Helper()
	conn, err := s.dialer()
	s.must(err)
	s.Cleanup(func() { conn.Close() })
	if !s.bubble {
		s.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	}
	return &client{conn, bufio.NewReader(conn), s}
}

// ask opens a connection and sends text.
func (s *stage) ask(text string) *client {
	s.Helper()
	c := s.dial()
	c.send(text)
	return c
}

// park opens a connection that is parked, by a request for path.
func (s *stage) park(path string) (*client, *lane.Conn) {
	s.Helper()
	c := s.ask(get(path))
	return c, <-s.parked
}

func (c *client) send(text string) {
	c.stage.Helper()
	_, err := io.WriteString(c.Conn, text)
	c.stage.must(err)
}

// wants reads answers: each is to be a status and a body.
func (c *client) wants(answers ...string) {
	c.stage.Helper()
	for _, want := range answers {
		if got := c.answer(); got != want {
			c.stage.Fatalf("answered %q, want %q", short(got), short(want))
		}
	}
}

func short(text string) string {
	if len(text) > 200 {
		return fmt.Sprintf("%s… (%d bytes)", text[:200], len(text))
	}
	return text
}

func (c *client) answer() string {
	c.stage.Helper()
	response, err := http.ReadResponse(c.Reader, nil)
	c.stage.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	c.stage.must(err)
	return strings.TrimSpace(fmt.Sprint(response.StatusCode, " ", string(body)))
}

// wantsEnd wants the connection to be closed with nothing more said, and closes it then, as clients do.
func (c *client) wantsEnd() {
	c.stage.Helper()
	rest, err := io.ReadAll(c.Reader)
	if len(rest) > 0 || err != nil && !errors.Is(err, syscall.ECONNRESET) {
		c.stage.Fatalf("got %q, %v, want the end", short(string(rest)), err)
	}
	_ = c.Close()
}

// raw reads all until the end, and closes the connection then, as clients do.
func (c *client) raw() string {
	c.stage.Helper()
	text, err := io.ReadAll(c.Reader)
	c.stage.must(err)
	_ = c.Close()
	return string(text)
}

func (c *client) closeWrite() { _ = c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// reset has the client vanish.
func (c *client) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close()
}

// window has the client take so much before it reads. Real sockets have a window anyhow.
func (c *client) window(bytes int) {
	if standIn, ok := c.Conn.(*lanetest.Client); ok {
		standIn.SetWindow(bytes)
	}
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n" }

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}
