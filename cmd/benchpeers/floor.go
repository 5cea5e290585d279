package main

import (
	_ "embed"
	"strconv"
	"strings"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

//go:embed floor/floor.c
var floorSource []byte

// installFloor compiles the responder in C.
func installFloor(w *workshop) (string, error) {
	source, _, err := w.write("floor/floor.c", floorSource)
	if err != nil {
		return "", err
	}
	return "cc -O2", w.run("", "cc", "-O2", "-o", w.path("floor/floor"), source)
}

func startFloor(w *workshop, s *site) ([]string, error) {
	host, port := s.hostPort()
	return []string{w.path("floor/floor"), host, port}, nil
}

func installGoroutines(w *workshop) (string, error) {
	return w.buildOurs("goroutines", "./cmd/benchpeers/goroutines")
}

func startGoroutines(w *workshop, s *site) ([]string, error) {
	return []string{w.path("goroutines"), s.address}, nil
}

// floorPaths is how many paths the floor has a place for.
const floorPaths = 1<<15 - 1

// speakFloor is for the floor and the goroutines alike: both know paths by number, and answer path 0 at once.
func speakFloor(s *site, transport load.Transport) load.Dialect {
	w := s.wire()
	d := &dialect{
		publish: func(dst []byte, path string, text []byte) []byte {
			return w.post(dst, floorTarget(path), "", string(text))
		},
	}
	switch transport {
	case load.LongPoll:
		d.open = func(dst []byte, _ *load.Client) []byte { return w.get(dst, "", "/0") }
		d.hear = hearPolls(func(dst []byte, c *load.Client, _ *load.Input) []byte {
			return w.get(dst, "", floorTarget(c.Path))
		})
	case load.SSE:
		d.open = func(dst []byte, c *load.Client) []byte {
			return w.get(dst, "Accept: text/event-stream\r\n", floorTarget(c.Path))
		}
		d.hear = hearStream
	case load.WebSocket:
		d.open = func(dst []byte, c *load.Client) []byte { return w.upgrade(dst, floorTarget(c.Path)) }
		d.hear = hearStream
	}
	return d
}

// floorTarget makes the address of a path that ends in its number.
func floorTarget(path string) string {
	n, _ := strconv.Atoi(path[strings.LastIndexByte(path, '/')+1:])
	return "/" + strconv.Itoa(1+n%floorPaths)
}
