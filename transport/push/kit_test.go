package push

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/dispatch"
)

func TestMain(m *testing.M) {
	// For half a second net/http waits with a connection that it closes, so that the client can read why.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// rig is a Push with all that it stands on.
type rig struct {
	testing.TB
	*Push
	made  Config
	given atomic.Int64 // how many updates a world gave
}

func testConfig() Config {
	return Config{
		Hold: 25 * time.Second, Bundle: 250 * time.Millisecond, Expire: 30 * time.Second,
		Queue:   QueueLimits{Messages: 1000, Bytes: 256 << 10, Age: time.Minute},
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
	return &rig{TB: t, Push: p, made: config}
}

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

// answer is what a client reads.
type answer struct {
	Updates []struct {
		Path    string
		Message json.RawMessage
		From    dispatch.ID
		Gap     string
	}
	ReconnectWith string

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

// do makes a request and returns its answer. Header fields are given as "Name: value".
func (r *rig) do(method, target, body string, fields ...string) *answer {
	r.Helper()
	return r.start(method, target, strings.NewReader(body), fields...).answer()
}

// call is a request on its way, in a goroutine.
type call struct {
	rig      *rig
	recorder *httptest.ResponseRecorder
	cancel   context.CancelFunc // the client goes away
	done     chan struct{}
	at       time.Time // when it was answered
	given    int64     // rig.given then
}

func (r *rig) start(method, target string, body io.Reader, fields ...string) *call {
	ctx, cancel := context.WithCancel(context.Background())
	request := httptest.NewRequestWithContext(ctx, method, target, body)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, ": ")
		if name == "Host" {
			request.Host = value
		}
		request.Header.Set(name, value)
	}
	c := &call{rig: r, recorder: httptest.NewRecorder(), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		r.ServeHTTP(c.recorder, request)
		c.at, c.given = time.Now(), r.given.Load()
	}()
	return c
}

// poll starts a poll.
func (r *rig) poll(token string) *call { return r.start("GET", "/"+token, nil) }

// answer waits for the answer.
func (c *call) answer() *answer {
	c.rig.Helper()
	<-c.done
	c.cancel()
	return readAnswer(c.rig, c.recorder.Code, c.recorder.Header(), c.recorder.Body.Bytes())
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
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sessions[id]
}
