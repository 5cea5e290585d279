package main

import (
	"strconv"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// A dialect is how one peer is spoken to over one transport. Each peer fills in what it does in its own way.
type dialect struct {
	open    func(dst []byte, c *load.Client) []byte
	hear    func(c *load.Client, in *load.Input, r *load.Reply)
	publish func(dst []byte, path string, text []byte) []byte
}

// Open implements [load.Dialect].
func (d *dialect) Open(dst []byte, c *load.Client) []byte { return d.open(dst, c) }

// Hear implements [load.Dialect].
func (d *dialect) Hear(c *load.Client, in *load.Input, r *load.Reply) {
	if in.Status != 0 && in.Status != 101 && in.Status/100 != 2 {
		r.Fail("status " + strconv.Itoa(in.Status))
		return
	}
	d.hear(c, in, r)
}

// Publish implements [load.Dialect].
func (d *dialect) Publish(dst []byte, path string, text []byte) []byte {
	return d.publish(dst, path, text)
}

// Published implements [load.Dialect].
func (d *dialect) Published(in *load.Input) bool { return in.Status/100 == 2 }

// hearStream is for servers whose streams are subscribed as soon as they begin.
func hearStream(_ *load.Client, in *load.Input, r *load.Reply) {
	if in.Status != 0 {
		r.Ready()
		return
	}
	r.Messages(in.Data)
}

// A poller appends what a client asks for next, after an answer.
type poller func(dst []byte, c *load.Client, in *load.Input) []byte

// hearPolls is for servers on which a client may poll at once: the answer to its first request, which asks for
// something that is there, makes it ready.
func hearPolls(poll poller) func(*load.Client, *load.Input, *load.Reply) {
	return func(c *load.Client, in *load.Input, r *load.Reply) {
		if c.Step == 0 {
			c.Step = 1
			r.Ready()
		} else {
			r.Messages(in.Data)
		}
		r.Send = poll(r.Send, c, in)
	}
}

// A wire writes the requests of one run.
type wire struct {
	host   string // value of the Host field
	fields string // more of them for clients, each ending in CRLF
}

// get appends a client's GET; extra holds fields, each ending in CRLF.
func (w *wire) get(dst []byte, extra string, target ...string) []byte {
	dst = append(dst, "GET "...)
	for _, part := range target {
		dst = append(dst, part...)
	}
	return append(append(append(w.start(dst), w.fields...), extra...), "\r\n"...)
}

// upgrade appends a client's request for a WebSocket.
func (w *wire) upgrade(dst []byte, target string) []byte {
	return load.AppendUpgrade(dst, w.host, target, w.fields)
}

// post appends a POST whose body is in parts; extra holds fields, each ending in CRLF.
func (w *wire) post(dst []byte, target, extra string, body ...string) []byte {
	size := 0
	for _, part := range body {
		size += len(part)
	}
	dst = w.start(append(append(dst, "POST "...), target...))
	dst = strconv.AppendInt(append(append(dst, extra...), "Content-Length: "...), int64(size), 10)
	dst = append(dst, "\r\n\r\n"...)
	for _, part := range body {
		dst = append(dst, part...)
	}
	return dst
}

// start appends what stands between a request's address and its fields.
func (w *wire) start(dst []byte) []byte {
	return append(append(append(dst, " HTTP/1.1\r\nHost: "...), w.host...), "\r\n"...)
}
