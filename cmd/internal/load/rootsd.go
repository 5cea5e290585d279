package load

import (
	"bytes"
	"strconv"
)

// Rootsd is the dialect of rootsd: see docs/protocol.md.
type Rootsd struct {
	Transport Transport
	Push      string // value of the Host field for clients
	Ingest    string // value of the Host field for publishing
	Token     string // of ingest; "" where it wants none
	Target    string // where sessions are: the configured prefix; "" means "/"
	Fields    string // more fields for clients' requests, each ending in CRLF, such as [BrowserFields]
}

// What a client of rootsd waits for; from hearing on, Step counts the messages on a WebSocket.
const (
	forSession = iota
	forConfirmation
	hearing
)

// confirmEvery is after how many messages a WebSocket client says how far it has come.
const confirmEvery = 32

// Open implements [Dialect].
func (d *Rootsd) Open(dst []byte, _ *Client) []byte {
	switch d.Transport {
	case SSE:
		return d.appendGet(dst, nil, "Accept: text/event-stream\r\n")
	case WebSocket:
		return AppendUpgrade(dst, d.Push, d.target(), d.Fields)
	}
	return d.appendGet(dst, nil, "")
}

func (d *Rootsd) target() string {
	if d.Target == "" {
		return "/"
	}
	return d.Target
}

func (d *Rootsd) appendGet(dst, token []byte, field string) []byte {
	dst = append(append(append(dst, "GET "...), d.target()...), token...)
	dst = append(append(append(dst, " HTTP/1.1\r\nHost: "...), d.Push...), "\r\n"...)
	return append(append(append(dst, d.Fields...), field...), "\r\n"...)
}

// Hear implements [Dialect].
func (d *Rootsd) Hear(c *Client, in *Input, r *Reply) {
	switch {
	case in.Status == 101 || in.Status == 200 && d.Transport == SSE:
		return // the session follows
	case in.Status != 0 && in.Status != 200:
		r.Fail("status " + strconv.Itoa(in.Status))
		return
	}
	token := in.ID
	if d.Transport != SSE {
		token = TokenOf(in.Data)
	}
	if token == nil {
		r.Fail("no token")
		return
	}
	d.follow(c, token, in.Data, r)
	switch d.Transport {
	case LongPoll:
		r.Send = d.appendGet(r.Send, token, "")
	case WebSocket:
		d.confirm(c, token, r)
	}
}

// follow takes the client through its set-up, and then hands on what it is told.
func (d *Rootsd) follow(c *Client, token, data []byte, r *Reply) {
	id, _, _ := bytes.Cut(token, []byte("/"))
	if c.Step != forSession && !bytes.Equal(c.State, id) {
		r.Fail("session lost")
		c.Step = forSession
	}
	switch {
	case c.Step == forSession:
		c.State = append(c.State[:0], id...)
		c.Step = forConfirmation
		r.Control = d.appendConnect(r.Control, id, c.Path)
	case c.Step == forConfirmation && bytes.Contains(data, []byte(`"message":""`)):
		c.Step = hearing
		r.Ready()
	case bytes.Contains(data, []byte(`"gap":"`)):
		r.Fail("gap")
	}
	r.Messages(data)
}

// confirm says from time to time up to where a WebSocket client has heard: the cursor, the token's second segment.
func (d *Rootsd) confirm(c *Client, token []byte, r *Reply) {
	if c.Step < hearing {
		return
	}
	if c.Step++; c.Step < hearing+confirmEvery {
		return
	}
	c.Step = hearing
	_, rest, _ := bytes.Cut(token, []byte("/"))
	cursor, _, _ := bytes.Cut(rest, []byte("/"))
	r.Send = append(r.Send, cursor...)
}

// TokenOf finds the token at the end of an answer; nil if there is none. The characters of a token need no escapes.
func TokenOf(data []byte) []byte {
	const key = `"reconnectWith":"`
	i := bytes.LastIndex(data, []byte(key))
	if i < 0 {
		return nil
	}
	token, _, ok := bytes.Cut(data[i+len(key):], []byte(`"`))
	if !ok {
		return nil
	}
	return token
}

func (d *Rootsd) appendConnect(dst, id []byte, path string) []byte {
	dst = d.appendPost(dst, "/connect", len(`{"id":"","paths":[""]}`)+len(id)+len(path))
	dst = append(append(append(dst, `{"id":"`...), id...), `","paths":["`...)
	return append(append(dst, path...), `"]}`...)
}

// Publish implements [Dialect].
func (d *Rootsd) Publish(dst []byte, path string, text []byte) []byte {
	dst = d.appendPost(dst, "/update", len(`{"path":"","message":""}`)+len(path)+len(text))
	dst = append(append(append(dst, `{"path":"`...), path...), `","message":"`...)
	return append(append(dst, text...), `"}`...)
}

func (d *Rootsd) appendPost(dst []byte, target string, size int) []byte {
	dst = append(append(append(dst, "POST "...), target...), " HTTP/1.1\r\nHost: "...)
	dst = append(dst, d.Ingest...)
	if d.Token != "" {
		dst = append(append(dst, "\r\nAuthorization: Bearer "...), d.Token...)
	}
	dst = strconv.AppendInt(append(dst, "\r\nContent-Length: "...), int64(size), 10)
	return append(dst, "\r\n\r\n"...)
}

// Published implements [Dialect].
func (d *Rootsd) Published(in *Input) bool { return in.Status == 200 }
