package main

import (
	"testing"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// TestPolls follows a client's requests on servers whose polls depend on the answer before.
func TestPolls(t *testing.T) {
	w := &work{kind: load.Broadcast, transport: load.LongPoll}
	s := &site{work: w, address: "h"}
	tests := []struct {
		name    string
		dialect load.Dialect
		answers []load.Input
		want    []string // what is asked for after each answer
	}{
		{"floor", speakFloor(s, w.transport), []load.Input{{Status: 200}, {Status: 200}},
			[]string{"GET /8 HTTP/1.1\r\nHost: h\r\n\r\n", "GET /8 HTTP/1.1\r\nHost: h\r\n\r\n"}},
		{"nchan", speakNchan(s, w.transport),
			[]load.Input{{Status: 204}, {Status: 200, Head: []byte("Last-Modified: now\r\nEtag: 3\r\n")}},
			[]string{"GET /subscribe?id=p/7 HTTP/1.1\r\nHost: h\r\n\r\n",
				"GET /subscribe?id=p/7 HTTP/1.1\r\nHost: h\r\nIf-Modified-Since: now\r\nIf-None-Match: 3\r\n\r\n"}},
		{"golongpoll", speakGolongpoll(s, w.transport),
			[]load.Input{{Status: 200},
				{Status: 200, Data: []byte(`{"events":[{"timestamp":5,"category":"p/7","data":"x","id":"a-b"}]}`)},
				{Status: 200, Data: []byte(`{"timeout":"no events before timeout","timestamp":9}`)}},
			[]string{"GET /events?timeout=110&category=p/7&since_time=1 HTTP/1.1\r\nHost: h\r\n\r\n",
				"GET /events?timeout=110&category=p/7&since_time=5&last_id=a-b HTTP/1.1\r\nHost: h\r\n\r\n",
				"GET /events?timeout=110&category=p/7&since_time=5&last_id=a-b HTTP/1.1\r\nHost: h\r\n\r\n"}},
	}
	for _, test := range tests {
		c := &load.Client{Path: "p/7"}
		for i := range test.answers {
			var r load.Reply
			test.dialect.Hear(c, &test.answers[i], &r)
			if string(r.Send) != test.want[i] {
				t.Errorf("%s: after answer %d the client asks %q, want %q", test.name, i, r.Send, test.want[i])
			}
		}
	}
}

func TestPublishRequest(t *testing.T) {
	s := &site{work: &work{}, address: "h"}
	got := string(speakCentrifugo(s, load.SSE).Publish(nil, "p/7", []byte("text")))
	want := "POST /api/publish HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nX-Api-Key: " + key +
		"\r\nContent-Length: 31\r\n\r\n" + `{"channel":"p/7","data":"text"}`
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
