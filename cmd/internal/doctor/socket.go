package doctor

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	"github.com/gobwas/ws"
)

// waitSocket waits by a WebSocket.
func (e *exam) waitSocket(ctx context.Context, w *wait) {
	defer close(w.done)
	w.began = time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(context.Canceled)
	timer := time.AfterFunc(e.patience(), func() { cancel(context.DeadlineExceeded) })
	conn, err := e.handshake(ctx, w)
	if err == nil {
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		defer conn.Close()
		err = e.firstMessage(conn)
	}
	timer.Stop()
	w.heard = err == nil && ctx.Err() == nil
	if w.err = err; ctx.Err() != nil {
		w.err = context.Cause(ctx)
	}
	close(w.opened)
	if w.heard && !e.Quick {
		e.awaitSocketPing(w, conn)
	}
}

// handshake opens a WebSocket as a browser does: on a connection of its own, over HTTP/1.1.
func (e *exam) handshake(ctx context.Context, w *wait) (io.ReadWriteCloser, error) {
	transport := e.transport()
	transport.ForceAttemptHTTP2 = false
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	defer transport.CloseIdleConnections()
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	response, err := e.send(ctx, ask{url: e.at(""), transport: transport, header: http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {e.origin()},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {base64.StdEncoding.EncodeToString(key)},
	}})
	if err != nil {
		return nil, err
	}
	w.answer = &answer{Response: response, sent: w.began, got: time.Now()}
	if conn, ok := response.Body.(io.ReadWriteCloser); ok && response.StatusCode == http.StatusSwitchingProtocols {
		return conn, nil
	}
	defer response.Body.Close()
	w.answer.body, _ = io.ReadAll(io.LimitReader(response.Body, maxBody)) // as much as there is
	w.answer.problem = problemOf(response, w.answer.body)
	if token := w.answer.token(); token != "" {
		e.keep(token)
	}
	return nil, errors.New("there is no upgrade")
}

// firstMessage reads what rootsd says first.
func (e *exam) firstMessage(conn io.Reader) error {
	header, payload, err := readFrame(conn)
	if err != nil {
		return err
	}
	b, ok := parseBatch(payload)
	if header.OpCode != ws.OpText || !ok {
		return errors.New("the first message is not rootsd's")
	}
	e.keep(b.Token)
	return nil
}

func readFrame(conn io.Reader) (ws.Header, []byte, error) {
	header, err := ws.ReadHeader(conn)
	if err != nil {
		return header, nil, err
	}
	if header.Length > maxBody {
		return header, nil, fmt.Errorf("a frame of %d bytes", header.Length)
	}
	payload := make([]byte, header.Length)
	_, err = io.ReadFull(conn, payload)
	return header, payload, err
}

// awaitSocketPing reads until a ping comes, or the socket ends.
func (e *exam) awaitSocketPing(w *wait, conn io.Reader) {
	for {
		header, payload, err := readFrame(conn)
		switch {
		case err != nil:
			w.end(false, "cut")
			return
		case header.OpCode == ws.OpPing:
			w.end(true, "a ping")
			return
		case header.OpCode == ws.OpClose:
			code, _ := ws.ParseCloseFrameData(payload)
			w.end(false, "closed with %d", code)
			return
		}
	}
}

// isHTTP10 tells whether rootsd has refused a WebSocket for the version of HTTP in which the proxy asked. The handshake
// itself was good when it was sent.
func (w *wait) isHTTP10() bool {
	return w.answer != nil && w.answer.StatusCode == http.StatusBadRequest && w.answer.reason() == "websocket"
}

// upgrade looks whether WebSockets get through.
func (e *exam) upgrade(ctx context.Context) Check {
	w := e.listening(ctx).socket
	switch {
	case w.heard:
		return good("WebSockets get through")
	case e.blame["buffering"] != "" && isTimeout(w.err):
		return skip("nothing came of a WebSocket either (buffering)")
	case w.answer == nil:
		return e.bad(fixUpgrade, "a WebSocket is not opened: %s", words(w.err))
	case w.isHTTP10():
		return skip("the proxy does not ask rootsd by HTTP/1.1 (http_version)")
	case w.answer.reason() == "origin":
		return skip("pages of %s may not use it (cors)", e.origin())
	case w.answer.StatusCode == http.StatusSwitchingProtocols:
		return e.bad(fixUpgrade, "a WebSocket is opened, and its first message does not come: %s", words(w.err))
	case w.answer.token() != "":
		return e.bad(fixUpgrade, "the Upgrade is lost on the way: rootsd was asked for a poll")
	}
	return e.bad(fixUpgrade, "a WebSocket is refused: %s", w.answer.words())
}

// httpVersion looks what the browser's side speaks, whether connections stay open, and what rootsd's side speaks.
func (e *exam) httpVersion(ctx context.Context) Check {
	socket := e.listening(ctx).socket
	switch {
	case socket.isHTTP10():
		return e.bad(fixHTTP10, "the proxy asks rootsd by HTTP/1.0")
	case !e.home.ProtoAtLeast(1, 1):
		return e.bad(fixOldProxy, "%s answers", e.home.Proto)
	case !e.keepsAlive(ctx):
		return e.warn(fixKeepAlive, "%s; the connection is closed after each answer", e.home.Proto)
	case e.home.ProtoMajor >= 2:
		return good("%s", e.home.Proto)
	case e.URL.Scheme == "http":
		return good("%s, with connections that stay open; browsers speak HTTP/2 by https alone", e.home.Proto)
	}
	return e.warn(fixHTTP2, "%s: six connections a browser", e.home.Proto)
}

// keepsAlive tells whether a second request may use the connection of the first.
func (e *exam) keepsAlive(ctx context.Context) bool {
	transport := e.transport()
	defer transport.CloseIdleConnections()
	reused := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
	})
	for range 2 {
		a, err := e.fetch(ctx, ask{url: e.at("roots.js"), transport: transport})
		if err != nil || a.StatusCode >= 500 {
			return true // which is for others to say: many servers close a connection when they fail
		}
	}
	return reused
}
