// Goroutines is what a push server costs that is written in the ordinary way of Go and does nothing else: a goroutine
// for each connection, blocked in a read while its client is parked, and a fixed answer to all who are parked on the
// path of a POST. It understands no more than the floor does, and is of no other use. GET of path 0 is answered at once.
//
//	goroutines 127.0.0.1:9000
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"os"
	"slices"
	"sync"
)

var (
	ok     = []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	stream = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
	// The accept key is right for the key that the load generator sends, and for no other.
	upgraded = []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: zX4ycdsl/2sHDLsCRU0AYI30Un8=\r\n\r\n")
)

// The ways in which a client is parked.
const (
	longPoll = iota
	eventStream
	webSocket
)

// A client is one connection.
type client struct {
	conn  net.Conn
	kind  int
	path  string
	heard int // how many messages its path had when it was answered last
}

// A path has those who are parked there.
type path struct {
	parked    []*client
	published int
	last      []byte // the answer to a long-poll that comes late for it
}

var (
	mu    sync.Mutex // guards paths, and what they hold
	paths = map[string]*path{}
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: goroutines address:port")
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(&client{conn: conn})
	}
}

// serve reads one request after the other; the generator sends each in one segment. What cannot be written is noticed
// when the next read fails.
func serve(c *client) {
	defer c.leave()
	buffer := make([]byte, 2048)
	for {
		n, err := c.conn.Read(buffer)
		if err != nil {
			return
		}
		request := buffer[:n]
		switch target := targetOf(request); {
		case target == "/0":
			_, _ = c.conn.Write(ok)
		case request[0] == 'G':
			c.park(target, kindOf(request))
		case request[0] == 'P':
			_, body, _ := bytes.Cut(request, []byte("\r\n\r\n"))
			_, _ = c.conn.Write(ok)
			publish(target, body)
		}
	}
}

// targetOf returns the second word of a request.
func targetOf(request []byte) string {
	_, rest, _ := bytes.Cut(request, []byte(" "))
	target, _, _ := bytes.Cut(rest, []byte(" "))
	return string(target)
}

// kindOf tells in which way a client wants to be parked.
func kindOf(request []byte) int {
	switch {
	case bytes.Contains(request, []byte("text/event-stream")):
		return eventStream
	case bytes.Contains(request, []byte("Upgrade: websocket")):
		return webSocket
	default:
		return longPoll
	}
}

// park keeps a client for its path, and begins its stream. A poll that a message has overtaken is answered with it.
func (c *client) park(target string, kind int) {
	switch kind {
	case eventStream:
		_, _ = c.conn.Write(stream)
	case webSocket:
		_, _ = c.conn.Write(upgraded)
	}
	mu.Lock()
	defer mu.Unlock()
	p := pathAt(target)
	c.kind, c.path = kind, target
	if kind == longPoll && c.heard < p.published {
		c.heard = p.published
		_, _ = c.conn.Write(p.last)
		return
	}
	p.parked = append(p.parked, c)
}

// pathAt finds or makes a path. It needs the lock.
func pathAt(target string) *path {
	p := paths[target]
	if p == nil {
		p = &path{}
		paths[target] = p
	}
	return p
}

// publish builds each kind's answer once and writes it to all who are parked; a long-poll is over then.
func publish(target string, body []byte) {
	answers := [...][]byte{
		longPoll:    fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body),
		eventStream: fmt.Appendf(nil, "data: %s\n\n", body),
		webSocket:   append(frame(len(body)), body...),
	}
	mu.Lock()
	defer mu.Unlock()
	p := pathAt(target)
	p.published++
	p.last = answers[longPoll]
	streams := p.parked[:0]
	for _, c := range p.parked {
		c.heard = p.published
		_, _ = c.conn.Write(answers[c.kind])
		if c.kind != longPoll {
			streams = append(streams, c)
		}
	}
	p.parked = streams
}

// frame returns the header of a WebSocket text frame from the server.
func frame(size int) []byte {
	if size < 126 {
		return []byte{0x81, byte(size)}
	}
	return []byte{0x81, 126, byte(size >> 8), byte(size)}
}

// leave forgets a client whose connection has ended.
func (c *client) leave() {
	c.conn.Close()
	mu.Lock()
	defer mu.Unlock()
	if p := paths[c.path]; p != nil {
		p.parked = slices.DeleteFunc(p.parked, func(other *client) bool { return other == c })
	}
}
