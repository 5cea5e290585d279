package tail

import (
	"bufio"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/rootsd/rootsd/dispatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stream is a tail that is being watched: a response whose body is read as it comes.
type stream struct {
	header http.Header
	reader *io.PipeReader
	writer *io.PipeWriter
	lines  *bufio.Scanner
}

func (s *stream) Header() http.Header         { return s.header }
func (s *stream) WriteHeader(int)             {}
func (s *stream) Write(p []byte) (int, error) { return s.writer.Write(p) }
func (s *stream) Flush()                      {}

// watch begins to watch, in a synctest bubble. The stream ends with the tail.
func watch(t *testing.T, tail *Tail, query string) *stream {
	t.Helper()
	s := &stream{header: make(http.Header)}
	s.reader, s.writer = io.Pipe()
	s.lines = bufio.NewScanner(s.reader)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/tail"+query, nil)
	go func() {
		tail.ServeHTTP(s, r)
		s.writer.Close()
	}()
	synctest.Wait()
	return s
}

func (s *stream) next(t *testing.T) Line {
	t.Helper()
	if !s.lines.Scan() {
		t.Fatalf("the stream ended: %v", s.lines.Err())
	}
	var l Line
	if err := json.Unmarshal(s.lines.Bytes(), &l); err != nil {
		t.Fatalf("%s: %v", s.lines.Text(), err)
	}
	return l
}

func newTail(buffer int) (*Tail, *dispatch.Controller) {
	c := dispatch.NewController("test")
	return New(c, buffer, slog.New(slog.DiscardHandler)), c
}

func say(c *dispatch.Controller, path dispatch.Path, text string) {
	c.Update("somebody", path, dispatch.TextMessage(text, dispatch.Options{}))
}

func TestWatch(t *testing.T) {
	for _, test := range []struct{ name, query, want string }{
		{"everything", "", "a/b ::connect c"},
		{"a pattern", "?pattern=a/*", "a/b"},
		{"all but commands", "?pattern=**", "a/b c"},
		{"commands", "?pattern=::connect", "::connect"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tail, c := newTail(10)
				s := watch(t, tail, test.query)
				for _, path := range []dispatch.Path{"a/b", "::connect", "c"} {
					say(c, path, "hello")
				}
				for want := range strings.FieldsSeq(test.want) {
					l := s.next(t)
					if string(l.Path) != want || string(l.Message) != `"hello"` || l.Sender != "somebody" || l.Time.IsZero() {
						t.Errorf("got %+v, want path %s", l, want)
					}
				}
				tail.Drain()
				if s.lines.Scan() {
					t.Errorf("there is one more line: %s", s.lines.Text())
				}
			})
		})
	}
}

// TestMessagesAsTheyWereSent watches a message that another encoder would write in another way.
func TestMessagesAsTheyWereSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const text = `{"html":"<b>\u003c&</b>","n":1.0,"big":12345678901234567890}`
		tail, controller := newTail(10)
		s := watch(t, tail, "")
		msg, err := dispatch.JSONMessage([]byte(text), dispatch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		controller.Update("somebody", "a", msg)
		if !s.lines.Scan() || !strings.Contains(s.lines.Text(), `"message":`+text) {
			t.Errorf("shown is %s", s.lines.Text())
		}
		tail.Drain()
	})
}

func TestSlowWatcherMissesUpdatesAndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail, c := newTail(2)
		s := watch(t, tail, "")
		// One is taken out and waits in the pipe that nobody reads, two wait in the buffer, and three have no room.
		say(c, "p", "0")
		synctest.Wait()
		for _, text := range []string{"1", "2", "3", "4", "5"} {
			say(c, "p", text)
		}
		for _, want := range []string{`"0"`, `"1"`, `"2"`} {
			if l := s.next(t); string(l.Message) != want || l.Dropped != 0 {
				t.Errorf("got %+v, want %s", l, want)
			}
		}
		synctest.Wait()
		say(c, "p", "6")
		if l := s.next(t); string(l.Message) != `"6"` || l.Dropped != 3 {
			t.Errorf("got %+v, want \"6\" and 3 dropped", l)
		}
		tail.Drain()
		s.lines.Scan()
		if tail.Dropped() != 3 {
			t.Errorf("dropped: got %d, want 3", tail.Dropped())
		}
	})
}

func TestRefusals(t *testing.T) {
	tail, _ := newTail(1)
	for _, test := range []struct {
		method, url string
		status      int
	}{
		{http.MethodPost, "/tail", http.StatusMethodNotAllowed},
		{http.MethodGet, "/tail?pattern=a/**/b", http.StatusBadRequest},
		{http.MethodGet, "/tail?pattern=%00", http.StatusBadRequest},
	} {
		w := httptest.NewRecorder()
		tail.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), test.method, test.url, nil))
		if w.Code != test.status {
			t.Errorf("%s %s: got %d, want %d: %s", test.method, test.url, w.Code, test.status, w.Body)
		}
	}
}
