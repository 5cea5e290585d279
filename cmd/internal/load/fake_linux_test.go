package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fake is a push server whose faults are known. Its one address takes clients and publishes.
type fake struct {
	*httptest.Server
	// deliver says what a client is given when message n, counted from 0, is published at its path: the text itself,
	// unless it is nil. Texts that it held back may come with it.
	deliver func(client string, n int, text string) []string
	refuse  func(n int) int // status of the answer to publish n; 0 for a good one
	framing string          // of long-poll answers: "", "chunked" or "close"
	pongs   atomic.Int32    // WebSocket pings that were answered

	mu        sync.Mutex
	published int
	clients   map[string]*listener
}

// listener is one client of the fake. Its texts wait in a channel that is large enough for any test.
type listener struct {
	id, path string
	texts    chan string
}

const hangUp = "hang up" // a text that stands for the end of the connection

func newFake(t *testing.T) *fake { return start(t, &fake{}) }

// start has a fake serve until the test ends. What it does is settled before.
func start(t *testing.T, s *fake) *fake {
	s.clients = map[string]*listener{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish/{path...}", s.publish)
	mux.HandleFunc("GET /listen/{id}/{path...}", s.listen)
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *fake) address() string { return s.Listener.Addr().String() }

func (s *fake) publish(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.published
	s.published++
	if s.refuse != nil && s.refuse(n) != 0 {
		http.Error(w, "not now", s.refuse(n))
		return
	}
	for _, l := range s.clients {
		if l.path != r.PathValue("path") {
			continue
		}
		texts := []string{string(text)}
		if s.deliver != nil {
			texts = s.deliver(l.id, n, string(text))
		}
		for _, text := range texts {
			l.texts <- text
		}
	}
	w.WriteHeader(http.StatusAccepted)
}

// listener finds a client, or makes one.
func (s *fake) listener(r *http.Request) (l *listener, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.PathValue("id") + " " + r.PathValue("path")
	if s.clients[key] == nil {
		s.clients[key] = &listener{r.PathValue("id"), r.PathValue("path"), make(chan string, 10_000)}
		isNew = true
	}
	return s.clients[key], isNew
}

func (s *fake) listen(w http.ResponseWriter, r *http.Request) {
	l, isNew := s.listener(r)
	switch {
	case r.Header.Get("Upgrade") != "":
		s.socket(w, l)
	case r.Header.Get("Accept") == "text/event-stream":
		s.stream(w, r, l)
	case isNew:
		fmt.Fprint(w, "welcome")
	default:
		s.poll(w, r, l)
	}
}

func (s *fake) poll(w http.ResponseWriter, r *http.Request, l *listener) {
	select {
	case <-r.Context().Done():
	case text := <-l.texts:
		if text == hangUp {
			panic(http.ErrAbortHandler)
		}
		switch s.framing {
		case "close":
			w.Header().Set("Transfer-Encoding", "identity")
		case "chunked":
			fmt.Fprint(w, text[:10])
			w.(http.Flusher).Flush()
			text = text[10:]
		}
		fmt.Fprint(w, text)
	}
}

func (s *fake) stream(w http.ResponseWriter, r *http.Request, l *listener) {
	w.(http.Flusher).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-l.texts:
			if text == hangUp {
				return
			}
			fmt.Fprintf(w, ":\n\ndata: %s\n\n", text)
			w.(http.Flusher).Flush()
		}
	}
}

func (s *fake) socket(w http.ResponseWriter, l *listener) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.readFrames(buffered.Reader)
	}()
	fmt.Fprint(conn, upgraded)
	for {
		select {
		case <-ended:
			return
		case text := <-l.texts:
			if text == hangUp {
				conn.Close()
				<-ended
				return
			}
			frame := binary.BigEndian.AppendUint16([]byte("\x89\x01p\x81\x7e"), uint16(len(text)))
			_, _ = conn.Write(append(frame, text...))
		}
	}
}

// readFrames counts the pongs until the end.
func (s *fake) readFrames(r *bufio.Reader) {
	var head [7]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		if head[0] == 0x80|OpPong && head[1] == 0x81 && head[6]^mask[0] == 'p' {
			s.pongs.Add(1)
		}
	}
}

// fakeDialect is the dialect of the fake.
type fakeDialect struct {
	transport Transport
	host      string
	silent    bool // never ready
}

func (d *fakeDialect) Open(dst []byte, c *Client) []byte {
	target := "/listen/" + strconv.Itoa(c.Index) + "/" + c.Path
	switch d.transport {
	case WebSocket:
		return AppendUpgrade(dst, d.host, target, "")
	case SSE:
		return fmt.Appendf(dst, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", target, d.host)
	}
	return fmt.Appendf(dst, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, d.host)
}

func (d *fakeDialect) Hear(c *Client, in *Input, r *Reply) {
	if in.Status >= 400 {
		r.Fail("status " + strconv.Itoa(in.Status))
		return
	}
	if !d.silent {
		r.Ready()
	}
	r.Messages(in.Data)
	if d.transport == LongPoll {
		r.Send = d.Open(r.Send, c)
	}
}

func (d *fakeDialect) Publish(dst []byte, path string, text []byte) []byte {
	return fmt.Appendf(dst, "POST /publish/%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", path, d.host, len(text), text)
}

func (d *fakeDialect) Published(in *Input) bool { return in.Status == 202 }

// numberOf is the number of a message at its path.
func numberOf(text string) int {
	n, _ := strconv.Atoi(strings.Split(text, "_")[3])
	return n
}
