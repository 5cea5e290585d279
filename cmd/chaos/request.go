package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/gobwas/ws"
)

// request is one that waits: a poll, or a stream. What it is answered comes by heard, the last of it with over set.
type request struct {
	came  *Came
	form  string
	conn  *wire
	at    *Got // what it had last: its own token, and then the parts of a stream
	heard chan heard
	done  chan struct{} // closed by who takes no more
	pause *bufio.Reader // between requests of a connection that is used again
}

// heard is something that came.
type heard struct {
	status  int     // of an answer that is not 200
	reason  string  // why, in one word
	id      string  // of the session
	token   string  // "" if there is none
	entries []Entry // what came
	reply   bool    // to something that was said over a WebSocket, with a status that is 200 or not
	over    string  // why nothing more comes; "" if more may
	reuse   bool    // the connection can be used again
}

// answer is the JSON of polls and frames.
type answer struct {
	Updates       []json.RawMessage `json:"updates"`
	ReconnectWith string            `json:"reconnectWith"`
	Accepted      int               `json:"accepted"`
	Error         *problem          `json:"error"`
}

type problem struct {
	Status int    `json:"status"`
	Reason string `json:"reason"`
}

// send begins a request for token, "" for none, on a connection, behind what reader holds of it.
func send(conn *wire, reader *bufio.Reader, came *Came, token string, lastEvent bool) *request {
	r := &request{
		came: came, form: came.Form, conn: conn, at: came.From, heard: make(chan heard), done: make(chan struct{}),
		pause: reader,
	}
	head := "GET /" + token + query(came.Paths) + " HTTP/1.1\r\nHost: " + conn.RemoteAddr().String() + "\r\n"
	switch {
	case came.Form == formEvents && lastEvent:
		head = "GET /" + query(came.Paths) + " HTTP/1.1\r\nHost: chaos\r\nAccept: text/event-stream\r\n" +
			"Last-Event-ID: " + token + "\r\n"
	case came.Form == formEvents:
		head += "Accept: text/event-stream\r\n"
	case came.Form == formFrames:
		head += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	}
	go r.read(head + "\r\n")
	return r
}

// query is the end of an address that names paths.
func query(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return "?" + url.Values{"path": paths}.Encode()
}

// say passes on what was heard. It reports whether anybody takes it.
func (r *request) say(h heard) bool {
	select {
	case r.heard <- h:
		return true
	case <-r.done:
		return false
	}
}

// drop has nobody take what comes any more, and closes the connection; by a reset, if it should.
func (r *request) drop(reset bool) {
	close(r.done)
	if reset {
		r.conn.reset()
	}
	_ = r.conn.Close()
}

// read sends the request and reads what is answered.
func (r *request) read(head string) {
	if _, err := io.WriteString(r.conn, head); err != nil {
		r.say(heard{over: "lost"})
		return
	}
	response, err := http.ReadResponse(r.pause, nil) //nolint:bodyclose // it ends with the connection, which drop closes
	if err != nil {
		r.say(heard{over: "lost"})
		return
	}
	switch {
	case response.StatusCode == http.StatusSwitchingProtocols:
		r.frames()
	case response.StatusCode == http.StatusOK && r.form == formEvents:
		r.events(bufio.NewReader(response.Body))
	default:
		r.answer(response)
	}
}

// answer reads one answer.
func (r *request) answer(response *http.Response) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.say(heard{over: "lost"})
		return
	}
	reuse := !response.Close
	if response.StatusCode != http.StatusOK {
		var p problem
		_ = json.Unmarshal(body, &p)
		r.say(heard{status: response.StatusCode, reason: p.Reason, over: "refused", reuse: reuse})
		return
	}
	h := parse(body)
	h.over, h.reuse = "answered", reuse
	r.say(h)
}

// parse reads the JSON of an answer or a frame. What is none is an entry, which the model does not know.
func parse(text []byte) heard {
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		return heard{entries: []Entry{{Raw: string(text)}}}
	}
	switch {
	case a.Error != nil:
		return heard{reply: true, status: a.Error.Status, reason: a.Error.Reason}
	case a.Accepted > 0:
		return heard{reply: true, status: http.StatusOK}
	}
	h := heard{token: a.ReconnectWith, id: idOf(a.ReconnectWith)}
	for _, raw := range a.Updates {
		h.entries = append(h.entries, entryOf(raw))
	}
	return h
}

func entryOf(raw []byte) Entry {
	e := Entry{}
	_ = json.Unmarshal(raw, &e) // what is no update has a text that nobody knows
	e.Raw = string(raw)
	return e
}

// events reads an event stream.
func (r *request) events(body *bufio.Reader) {
	var name, id, data string
	for {
		line, err := body.ReadString('\n')
		if err != nil {
			r.say(heard{over: "lost"})
			return
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" && !r.say(event(name, id, data)) {
				return
			}
			name, data = "", ""
		}
	}
}

// event is what one event says.
func event(name, id, data string) heard {
	h := heard{id: idOf(id), token: id}
	switch name {
	case "":
		h.entries = []Entry{entryOf([]byte(data))}
	case "session":
		var session struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal([]byte(data), &session)
		h.id = session.ID
	default:
		h.over = name
	}
	return h
}

// frames reads a WebSocket, and answers pings.
func (r *request) frames() {
	for {
		header, err := ws.ReadHeader(r.pause)
		if err != nil || header.Length > 64<<20 {
			r.say(heard{over: "lost"})
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(r.pause, payload); err != nil {
			r.say(heard{over: "lost"})
			return
		}
		switch header.OpCode {
		case ws.OpText:
			if !r.say(parse(payload)) {
				return
			}
		case ws.OpPing:
			r.tell(ws.NewPongFrame(payload))
		case ws.OpClose:
			r.say(closed(payload))
			return
		}
	}
}

// closed is what a close frame says.
func closed(payload []byte) heard {
	if len(payload) < 2 {
		return heard{over: "closed"}
	}
	reason := string(payload[2:])
	if binary.BigEndian.Uint16(payload) == 4409 {
		return heard{status: http.StatusConflict, reason: reason, over: reason}
	}
	return heard{over: reason}
}

// tell writes a frame. Whether it came, the stream will tell.
func (r *request) tell(f ws.Frame) {
	var buf bytes.Buffer
	if err := ws.WriteFrame(&buf, ws.MaskFrame(f)); err == nil {
		_, _ = r.conn.Write(buf.Bytes())
	}
}

// post sends something that is answered at once, and returns the answer, with status 0 if it was lost, and whether the
// connection can be used again.
func post(conn net.Conn, reader *bufio.Reader, method, target string, body []byte) (status int, text []byte, reuse bool) {
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, target, conn.RemoteAddr(), len(body), body)
	if err != nil {
		return 0, nil, false
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return 0, nil, false
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, false
	}
	return response.StatusCode, text, !response.Close
}
