package line

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what should come at once.
const patience = 10 * time.Second

// recorder is a delegate that keeps what it is told, as lines.
type recorder struct {
	mu      sync.Mutex
	lines   []string
	senders map[dispatch.ID]bool
}

func (r *recorder) Update(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	text, ok := msg.Text()
	if !ok {
		text = msg.JSON()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, string(path)+"; "+text)
	r.senders[sender] = true
}

// taken returns the lines so far.
func (r *recorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// journal is a slog.Handler that keeps the messages, with their level.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Enabled(context.Context, slog.Level) bool { return true }
func (j *journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j *journal) WithGroup(string) slog.Handler            { return j }

func (j *journal) Handle(_ context.Context, record slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, record.Level.String()+" "+record.Message)
	return nil
}

func (j *journal) said() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string(nil), j.lines...)
}

// server is a Receiver with all that it needs.
type server struct {
	*Receiver
	heard   *recorder
	journal *journal
	client  dispatch.ID // a component to give commands about
}

func newServer(t testing.TB, config Config) *server {
	t.Helper()
	s := &server{heard: &recorder{senders: make(map[dispatch.ID]bool)}, journal: &journal{}}
	controller := dispatch.NewController("test")
	dispatcher := dispatch.NewDispatcher(controller)
	s.client = controller.Register(&recorder{senders: make(map[dispatch.ID]bool)})
	controller.Delegate(s.heard)
	if config.Log == nil {
		config.Log = slog.New(s.journal)
	}
	s.Receiver = NewReceiver(config, controller, dispatcher)
	t.Cleanup(func() { s.Close(); dispatcher.Close() })
	return s
}

// serve has the server take connections from l until the test's end.
func (s *server) serve(t testing.TB, l net.Listener) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; err != nil {
			t.Errorf("Serve returns %v after Close, want nil", err)
		}
	})
}

// tcp has the server listen on TCP and returns where.
func (s *server) tcp(t testing.TB) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.serve(t, l)
	return l.Addr().String()
}

// pipes is a listener for bubbles: connections are pipes, and errors are made to order.
type pipes struct {
	queue chan any // a net.Conn or an error
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{queue: make(chan any, 16), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case <-p.done:
		return nil, net.ErrClosed
	case next := <-p.queue:
		if err, ok := next.(error); ok {
			return nil, err
		}
		return next.(net.Conn), nil
	}
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

// dial returns the client's end of a new connection.
func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.queue <- theirs
	return ours
}

// isEnded tells whether err is what a client gets to see of a connection that the server has closed.
func isEnded(err error) bool {
	var timeout interface{ Timeout() bool }
	return err != nil && (!errors.As(err, &timeout) || !timeout.Timeout())
}
