package main

import (
	"bytes"
	_ "embed"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

//go:embed peers/golongpoll.go
var golongpollSource []byte

func installGolongpoll(w *workshop) (string, error) {
	return w.buildModule("golongpoll", "github.com/jcuga/golongpoll", "v1.3.0", golongpollSource)
}

func startGolongpoll(w *workshop, s *site) ([]string, error) {
	return []string{w.path("golongpoll/golongpoll"), s.address}, nil
}

// speakGolongpoll polls for what came after the last event that it was given, by its time and its ID.
func speakGolongpoll(s *site, transport load.Transport) load.Dialect {
	if transport != load.LongPoll {
		return nil
	}
	w := s.wire()
	return &dialect{
		open: func(dst []byte, _ *load.Client) []byte { return w.get(dst, "", "/ready") },
		hear: hearPolls(func(dst []byte, c *load.Client, in *load.Input) []byte {
			keepCursor(c, in.Data)
			return w.get(dst, "", "/events?timeout=110&category=", c.Path, string(c.State))
		}),
		publish: func(dst []byte, path string, text []byte) []byte {
			return w.post(dst, "/publish", "Content-Type: application/json\r\n",
				`{"category":"`, path, `","data":"`, string(text), `"}`)
		},
	}
}

// keepCursor keeps in the client's state from where it polls next: before its first event, for all that there is.
func keepCursor(c *load.Client, answer []byte) {
	switch at, id := lastValue(answer, `"timestamp":`), lastValue(answer, `"id":`); {
	case id != nil:
		c.State = append(append(c.State[:0], "&since_time="...), at...)
		c.State = append(append(c.State, "&last_id="...), id...)
	case len(c.State) == 0:
		c.State = append(c.State, "&since_time=1"...)
	}
}

// lastValue finds the value that stands behind the last such key in JSON, without quotes; nil if there is none.
// Messages cannot look like a key.
func lastValue(text []byte, key string) []byte {
	i := bytes.LastIndex(text, []byte(key))
	if i < 0 {
		return nil
	}
	value := text[i+len(key):]
	end := bytes.IndexAny(value, ",}]")
	if end < 0 {
		return nil
	}
	return bytes.Trim(value[:end], `"`)
}
