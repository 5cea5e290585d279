package push

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

func TestMain(m *testing.M) {
	// For half a second net/http waits with a connection that it closes, so that the client can read why.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// rig is a Push with all that it stands on.
type rig struct {
	testing.TB
	*Push
	made   Config
	dial   func() net.Conn // connects to what serves the Push: the seam for the cases that every lane has to pass
	settle func()          // in a bubble: waits until what was written is noted as well
	given  atomic.Int64    // how many updates a world gave
}

func testConfig() Config {
	return Config{
		Hold: 25 * time.Second, Bundle: 250 * time.Millisecond, Expire: 30 * time.Second,
		Resume: 64, Queue: QueueLimits{Messages: 1000, Bytes: 256 << 10, Age: time.Minute},
		Origins: []string{"*"}, MaxSessions: 1000, MaxBody: 4 << 10,
		BodyTime: 10 * time.Second, WriteTime: 10 * time.Second,
	}
}

func newRig(t testing.TB, edits ...func(*Config)) *rig {
	t.Helper()
	config := testConfig()
	for _, edit := range edits {
		edit(&config)
	}
	c := dispatch.NewController("test")
	d := dispatch.NewDispatcher(c)
	p := New(config, c, d, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { p.Close(); d.Close() })
	r := &rig{TB: t, Push: p, made: config}
	r.dial = r.serveInMemory()
	return r
}

// serveInMemory has net/http serve the rig on connections in memory, which work in a bubble. The returned function makes
// one.
func (r *rig) serveInMemory() (dial func() net.Conn) {
	listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := lane.NewServer(r, lane.Bounds{Header: 10 * time.Second, Write: 10 * time.Second}, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(listener) }()
	r.Cleanup(func() { server.Close() })
	return func() net.Conn {
		ours, theirs := net.Pipe()
		listener.conns <- fromLoopback{theirs}
		return ours
	}
}

// fromLoopback is a connection from this machine, as those of the loops' network in memory are.
type fromLoopback struct{ net.Conn }

func (fromLoopback) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// pipeListener is a net.Listener of connections in memory.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// apply gives updates as a back-end does.
func (r *rig) apply(updates ...dispatch.Update) {
	r.Helper()
	if err := r.dispatcher.Apply("", updates...); err != nil {
		r.Fatal(err)
	}
}

// update gives value, any JSON text, at path.
func (r *rig) update(path, value string) { r.apply(newUpdate(path, value, dispatch.Options{})) }

// connect connects a client to patterns.
func (r *rig) connect(id dispatch.ID, patterns ...dispatch.Pattern) {
	r.Helper()
	for _, p := range patterns {
		r.apply(dispatch.Command(dispatch.PathConnect, id, p, 0))
	}
}

func newUpdate(path, value string, options dispatch.Options) dispatch.Update {
	return dispatch.Update{Path: dispatch.Path(path), Message: newMessage(value, options)}
}

func newMessage(value string, options dispatch.Options) *dispatch.Message {
	message, err := dispatch.JSONMessage([]byte(value), options)
	if err != nil {
		panic(err)
	}
	return message
}

// heardUpdate is an update as a client reads it.
type heardUpdate struct {
	Path    string
	Message json.RawMessage
	From    dispatch.ID
	Gap     string
}

// answer is what a client reads.
type answer struct {
	Updates       []heardUpdate
	ReconnectWith string
	Pace, Retry   int

	// of a problem
	Status int
	Reason string
	Detail string
	Entry  *int
	Field  string

	code   int // of HTTP
	header http.Header
}

// String writes the updates as "path=message", "path#gap" for marks.
func (a *answer) String() string {
	texts := make([]string, len(a.Updates))
	for i, u := range a.Updates {
		texts[i] = fmt.Sprintf("%s=%s", u.Path, u.Message)
		if u.Gap != "" {
			texts[i] = fmt.Sprintf("%s#%s", u.Path, u.Gap)
		}
	}
	return strings.Join(texts, " ")
}

// id returns what a client takes for its ID.
func (a *answer) id() dispatch.ID {
	id, _, _ := strings.Cut(a.ReconnectWith, "/")
	return dispatch.ID(id)
}

func readAnswer(t testing.TB, code int, header http.Header, body []byte) *answer {
	t.Helper()
	a := &answer{code: code, header: header}
	if len(body) > 0 {
		if err := json.Unmarshal(body, a); err != nil {
			t.Fatalf("answer is not JSON: %v\n%s", err, body)
		}
	}
	return a
}

// do makes a request and returns its answer.
func (r *rig) do(method, target, body string, fields ...string) *answer {
	r.Helper()
	a := r.start(method, target, strings.NewReader(body), fields...).answer()
	if r.settle != nil {
		r.settle()
	}
	return a
}

// call is a request on its way, in a goroutine, on a connection of its own.
type call struct {
	rig    *rig
	cancel func() // the client goes away
	done   chan struct{}
	code   int
	header http.Header
	body   []byte
	err    error     // why there is no answer
	at     time.Time // when it was answered
	given  int64     // rig.given then
}

func (r *rig) start(method, target string, body io.Reader, fields ...string) *call {
	r.Helper()
	conn := r.dial()
	c := &call{rig: r, cancel: func() { conn.Close() }, done: make(chan struct{})}
	request := requestText(r, method, target, body, fields)
	go func() {
		defer close(c.done)
		defer conn.Close()
		c.err = c.exchange(conn, method, request)
		c.at, c.given = time.Now(), r.given.Load()
	}()
	return c
}

// requestText puts a request together. Header fields are given as "Name: value".
func requestText(t testing.TB, method, target string, body io.Reader, fields []string) []byte {
	t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = io.ReadAll(body); err != nil {
			t.Fatal(err)
		}
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\n", method, target)
	if !slices.ContainsFunc(fields, func(field string) bool { return strings.HasPrefix(field, "Host: ") }) {
		head += "Host: example.com\r\n"
	}
	for _, field := range fields {
		head += field + "\r\n"
	}
	if len(content) > 0 {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(content))
	}
	return append([]byte(head+"\r\n"), content...)
}

func (c *call) exchange(conn net.Conn, method string, request []byte) error {
	// What is refused by its header may be answered before the rest of it is read.
	go func() { _, _ = conn.Write(request) }()
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return err
	}
	c.code, c.header = response.StatusCode, response.Header
	if response.Close {
		c.header.Set("Connection", "close") // which ReadResponse takes away
	}
	c.body, err = io.ReadAll(response.Body)
	return err
}

// poll starts a poll.
func (r *rig) poll(token string) *call { return r.start("GET", "/"+token, nil) }

// answer waits for the answer.
func (c *call) answer() *answer {
	c.rig.Helper()
	<-c.done
	if c.err != nil {
		c.rig.Fatal(c.err)
	}
	return readAnswer(c.rig, c.code, c.header, c.body)
}

// waits tells whether the request is not answered yet. Call it when all is quiet.
func (c *call) waits() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// open opens a session, connects it to patterns and hears the confirmations of that, and returns its token.
func (r *rig) open(patterns ...dispatch.Pattern) (id dispatch.ID, token string) {
	r.Helper()
	a := r.do("GET", "/", "")
	if a.code != http.StatusOK {
		r.Fatalf("opening: %d %s", a.code, a.Detail)
	}
	if len(patterns) > 0 {
		r.connect(a.id(), patterns...)
		a = r.do("GET", "/"+a.ReconnectWith, "")
	}
	return a.id(), a.ReconnectWith
}

// session returns the session with an ID.
func (r *rig) session(id dispatch.ID) *Session {
	s, _ := r.controller.Find(id).(*Session)
	return s
}
