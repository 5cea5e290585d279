package main

import (
	_ "embed"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

//go:embed peers/mercure.go
var mercureSource []byte

func installMercure(w *workshop) (string, error) {
	return w.buildModule("mercure", "github.com/dunglas/mercure", "v0.20.2", mercureSource)
}

func startMercure(w *workshop, s *site) ([]string, error) {
	return []string{w.path("mercure/mercure"), s.address, key}, nil
}

// speakMercure has subscribers without a token, and a publisher with one, as the hub demands.
func speakMercure(s *site, transport load.Transport) load.Dialect {
	const hub = "/.well-known/mercure"
	if transport != load.SSE {
		return nil
	}
	w := s.wire()
	fields := "Authorization: Bearer " + signed(`{"mercure":{"publish":["*"]}}`) +
		"\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	return &dialect{
		open: func(dst []byte, c *load.Client) []byte {
			return w.get(dst, "Accept: text/event-stream\r\n", hub+"?topic=", c.Path)
		},
		hear: hearStream,
		publish: func(dst []byte, path string, text []byte) []byte {
			return w.post(dst, hub, fields, "topic=", path, "&data=", string(text))
		},
	}
}
