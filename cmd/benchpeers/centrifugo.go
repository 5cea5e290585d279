package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/url"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

//go:embed peers/centrifugo.json
var centrifugoConfig string

func installCentrifugo(w *workshop) (string, error) {
	return w.buildModule("centrifugo", "github.com/centrifugal/centrifugo/v5", "v5.4.9", nil)
}

func startCentrifugo(w *workshop, s *site) ([]string, error) {
	config, err := s.fill("config.json", centrifugoConfig, map[string]any{"Key": key})
	return []string{w.path("centrifugo/centrifugo"), "--config", config}, err
}

// speakCentrifugo uses the transports that go one way: the server subscribes a client to the channel in its token.
func speakCentrifugo(s *site, transport load.Transport) load.Dialect {
	w := s.wire()
	d := &dialect{
		publish: func(dst []byte, path string, text []byte) []byte {
			return w.post(dst, "/api/publish", "Content-Type: application/json\r\nX-Api-Key: "+key+"\r\n",
				`{"channel":"`, path, `","data":"`, string(text), `"}`)
		},
	}
	switch transport {
	case load.SSE:
		d.open = func(dst []byte, c *load.Client) []byte {
			return w.get(dst, "Accept: text/event-stream\r\n",
				"/connection/uni_sse?cf_connect=", url.QueryEscape(string(centrifugoConnect(nil, c.Path))))
		}
	case load.WebSocket:
		d.open = func(dst []byte, _ *load.Client) []byte { return w.upgrade(dst, "/connection/uni_websocket") }
	default:
		return nil
	}
	d.hear = hearCentrifugo
	return d
}

// hearCentrifugo waits for the connect push, which says that the client is subscribed.
func hearCentrifugo(c *load.Client, in *load.Input, r *load.Reply) {
	switch {
	case in.Status == 101:
		r.Send = centrifugoConnect(r.Send, c.Path)
	case in.Status != 0:
	case c.Step == 0 && bytes.Contains(in.Data, []byte(`"connect":{`)):
		c.Step = 1
		r.Ready()
	default:
		r.Messages(in.Data)
	}
}

// centrifugoConnect appends what a client says first.
func centrifugoConnect(dst []byte, path string) []byte {
	return fmt.Appendf(dst, `{"token":"%s"}`, signed(fmt.Sprintf(`{"sub":"","channels":["%s"]}`, path)))
}
