package proxytest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// A site is what a browser sees of a rootsd behind a proxy.
type site struct {
	base   string // up to /comet/
	daemon *Daemon
	client *http.Client
	tls    *tls.Config // nil: without TLS
}

// newSite returns the site at a base URL. With trusted, it is asked by TLS and HTTP/2, where the proxy offers that.
func newSite(t testing.TB, daemon *Daemon, base string, trusted *tls.Config) *site {
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: trusted.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &site{base: base + "/comet/", daemon: daemon, client: &http.Client{Transport: transport}, tls: trusted}
}

// An update is what comes of one, by whatever transport.
type update struct {
	Path    string
	Message string
}

// An answer is what a poll gets, and a frame of a WebSocket.
type answer struct {
	Updates       []update
	ReconnectWith string
	Accepted      int
}

// token is a reconnectWith.
type token string

// id returns the part of the token that back-ends use.
func (k token) id() string {
	id, _, _ := strings.Cut(string(k), "/")
	return id
}

// get asks for an address below /comet/, as a browser would. Where the answer is an error, err has its status and text.
func (s *site) get(ctx context.Context, address, accept string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+address, nil)
	if err != nil {
		return nil, err
	}
	request.Header = http.Header{"Accept": {accept}, "Accept-Encoding": {"gzip, deflate, br"}, "Origin": {s.origin()}}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return nil, fmt.Errorf("status %d: %.80s", response.StatusCode, text)
	}
	return response, nil
}

// origin is the one of the site's own pages.
func (s *site) origin() string { return strings.TrimSuffix(s.base, "/comet/") }

// poll asks once. An empty token opens a session.
func (s *site) poll(ctx context.Context, k token) (a answer, err error) {
	response, err := s.get(ctx, string(k), "*/*")
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(body(response))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("not an answer of rootsd: %.80s", text)
	}
	return a, nil
}

// body returns what a response says, whatever its encoding.
func body(response *http.Response) io.Reader {
	if response.Header.Get("Content-Encoding") != "gzip" {
		return response.Body
	}
	unzipped, err := gzip.NewReader(response.Body)
	if err != nil {
		return strings.NewReader("")
	}
	return unzipped
}

// order tells the daemon something, as a back-end does.
func (s *site) order(address, body string) error {
	response, err := s.client.Post(s.daemon.Ingest+address, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, response.Status)
	}
	return nil
}

func (s *site) connect(k token) error {
	return s.order("/connect", fmt.Sprintf(`{"id":%q,"paths":["news/%s"]}`, k.id(), k.id()))
}

func (s *site) update(k token, message string) error {
	return s.order("/update", fmt.Sprintf(`{"path":"news/%s","message":%q}`, k.id(), message))
}

