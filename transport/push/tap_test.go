package push

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/rootsd/rootsd/dispatch"
)

// tap is a client of any transport, which reads what comes as it comes. A poll comes back at once with each new token.
type tap struct {
	rig    *rig
	form   Form
	conn   net.Conn
	reader *bufio.Reader
	began  chan struct{} // closed when the first answer or greeting has come
	done   chan struct{} // closed when nothing more is read

	mu      sync.Mutex // guards what follows
	token   string
	heard   answer   // the updates since hear was called last
	tokens  []string // that come with each of these; "" within an answer
	pings   int
	retry   string
	pace    int      // of the first answer or greeting
	later   int      // retry of the last answer
	mute    bool     // it does not answer pings
	answers []string // to what it said over a WebSocket
	end     string   // how it ended, in the daemon's words: "superseded", "ended", "going away", "310"; "" where none were said
	code    ws.StatusCode
	refusal *answer // instead of a stream
}

// readFrame reads one frame of the server's.
func readFrame(r io.Reader) (ws.Frame, error) {
	header, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(r, payload)
	return ws.Frame{Header: header, Payload: payload}, err
}

var allForms = []Form{Poll, Events, Frames}

// onEach runs a case for each transport, in a bubble.
func onEach(t *testing.T, test func(r *rig, form Form), edits ...func(*Config)) {
	t.Helper()
	for _, form := range allForms {
		t.Run(form.String(), func(t *testing.T) { inBubble(t, func(r *rig) { test(r, form) }, edits...) })
	}
}

// formFields are the header fields that ask for a transport.
func formFields(form Form) []string {
	switch form {
	case Events:
		return []string{"Accept: text/event-stream"}
	case Frames:
		return []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	}
	return nil
}

// tap connects a client. target has a token, a query, or nothing.
func (r *rig) tap(form Form, target string, fields ...string) *tap {
	r.Helper()
	c := &tap{rig: r, form: form, conn: r.dial(), began: make(chan struct{}), done: make(chan struct{}), token: target}
	c.reader = bufio.NewReader(c.conn)
	go func() {
		defer close(c.done)
		defer c.conn.Close()
		c.run(target, fields)
	}()
	r.Cleanup(func() { c.conn.Close(); <-c.done })
	if r.settle != nil {
		r.settle()
	}
	return c
}

// openTap opens a session and connects it to patterns.
func (r *rig) openTap(form Form, patterns ...dispatch.Pattern) *tap {
	r.Helper()
	c := r.tap(form, "")
	r.connect(c.id(), patterns...)
	r.rest()
	if len(patterns) > 0 && c.hear() == "" {
		r.Fatal("the connects are not confirmed")
	}
	return c
}

// rest waits until all that was given before has come and the bundle interval is over: of several updates the first may
// go out alone, and the others one interval later.
func (r *rig) rest() {
	time.Sleep(2*r.made.Bundle + 10*time.Millisecond)
	r.settle()
}

func (c *tap) run(target string, fields []string) {
	for {
		response := c.request(target, fields)
		switch {
		case response == nil:
			return
		case c.form == Events && response.StatusCode == http.StatusOK:
			c.readEvents(response.Body)
			return
		case c.form == Frames && response.StatusCode == http.StatusSwitchingProtocols:
			c.readFrames()
			return
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return
		}
		a := &answer{code: response.StatusCode, header: response.Header}
		_ = json.Unmarshal(body, a)
		if response.StatusCode != http.StatusOK {
			c.mu.Lock()
			c.refusal, c.end = a, a.Reason
			c.mu.Unlock()
			return
		}
		c.take(a)
		target, fields = a.ReconnectWith, nil
		if response.Close {
			return
		}
	}
}

func (c *tap) request(target string, fields []string) *http.Response {
	text := requestText(c.rig, "GET", "/"+target, nil, append(formFields(c.form), fields...))
	if _, err := c.conn.Write(text); err != nil {
		return nil
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil
	}
	return response
}

func (c *tap) take(a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, u := range a.Updates {
		token := "" // that of an answer counts when all of it has come
		if i == len(a.Updates)-1 {
			token = a.ReconnectWith
		}
		c.heard.Updates, c.tokens = append(c.heard.Updates, u), append(c.tokens, token)
	}
	c.token, c.later = a.ReconnectWith, a.Retry
	if !closed(c.began) {
		c.pace = a.Pace
		close(c.began)
	}
}

