package push

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// slowClients do as little as they can to hold a connection, and never more than a byte a second. What they are cut after
// is what the setting says, and a little for the ticks of wheels, or the sum of two where the connection goes from the
// loops to net/http meanwhile.
var slowClients = []struct {
	name   string
	begin  string        // is sent at once
	drip   string        // is sent byte by byte, a second apart, and over again
	within time.Duration // after which the connection is closed
}{
	{"says nothing", "", "", doorBounds.Header},
	{"a request line without end", "GET /", "x", doorBounds.Header},
	{"a header without end", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", doorBounds.Header},
	{"an odd header without end", "HEAD / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 2 * doorBounds.Header},
	{"empty lines without end", "", "\r\n", 2 * doorBounds.Header},
	{"nothing behind an answer", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", "", doorBounds.Idle},
	{"a slow second header", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nX: " + strings.Repeat("y", 1000), doorBounds.Idle},
	{"a body without end", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", 2 * doorBounds.Header},
	{"a large body without end", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", "x", 2 * doorBounds.Header},
	{"a body for nobody", "POST /nobody HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", 2 * doorBounds.Header},
	{"a body with GET", "GET /{TOKEN} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n", "x", 40 * time.Second},
	{"chunks without end", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n", 2 * doorBounds.Header},
	{"a chunk without end", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n", "x", 2 * doorBounds.Header},
	{"an extension without end", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;", "x", 2 * doorBounds.Header},
	{"a trailer without end", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", 2 * doorBounds.Header},
	{"a body that may come", "POST /{TOKEN} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n", "x", 2 * doorBounds.Header},
}

// Who sends slowly is cut when the limits say so, on both lanes, and keeps nobody else from being served.
func TestSlowClients(t *testing.T) {
	for _, tt := range slowClients {
		for name, open := range doorLanes {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := openDoor(t, open)
					values := d.client()
					began := time.Now()
					many := make([]*lanetest.Visitor, 20)
					for i := range many {
						many[i] = d.Knock()
						many[i].Say(lanetest.Odd{Text: tt.begin}.Fill(values), 1<<20)
					}
					took := tt.within + 3*time.Second
					for i := 0; time.Since(began) < took-time.Second; i++ {
						for _, v := range many {
							if tt.drip != "" {
								v.Say(tt.drip[i%len(tt.drip):][:1], 1)
							}
						}
						time.Sleep(time.Second)
					}
					for i, v := range many {
						if said, open := v.Heard(); open {
							t.Fatalf("connection %d is open after %v, and has heard %q", i, took, said)
						}
					}
					d.served(t)
				})
			})
		}
	}
}

// served wants a client to be served.
func (d *doorRig) served(t *testing.T) {
	t.Helper()
	v := d.Knock()
	v.Say("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1<<20)
	if said, _ := v.Heard(); !strings.HasPrefix(said, "HTTP/1.1 200 OK\r\n") {
		t.Errorf("a client got %q", said)
	}
	v.Leave()
}

// Of a WebSocket, a message that does not end is not kept beyond the limit for messages and a little for the headers of
// its frames, whatever it is made of; the connection is closed when it passes that.
func TestEndlessMessages(t *testing.T) {
	const mask = "\x00\x00\x00\x00"
	for _, tt := range []struct{ name, begin, again string }{
		{"fragments", "\x01\x80" + mask, "\x00\xe4" + mask + strings.Repeat("x", 100)},
		{"fragments of a byte", "\x01\x80" + mask, "\x00\x81" + mask + "x"},
		{"fragments of nothing", "\x01\x80" + mask, "\x00\x80" + mask},
		{"pings between fragments", "\x01\x80" + mask, "\x89\x81" + mask + "x"},
		{"a frame of 2^62 bytes", "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00" + mask, "x"},
		{"a frame of 4 GiB", "\x81\xff\x00\x00\x00\x01\x00\x00\x00\x00" + mask, "x"},
		{"a frame of one byte too many", "\x81\xfe\x10\x01" + mask, "x"},
	} {
		for name, open := range doorLanes {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					d := openDoor(t, open)
					v := d.Knock()
					v.Say("GET /"+d.client()["TOKEN"]+" HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
						"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"+tt.begin, 1<<20)
					most := d.made.MaxBody + frameOverhead
					for sent := 0; sent <= 2*most; sent += 100 * len(tt.again) {
						v.Say(strings.Repeat(tt.again, 100), 1<<20)
					}
					said, open := v.Heard()
					if open || !strings.Contains(said, "\x88") || !strings.Contains(said, "the message is too large") {
						t.Errorf("open is %v, and it heard %q", open, said)
					}
					if n, met := d.stats.Refused.Counts()["body_size"], d.met.Counts()["limits.publish"]; n != 1 || met != 1 {
						t.Errorf("refused %d times, and met %d times, want once", n, met)
					}
					d.served(t)
				})
			})
		}
	}
}

// A message in as many fragments as it may have is looked through in few steps while it comes byte by byte: their number
// is bounded, and not by the size of messages.
func TestManyFragments(t *testing.T) {
	const most = 1 << 20
	for _, fragment := range []string{"\x00\x80\x00\x00\x00\x00", "\x00\x81\x00\x00\x00\x00x"} {
		buf := []byte("\x01\x80\x00\x00\x00\x00")
		for err := error(nil); err == nil; _, err = checkMessage(buf, most) {
			buf = append(buf, fragment...)
		}
		if n := len(buf) / len(fragment); n > frameOverhead/6+2 {
			t.Errorf("a message may have %d fragments %q", n, fragment)
		}
	}
}

// Who takes nothing of what comes is cut after the time for that, whatever the transport, and what others are told they
// are told meanwhile.
func TestReadersThatTakeNothing(t *testing.T) {
	ws := "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
	for form, fields := range map[string]string{"long-poll": "", "sse": "Accept: text/event-stream\r\n", "websocket": ws} {
		t.Run(form, func(t *testing.T) {
			onLanes(t, func(t *testing.T, use func(*rig)) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, func(c *Config) { c.Bundle = 0 })
					use(r)
					id, text := r.open("a")
					conn := r.dial() // its window is 16 bytes, or none, and it reads nothing
					go func() { _, _ = fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: a\r\n%s\r\n", text, fields) }()
					synctest.Wait()
					r.apply(dispatch.Update{Path: "a", Message: newMessage(`"`+strings.Repeat("x", 1000)+`"`, dispatch.Options{})})
					synctest.Wait()
					if n := r.stats.Parked.Load(); n != 0 && form == "long-poll" {
						t.Fatalf("%d parked", n)
					}
					time.Sleep(r.made.WriteTime + 2*time.Second)
					synctest.Wait()
					if s := r.session(id); s == nil || s.describe().Parked {
						t.Errorf("it is there still: %+v", s)
					}
					conn.Close()
				})
			})
		})
	}
}