// parked waits until a request of the session waits at the daemon.
func (s *site) parked(ctx context.Context, k token) error {
	for ctx.Err() == nil {
		response, err := s.client.Get(s.daemon.Ingest + "/clients/" + k.id())
		if err != nil {
			return err
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if bytes.Contains(text, []byte(`"parked":true`)) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("no request waits")
}

// want compares what has come with what was said.
func want(k token, got []update, messages ...string) error {
	var wanted []update
	for _, message := range messages {
		wanted = append(wanted, update{"news/" + k.id(), message})
	}
	if !slices.Equal(got, wanted) {
		return fmt.Errorf("got %v, want %v", got, wanted)
	}
	return nil
}

// longPoll goes through the life of a client on long-polls, and says how that fails.
func (s *site) longPoll(ctx context.Context) error {
	opened, err := s.poll(ctx, "")
	if err != nil {
		return err
	}
	k := token(opened.ReconnectWith)
	if err := s.connect(k); err != nil {
		return err
	}
	blank, err := s.poll(ctx, k)
	if err != nil {
		return err
	}
	if err := want(k, blank.Updates, ""); err != nil {
		return err
	}
	k = token(blank.ReconnectWith)
	held, err := s.poll(ctx, k)
	if err == nil {
		err = want(k, held.Updates)
	}
	if err != nil {
		return prefixed("held poll", err)
	}
	return s.pollDuring(ctx, token(held.ReconnectWith))
}

// prefixed says where an error was met.
func prefixed(where string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", where, err)
}

// pollDuring updates while a poll waits.
func (s *site) pollDuring(ctx context.Context, k token) error {
	said := make(chan error, 1)
	go func() {
		err := s.parked(ctx, k)
		if err == nil {
			err = s.update(k, "while it waits")
		}
		said <- err
	}()
	answered, err := s.poll(ctx, k)
	if err == nil {
		err = <-said
	}
	if err != nil {
		return err
	}
	return want(k, answered.Updates, "while it waits")
}

// event is one of an event stream; a comment is one with only that.
type event struct{ name, id, data, comment string }

// events goes through the life of a client on an event stream, and says how that fails.
func (s *site) events(ctx context.Context) error {
	response, err := s.get(ctx, "", "text/event-stream")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	stream := bufio.NewReader(body(response))
	first, err := readEvent(stream)
	if err != nil {
		return fmt.Errorf("first event: %w", err)
	}
	if err := s.eventsOf(token(first.id), stream); err != nil {
		return err
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" {
		return fmt.Errorf("Content-Encoding: %s", encoding)
	}
	return nil
}

// eventsOf has things happen to a session, and wants each of them before the next.
func (s *site) eventsOf(k token, stream *bufio.Reader) error {
	if err := s.connect(k); err != nil {
		return err
	}
	if err := wantEvent(k, stream, ""); err != nil {
		return err
	}
	if err := s.update(k, "at once"); err != nil {
		return err
	}
	if err := wantEvent(k, stream, "at once"); err != nil {
		return err
	}
	quiet, err := readEvent(stream)
	if err == nil && quiet != (event{comment: ":"}) {
		err = fmt.Errorf("got %+v", quiet)
	}
	return prefixed("held stream", err)
}

func wantEvent(k token, stream *bufio.Reader, message string) error {
	e, err := readEvent(stream)
	if err != nil {
		return fmt.Errorf("event %q: %w", message, err)
	}
	var u update
	if err := json.Unmarshal([]byte(e.data), &u); err != nil {
		return fmt.Errorf("event %q: %+v", message, e)
	}
	return want(k, []update{u}, message)
}

func readEvent(stream *bufio.Reader) (e event, err error) {
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return e, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "\n":
			return e, nil
		case field == "":
			e.comment = ":" + value
		case field == "event":
			e.name = value
		case field == "id":
			e.id = value
		case field == "data":
			e.data = value
		}
	}
}

// socket goes through the life of a client on a WebSocket, and says how that fails.
func (s *site) socket(ctx context.Context) error {
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP{"Origin": {s.origin()}}, TLSConfig: s.tls}
	conn, early, _, err := dialer.Dial(ctx, "ws"+strings.TrimPrefix(s.base, "http"))
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	in := io.Reader(conn)
	if early != nil { // something came with the handshake
		in = early
	}
	first, err := readFrame(in)
	if err != nil {
		return fmt.Errorf("first frame: %w", err)
	}
	k := token(first.ReconnectWith)
	if err := s.framesOf(k, conn, in); err != nil {
		return err
	}
	code, _, err := readRaw(in)
	if err == nil && code != ws.OpPing {
		err = fmt.Errorf("got opcode %d", code)
	}
	return prefixed("held socket", err)
}

// framesOf has a session connected, and its client publish.
func (s *site) framesOf(k token, out io.Writer, in io.Reader) error {
	if err := s.connect(k); err != nil {
		return err
	}
	blank, err := readFrame(in)
	if err != nil {
		return err
	}
	if err := want(k, blank.Updates, ""); err != nil {
		return err
	}
	if err := s.order("/permit", fmt.Sprintf(`{"id":%q,"paths":["news/%s"]}`, k.id(), k.id())); err != nil {
		return err
	}
	sent := fmt.Appendf(nil, `{"path":"news/%s","message":"sent"}`, k.id())
	if err := wsutil.WriteClientText(out, sent); err != nil {
		return err
	}
	var both answer // the update and the count come in either order
	for range 2 {
		frame, err := readFrame(in)
		if err != nil {
			return err
		}
		both.Accepted += frame.Accepted
		both.Updates = append(both.Updates, frame.Updates...)
	}
	if both.Accepted != 1 {
		return fmt.Errorf("got %+v, want one accepted", both)
	}
	return want(k, both.Updates, "sent")
}

func readFrame(in io.Reader) (a answer, err error) {
	code, payload, err := readRaw(in)
	if err == nil && code != ws.OpText {
		err = fmt.Errorf("got opcode %d", code)
	}
	if err == nil {
		err = json.Unmarshal(payload, &a)
	}
	return a, err
}

// readRaw reads any frame.
func readRaw(in io.Reader) (ws.OpCode, []byte, error) {
	header, err := ws.ReadHeader(in)
	if err != nil {
		return 0, nil, err
	}
	payload, err := io.ReadAll(io.LimitReader(in, header.Length))
	return header.OpCode, payload, err
}