func (c *tap) readEvents(body io.Reader) {
	var id, event, data string
	for reader := bufio.NewReader(body); ; {
		line, err := reader.ReadString('\n')
		if err != nil {
			return // half a line, or half an event, is nothing
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			c.event(event, id, data)
			event, data = "", ""
		case line == ":":
			c.mu.Lock()
			c.pings++
			c.mu.Unlock()
		case name == "id":
			id = value
		case name == "event":
			event = value
		case name == "data":
			data = value
		case name == "retry":
			c.retry = value
		default:
			c.rig.Errorf("strange line %q", line)
		}
	}
}

func (c *tap) event(event, id, data string) {
	a := &answer{ReconnectWith: id}
	switch {
	case event == "session":
		if err := json.Unmarshal([]byte(data), a); err != nil {
			c.rig.Error(err)
		}
		want := fmt.Sprintf(`{"id":"%s"}`, a.id())
		if a.Pace > 0 {
			want = fmt.Sprintf(`{"id":"%s","pace":%d}`, a.id(), a.Pace)
		}
		if data != want {
			c.rig.Errorf("the session's data is %s, want %s", data, want)
		}
	case event != "":
		c.mu.Lock()
		defer c.mu.Unlock()
		c.end = event
		return
	case data == "":
		return // the end of a comment
	default:
		var u heardUpdate
		if err := json.Unmarshal([]byte(data), &u); err != nil {
			c.rig.Error(err)
		}
		a.Updates = append(a.Updates, u)
	}
	c.take(a)
}

func (c *tap) readFrames() {
	for {
		frame, err := readFrame(c.reader)
		if err != nil {
			return
		}
		if frame.Header.Masked || !frame.Header.Fin {
			c.rig.Errorf("strange frame %+v", frame.Header)
		}
		switch frame.Header.OpCode {
		case ws.OpPing:
			c.mu.Lock()
			c.pings++
			mute := c.mute
			c.mu.Unlock()
			if !mute {
				c.send(maskedFrame(ws.OpPong, true, frame.Payload))
			}
		case ws.OpClose:
			c.closed(frame.Payload)
			return
		case ws.OpText:
			c.text(frame.Payload)
		}
	}
}

func (c *tap) closed(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(payload) >= 2 {
		c.code, c.end = ws.StatusCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
	}
}

func (c *tap) text(payload []byte) {
	var a answer
	if err := json.Unmarshal(payload, &a); err != nil {
		c.rig.Errorf("%v in %s", err, payload)
	}
	if a.ReconnectWith != "" {
		c.take(&a)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = append(c.answers, string(payload))
}

// send sends raw bytes. The other side may close while it does.
func (c *tap) send(raw []byte) { _, _ = c.conn.Write(raw) }

// say sends a text frame.
func (c *tap) say(text string) { c.send(maskedFrame(ws.OpText, true, []byte(text))) }

// maskedFrame makes a frame as clients do, with a mask that is the same every time.
func maskedFrame(op ws.OpCode, fin bool, payload []byte) []byte {
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	raw := ws.MustCompileFrame(ws.NewFrame(op, fin, payload))
	header := raw[:len(raw)-len(payload)]
	masked := append(header[:len(header):len(header)], mask[:]...)
	masked[1] |= 0x80
	for i, b := range payload {
		masked = append(masked, b^mask[i%4])
	}
	return masked
}

// wait waits until all that was begun is done, in a bubble.
func (c *tap) wait() {
	if c.rig.settle != nil {
		c.rig.settle()
	}
}

// hear returns what came since it was called last, as answer.String has it.
func (c *tap) hear() string {
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := c.heard.String()
	c.heard, c.tokens = answer{}, nil
	return text
}

func (c *tap) want(updates string) {
	c.rig.Helper()
	if got := c.hear(); got != updates {
		c.rig.Errorf("%v: heard %q, want %q", c.form, got, updates)
	}
}

// wantEnd wants the client to be told of an end in these words; "" for none.
func (c *tap) wantEnd(words string) {
	c.rig.Helper()
	c.wait()
	select {
	case <-c.done:
	default:
		c.rig.Errorf("%v: it goes on", c.form)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end != words {
		c.rig.Errorf("%v: ended with %q, want %q", c.form, c.end, words)
	}
}

// cut breaks the connection, and returns the token to come back with.
func (c *tap) cut() string {
	c.conn.Close()
	<-c.done
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// at returns the token to come back with.
func (c *tap) at() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

func (c *tap) id() dispatch.ID { return (&answer{ReconnectWith: c.at()}).id() }

// pinged returns how many pings came.
func (c *tap) pinged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pings
}

// answered returns what was answered to what was said since it was called last.
func (c *tap) answered() string {
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	text := strings.Join(c.answers, " ")
	c.answers = nil
	return text
}
