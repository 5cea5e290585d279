package main

import (
	"bytes"
	_ "embed"
	"fmt"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

//go:embed peers/faye.js
var fayeSource []byte

const fayeVersion = "1.4.3"

// installFaye takes it from npm.
func installFaye(w *workshop) (string, error) {
	_, changed, err := w.write("faye/faye.js", fayeSource)
	if err != nil || !changed {
		return fayeVersion, err
	}
	return fayeVersion, w.run("faye", "npm", "install", "--silent", "--no-audit", "--no-save", "faye@"+fayeVersion)
}

func startFaye(w *workshop, s *site) ([]string, error) {
	host, port := s.hostPort()
	return []string{"node", w.path("faye/faye.js"), host, port}, nil
}

// What a client of Faye waits for.
const (
	forHandshake = iota
	forSubscription
	forMessages
)

// speakFaye speaks Bayeux: a handshake, a subscription, and then connects that wait for messages. On a WebSocket
// messages come as they are, beside a connect that waits.
func speakFaye(s *site, transport load.Transport) load.Dialect {
	const target = "/faye"
	w := s.wire()
	d := &dialect{
		publish: func(dst []byte, path string, text []byte) []byte {
			return w.post(dst, target, "Content-Type: application/json\r\n",
				`[{"channel":"/`, path, `","data":"`, string(text), `"}]`)
		},
	}
	switch transport {
	case load.LongPoll:
		send := func(dst []byte, message string) []byte {
			return w.post(dst, target, w.fields+"Content-Type: application/json\r\n", message)
		}
		d.open = func(dst []byte, _ *load.Client) []byte { return send(dst, fayeHandshake(transport)) }
		d.hear = hearFaye(transport, send)
	case load.WebSocket:
		send := func(dst []byte, message string) []byte { return append(dst, message...) }
		d.open = func(dst []byte, _ *load.Client) []byte { return w.upgrade(dst, target) }
		d.hear = hearFaye(transport, send)
	default:
		return nil
	}
	return d
}

// hearFaye goes through the steps, and hands on what it is told.
func hearFaye(transport load.Transport, send func([]byte, string) []byte) func(*load.Client, *load.Input, *load.Reply) {
	return func(c *load.Client, in *load.Input, r *load.Reply) {
		switch {
		case in.Status == 101:
			r.Send = send(r.Send, fayeHandshake(transport))
		case c.Step == forHandshake:
			c.State = append(c.State[:0], lastValue(in.Data, `"clientId":`)...)
			c.Step = forSubscription
			r.Send = send(r.Send, fayeSubscribe(c))
		case c.Step == forSubscription:
			c.Step = forMessages
			r.Ready() // from here on Faye keeps messages until a connect fetches them
			r.Send = send(r.Send, fayeConnect(c, transport))
		default:
			r.Messages(in.Data)
			if bytes.Contains(in.Data, []byte(`"/meta/connect"`)) {
				r.Send = send(r.Send, fayeConnect(c, transport))
			}
		}
	}
}

// fayeName is what Bayeux calls a transport.
func fayeName(transport load.Transport) string {
	if transport == load.WebSocket {
		return "websocket"
	}
	return "long-polling"
}

func fayeHandshake(transport load.Transport) string {
	const form = `[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["%s"]}]`
	return fmt.Sprintf(form, fayeName(transport))
}

func fayeSubscribe(c *load.Client) string {
	return fmt.Sprintf(`[{"channel":"/meta/subscribe","clientId":"%s","subscription":"/%s"}]`, c.State, c.Path)
}

func fayeConnect(c *load.Client, transport load.Transport) string {
	return fmt.Sprintf(`[{"channel":"/meta/connect","clientId":"%s","connectionType":"%s"}]`, c.State, fayeName(transport))
}
