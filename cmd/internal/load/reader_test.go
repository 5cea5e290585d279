package load

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// recorder is a sink that keeps what it is given as text.
type recorder struct{ heard []string }

func (s *recorder) Hear(in *Input, last bool) error {
	s.heard = append(s.heard, fmt.Sprintf("%d %q %q %q %v", in.Status, in.Event, in.ID, in.Data, last))
	return nil
}

func (s *recorder) Ping(payload []byte) error {
	s.heard = append(s.heard, fmt.Sprintf("ping %q", payload))
	return nil
}

// readAll feeds data in pieces of the sizes in cuts, over and over; in one where there are none.
func readAll(transport Transport, data, cuts []byte) ([]string, error) {
	var r reader
	var s recorder
	r.reset(transport)
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if len(cuts) > 0 {
			n = min(n, 1+int(cuts[i%len(cuts)])%32)
		}
		// A piece of its own, so that whoever keeps it is found out.
		piece := bytes.Clone(data[:n])
		err := r.feed(piece, &s)
		clear(piece)
		if err != nil {
			return s.heard, err
		}
		data = data[n:]
	}
	return s.heard, r.end(&s)
}

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
const upgraded = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"

var readerCases = []struct {
	name      string
	transport Transport
	data      string
	want      []string
	end       error
}{
	{"sized", LongPoll, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 204 No Content\r\n\r\n",
		[]string{`200 "" "" "hello" false`, `204 "" "" "" false`}, errClosed},
	{"interim", LongPoll, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n",
		[]string{`200 "" "" "" true`}, errClosed},
	{"chunked", LongPoll, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nA: b\r\n\r\nHTTP/1.1 304 Not\r\n\r\n",
		[]string{`200 "" "" "hello" false`, `304 "" "" "" false`}, errClosed},
	{"until close", LongPoll, "HTTP/1.0 200 OK\r\n\r\nhello", []string{`200 "" "" "hello" true`}, nil},
	{"cut", LongPoll, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", nil, errCut},
	{"no HTTP", LongPoll, "SSH-2.0-OpenSSH\r\n", nil, errHead},
	{"bad length", LongPoll, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", nil, errHead},
	{"bad chunk", LongPoll, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", nil, errChunk},
	{"large chunk", LongPoll, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", nil, errLarge},

	{"events", SSE, streamHead + "\r\n:\n\nid: 7\nevent: a\ndata: x\ndata:y\n\ndata\r\n\r\nid: 8\n\ndata: cut",
		[]string{`200 "" "" "" true`, `0 "a" "7" "x\ny" false`, `0 "" "" "" false`}, errClosed},
	{"events in chunks", SSE, streamHead + "Transfer-Encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n5\r\ndata:\r\n4\r\n y\n\n\r\n0\r\n\r\n",
		[]string{`200 "" "" "" false`, `0 "" "" "x" false`, `0 "" "" "y" false`}, errClosed},
	{"refused stream", SSE, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", []string{`503 "" "" "" false`}, errClosed},

	{"frames", WebSocket, upgraded + "\x81\x02hi\x89\x01p\x8a\x00\x82\x00\x88\x00",
		[]string{`101 "" "" "" false`, `0 "" "" "hi" false`, `ping "p"`, `0 "" "" "" false`}, errClosed},
	{"fragments", WebSocket, upgraded + "\x01\x01a\x89\x00\x00\x01b\x80\x01c\x81\x01d",
		[]string{`101 "" "" "" false`, `ping ""`, `0 "" "" "abc" false`, `0 "" "" "d" false`}, errClosed},
	{"longer frame", WebSocket, upgraded + "\x81\x7e\x00\x80" + strings.Repeat("x", 128),
		[]string{`101 "" "" "" false`, fmt.Sprintf(`0 "" "" %q false`, strings.Repeat("x", 128))}, errClosed},
	{"masked frame", WebSocket, upgraded + "\x81\x80aaaa", []string{`101 "" "" "" false`}, errFrame},
	{"strange frame", WebSocket, upgraded + "\x83\x00", []string{`101 "" "" "" false`}, errFrame},
	{"huge frame", WebSocket, upgraded + "\x81\x7f\x00\x00\x00\xff\x00\x00\x00\x00", []string{`101 "" "" "" false`}, errLarge},
}

func TestReader(t *testing.T) {
	for _, test := range readerCases {
		for _, cuts := range [][]byte{nil, {0}, {1, 4, 0}, {6}} {
			got, err := readAll(test.transport, []byte(test.data), cuts)
			if !slices.Equal(got, test.want) || !errors.Is(err, test.end) {
				t.Errorf("%s, cut at %v: got %q, %v\nwant %q, %v", test.name, cuts, got, err, test.want, test.end)
			}
		}
	}
}

// However the bytes are cut, the same is made of them.
func FuzzReader(f *testing.F) {
	for _, test := range readerCases {
		f.Add(uint8(slices.Index(Transports, test.transport)), []byte(test.data), []byte{0, 5})
	}
	f.Fuzz(func(t *testing.T, which uint8, data, cuts []byte) {
		transport := Transports[int(which)%len(Transports)]
		want, wantErr := readAll(transport, data, nil)
		got, err := readAll(transport, data, cuts)
		if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("in pieces: %q, %v\nin one: %q, %v", got, err, want, wantErr)
		}
	})
}

func TestAppendFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 1 << 16} {
		payload := bytes.Repeat([]byte("x"), size)
		sent := AppendFrame(nil, OpText, payload)
		if sent[1]&0x80 == 0 {
			t.Fatalf("%d bytes are not masked", size)
		}
		head := len(sent) - size
		for i := range sent[head:] {
			sent[head+i] ^= mask[i%4]
		}
		sent[1] &^= 0x80
		unmasked := slices.Delete(sent, head-4, head)
		f, n, err := nextFrame(unmasked)
		if n != len(unmasked) || err != nil || f.op != OpText || !f.final || !bytes.Equal(f.payload, payload) {
			t.Errorf("%d bytes come back as %d, %v", size, len(f.payload), err)
		}
	}
}

func TestField(t *testing.T) {
	in := Input{Head: []byte("Etag:  x \r\nLast-Modified: now\r\n")}
	for name, want := range map[string]string{"ETAG": "x", "last-modified": "now", "Last": ""} {
		if got := in.Field(name); string(got) != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
