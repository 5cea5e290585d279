package main

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// newcomers are the connections of an http.Server that no handler serves: those that no request was read from yet, those of
// which one was read just now, and those that go on to their next. A server that shuts down closes them without a word,
// whatever they have asked; so it is let be until that was served.
type newcomers struct {
	stopping atomic.Bool // answers are the last of their connections

	mu    sync.Mutex // guards conns
	conns map[net.Conn]newcomer
}

// newcomer is what is known of a connection: what it is at, and since when.
type newcomer struct {
	phase phase
	since time.Time
}

// A phase is what a connection is at.
type phase int

const (
	fresh    phase = iota // no request was read yet
	asked                 // a request was read, and no handler has begun
	served                // a handler has begun
	answered              // the handler has ended; its answer may still be on its way
	idle                  // net/http looks for the next request
)

// watchNewcomers notes those of a server that does not serve yet.
func watchNewcomers(server *http.Server) *newcomers {
	n := &newcomers{conns: make(map[net.Conn]newcomer)}
	tell, with, handler := server.ConnState, server.ConnContext, server.Handler
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if tell != nil {
			tell(conn, state)
		}
		n.note(conn, state)
	}
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if with != nil {
			ctx = with(ctx, conn)
		}
		return context.WithValue(ctx, newcomerKey{}, conn)
	}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _ := r.Context().Value(newcomerKey{}).(net.Conn)
		n.enter(conn, served)
		handler.ServeHTTP(&lastWriter{w, &n.stopping}, r)
		if r.ProtoMajor == 1 { // in HTTP/2 others may still be served
			n.enter(conn, answered)
		}
	})
	return n
}

// newcomerKey is for the net.Conn that a request came by.
type newcomerKey struct{}

// lastWriter is an http.ResponseWriter whose answer says that it is the last of its connection, if it begins while the server
// stops.
type lastWriter struct {
	http.ResponseWriter
	stopping *atomic.Bool
}

// Unwrap is for http.ResponseController.
func (l *lastWriter) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (l *lastWriter) WriteHeader(status int) {
	l.say()
	l.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (l *lastWriter) Write(part []byte) (int, error) {
	l.say()
	return l.ResponseWriter.Write(part)
}

func (l *lastWriter) say() {
	if l.stopping.Load() {
		l.Header().Set("Connection", "close")
	}
}

// note is an http.Server's ConnState.
func (n *newcomers) note(conn net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch state {
	case http.StateNew:
		n.conns[conn] = newcomer{fresh, time.Now()}
	case http.StateActive:
		n.conns[conn] = newcomer{asked, time.Now()}
	case http.StateIdle:
		n.conns[conn] = newcomer{idle, time.Now()}
	case http.StateHijacked, http.StateClosed:
		delete(n.conns, conn)
	}
}

// enter notes what a handler does with conn, unless that is the handler's own by now.
func (n *newcomers) enter(conn net.Conn, p phase) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.conns[conn]; ok {
		n.conns[conn] = newcomer{p, time.Now()}
	}
}

// settle waits until all that was asked is being served or was, and closes those that were there for long and have asked
// nothing. No more may be accepted. Nobody says that a connection waits for its client, so settle looks.
func (n *newcomers) settle() {
	n.stopping.Store(true)
	began := time.Now()
	n.closeFresh(began.Add(-lane.NewcomerTime))
	for n.busy(time.Since(began) >= lane.NewcomerTime) {
		time.Sleep(time.Millisecond)
		if time.Since(began) >= lane.NewcomerTime {
			n.closeFresh(time.Now())
		}
	}
}

// busy tells whether something is to be waited for; late, only what is certain to come to an end at once.
func (n *newcomers) busy(late bool) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn, c := range n.conns {
		switch c.phase {
		case fresh, asked:
			return true
		case answered, idle:
			if !late && (c.phase == answered || !lane.Waits(conn)) {
				return true
			}
		}
	}
	return false
}

// closeFresh closes those that came until then and have asked nothing: they have nothing to lose.
func (n *newcomers) closeFresh(then time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn, c := range n.conns {
		if c.phase == fresh && !c.since.After(then) {
			_ = conn.Close()
			delete(n.conns, conn)
		}
	}
}
