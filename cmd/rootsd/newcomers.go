package main

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// newcomers are the connections of an http.Server that no request was read from yet. When the server shuts down it reads
// the first request, and closes the connection without a word; so it is let be until these have been served.
type newcomers struct {
	mu     sync.Mutex             // guards what follows
	conns  map[net.Conn]time.Time // since when they are there
	change *sync.Cond
}

// newcomerTime is how long a connection may be there without a request before it no longer holds up a stop: whoever opens
// one is about to ask, but browsers open some in advance.
const newcomerTime = 500 * time.Millisecond

// watchNewcomers notes those of a server that does not serve yet.
func watchNewcomers(server *http.Server) *newcomers {
	n := &newcomers{conns: make(map[net.Conn]time.Time)}
	n.change = sync.NewCond(&n.mu)
	before := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if before != nil {
			before(conn, state)
		}
		n.note(conn, state)
	}
	return n
}

func (n *newcomers) note(conn net.Conn, state http.ConnState) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if state == http.StateNew {
		n.conns[conn] = time.Now()
		return
	}
	if _, ok := n.conns[conn]; ok {
		delete(n.conns, conn)
		n.change.Broadcast()
	}
}

// settle waits until all that are there have been served, but for those that were there for long, which it closes. No more
// may be accepted.
func (n *newcomers) settle() {
	n.closeSince(time.Now().Add(-newcomerTime))
	timer := time.AfterFunc(newcomerTime, func() { n.closeSince(time.Now()) })
	defer timer.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.conns) > 0 {
		n.change.Wait()
	}
}

// closeSince closes those that came until then. They have nothing to lose.
func (n *newcomers) closeSince(then time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn, since := range n.conns {
		if !since.After(then) {
			_ = conn.Close()
			delete(n.conns, conn)
		}
	}
	n.change.Broadcast()
}
