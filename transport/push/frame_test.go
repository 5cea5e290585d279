package push

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/rootsd/rootsd/dispatch"
)

// readAll reads raw as if it came in pieces of such sizes, over and over, and returns what was told of, each as
// "opcode:payload".
func readAll(raw []byte, max int, sizes ...int) (messages []string, rest []byte, err error) {
	var buf []byte
	for i := 0; len(raw) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(raw))
		buf, raw = append(buf, raw[:n]...), raw[n:]
		n, err = readFrames(buf, max, func(op ws.OpCode, payload []byte) error {
			messages = append(messages, fmt.Sprintf("%x:%s", op, payload))
			return nil
		})
		if err != nil {
			return messages, nil, err
		}
		buf = bytes.Clone(buf[n:])
	}
	return messages, buf, nil
}

func text(payload string) []byte { return maskedFrame(ws.OpText, true, []byte(payload)) }

func fragment(op ws.OpCode, fin bool, payload string) []byte {
	return maskedFrame(op, fin, []byte(payload))
}

// bare makes a frame that is not masked.
func bare(bytes ...byte) []byte { return bytes }

func TestReadFrames(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	for _, test := range []struct {
		name     string
		raw      [][]byte
		messages string
		rest     int
		code     ws.StatusCode
	}{
		{"none", nil, "", 0, 0},
		{"text", [][]byte{text("hi")}, "1:hi", 0, 0},
		{"empty", [][]byte{text("")}, "1:", 0, 0},
		{"several", [][]byte{text("1"), text("2"), fragment(ws.OpPing, true, "p"), text("3")}, "1:1 1:2 9:p 1:3", 0, 0},
		{"lengths", [][]byte{text(long[:125]), text(long[:126]), text(long[:65535]), text(long[:65536])},
			"1:" + long[:125] + " 1:" + long[:126] + " 1:" + long[:65535] + " 1:" + long[:65536], 0, 0},
		{"fragments", [][]byte{fragment(ws.OpText, false, "ab"), fragment(0, false, ""), fragment(0, false, "cd"), fragment(0, true, "e"), text("f")},
			"1:abcde 1:f", 0, 0},
		{"control between fragments", [][]byte{fragment(ws.OpText, false, "ab"), fragment(ws.OpPing, true, "p"), fragment(0, true, "c")},
			"9:p 1:abc", 0, 0},
		{"UTF-8 across fragments", [][]byte{fragment(ws.OpText, false, "\xc3"), fragment(0, true, "\xa4")}, "1:ä", 0, 0},
		{"binary", [][]byte{fragment(ws.OpBinary, true, "\xff")}, "2:\xff", 0, 0},
		{"close", [][]byte{fragment(ws.OpClose, true, "\x03\xe8bye")}, "8:\x03\xe8bye", 0, 0},
		{"half a frame", [][]byte{text("1"), text("2")[:5]}, "1:1", 5, 0},
		{"half a message", [][]byte{text("1"), fragment(ws.OpText, false, "ab")}, "1:1", 8, 0},

		{"not masked", [][]byte{text("1"), bare(0x81, 1, 'x')}, "1:1", 0, 1002},
		{"reserved bit", [][]byte{bare(0xc1, 0x80, 0, 0, 0, 0)}, "", 0, 1002},
		{"reserved opcode", [][]byte{bare(0x83, 0x80, 0, 0, 0, 0)}, "", 0, 1002},
		{"control in fragments", [][]byte{fragment(ws.OpPing, false, "")}, "", 0, 1002},
		{"long control", [][]byte{fragment(ws.OpPing, true, long[:126])}, "", 0, 1002},
		{"continuation of nothing", [][]byte{fragment(0, true, "x")}, "", 0, 1002},
		{"text within text", [][]byte{fragment(ws.OpText, false, "x"), text("y")}, "", 0, 1002},
		{"no length", [][]byte{bare(0x81, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)}, "", 0, 1002},
		{"not UTF-8", [][]byte{text("\xff")}, "", 0, 1007},
		{"too large", [][]byte{text(strings.Repeat("x", 100_001))}, "", 0, 1009},
		{"announced too large", [][]byte{bare(0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)}, "", 0, 1009},
		{"fragments too large", [][]byte{fragment(ws.OpText, false, long), fragment(0, true, long)}, "", 0, 1009},
		{"endless fragments", append([][]byte{fragment(ws.OpText, false, "")}, slices.Repeat([][]byte{fragment(0, false, "")}, 20_000)...), "", 0, 1009},
		{"endless pings in a message", append([][]byte{fragment(ws.OpText, false, "")}, slices.Repeat([][]byte{fragment(ws.OpPing, true, long[:125])}, 1000)...), "", 0, 1009},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, sizes := range [][]int{{1 << 20}, {1000}, {7, 130, 3}, {1}} {
				raw := slices.Concat(test.raw...)
				if sizes[0] == 1 && len(raw) > 10_000 {
					continue // byte by byte it takes long
				}
				messages, rest, err := readAll(raw, 100_000, sizes...)
				if got := strings.Join(messages, " "); got != test.messages || len(rest) != test.rest {
					t.Errorf("in pieces of %d: %.100q, %d left; want %.100q, %d left", sizes, got, len(rest), test.messages, test.rest)
				}
				var end *closing
				if errors.As(err, &end); (end == nil) != (test.code == 0) || end != nil && end.code != test.code {
					t.Errorf("in pieces of %d: %v, want %d", sizes, err, test.code)
				}
			}
		})
	}
}

// The error of whoever is told ends the reading.
func TestReadFramesStops(t *testing.T) {
	told, stop := 0, errors.New("stop")
	raw := append(text("1"), text("2")...)
	_, err := readFrames(raw, 100, func(ws.OpCode, []byte) error { told++; return stop })
	if told != 1 || err != stop {
		t.Errorf("told %d times, %v", told, err)
	}
}

// FuzzReadFrames: whatever comes, and in whatever pieces, the same messages are read, they are those that gobwas/ws reads,
// and no more is kept than may be.
func FuzzReadFrames(f *testing.F) {
	for _, seed := range [][]byte{
		text("hi"), text(`{"path":"a","message":1}`), append(text("1"), fragment(ws.OpPing, true, "p")...),
		slices.Concat(fragment(ws.OpText, false, "ab"), fragment(ws.OpPing, true, "p"), fragment(0, true, "c")),
		fragment(ws.OpClose, true, "\x03\xe8"), bare(0x81, 0xfe, 1), bare(0x81, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 'x'),
		bare(0xc1, 0x80, 0, 0, 0, 0), text(strings.Repeat("x", 300)),
	} {
		f.Add(seed, uint8(3))
	}
	const max = 256
	f.Fuzz(func(t *testing.T, raw []byte, piece uint8) {
		whole, restWhole, errWhole := readAll(bytes.Clone(raw), max, len(raw)+1)
		parts, restParts, errParts := readAll(bytes.Clone(raw), max, int(piece)+1, 1)
		if !slices.Equal(whole, parts) || !bytes.Equal(restWhole, restParts) || fmt.Sprint(errWhole) != fmt.Sprint(errParts) {
			t.Fatalf("at once %q, %x left, %v\nin parts %q, %x left, %v", whole, restWhole, errWhole, parts, restParts, errParts)
		}
		if len(restParts) > max+frameOverhead+ws.MaxHeaderSize {
			t.Fatalf("%d bytes are kept", len(restParts))
		}
		if errWhole == nil {
			if theirs := readTheirs(raw[:len(raw)-len(restWhole)]); !slices.Equal(whole, theirs) {
				t.Fatalf("read %q, gobwas/ws reads %q", whole, theirs)
			}
		}
	})
}

// readTheirs reads good frames with the library's own reader.
func readTheirs(raw []byte) (messages []string) {
	var message []byte
	var op ws.OpCode
	for reader := bytes.NewReader(raw); ; {
		frame, err := readFrame(reader)
		if err == io.EOF {
			return messages
		}
		frame = ws.UnmaskFrame(frame)
		switch {
		case frame.Header.OpCode.IsControl():
			messages = append(messages, fmt.Sprintf("%x:%s", frame.Header.OpCode, frame.Payload))
			continue
		case frame.Header.OpCode != ws.OpContinuation:
			op, message = frame.Header.OpCode, nil
		}
		if message = append(message, frame.Payload...); frame.Header.Fin {
			messages = append(messages, fmt.Sprintf("%x:%s", op, message))
		}
	}
}

// What is written is what the library reads, whatever its length.
func TestTextFrames(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 70_000} {
		payload := strings.Repeat("x", n)
		raw := appendText([]byte("before"), []byte(payload))
		frame, err := readFrame(bytes.NewReader(raw[len("before"):]))
		if err != nil || string(frame.Payload) != payload || frame.Header.OpCode != ws.OpText || !frame.Header.Fin {
			t.Errorf("%d bytes: %v %+v", n, err, frame.Header)
		}
		if want := ws.HeaderSize(frame.Header) + n; len(raw)-len("before") != want {
			t.Errorf("%d bytes make a frame of %d, want %d", n, len(raw)-len("before"), want)
		}
	}
}

func TestWebSocketCloses(t *testing.T) {
	for _, test := range []struct {
		name string
		raw  []byte
		code ws.StatusCode
	}{
		{"normal", fragment(ws.OpClose, true, "\x03\xe8bye"), 1000},
		{"own code", fragment(ws.OpClose, true, "\x0f\xa0"), 4000},
		{"no code", fragment(ws.OpClose, true, ""), 0},
		{"half a code", fragment(ws.OpClose, true, "\x03"), 1002},
		{"a code that may not be sent", fragment(ws.OpClose, true, "\x03\xed"), 1002},
		{"a code beyond all", fragment(ws.OpClose, true, "\xff\xff"), 1002},
		{"a reason that is no text", fragment(ws.OpClose, true, "\x03\xe8\xff"), 1007},
		{"binary", fragment(ws.OpBinary, true, "x"), 1003},
		{"not masked", bare(0x81, 1, 'x'), 1002},
		{"not UTF-8", text("\"\xff\""), 1007},
		{"too large", text(strings.Repeat("x", 5000)), 1009},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				c := r.openTap(Frames, "a")
				go c.send(test.raw)
				c.wait()
				time.Sleep(2 * lingering)
				c.wait()
				if !closed(c.done) || c.code != test.code {
					t.Errorf("closed with %d %q, want %d", c.code, c.end, test.code)
				}
				if n := r.stats.Parked.Load(); n != 0 || r.Sessions() != 1 {
					t.Errorf("%d parked, %d sessions", n, r.Sessions())
				}
				r.update("a", "1")
				again := r.tap(Poll, c.at())
				again.want("a=1")
				again.cut()
			})
		})
	}
}

func TestWebSocketMessages(t *testing.T) {
	inBubble(t, func(r *rig) {
		other := r.openTap(Events, "chat")
		c := r.openTap(Frames, "a")
		r.apply(dispatch.Command(dispatch.PathPermit, c.id(), "chat", 0))
		for _, test := range []struct{ said, answer string }{
			{`{"path":"chat","message":1}`, `{"accepted":1}`},
			{`[{"path":"chat","message":2},{"path":"chat","message":3}]`, `{"accepted":2}`},
			{` [] `, `{"accepted":0}`},
			{`{"path":"secret","message":1}`, `"reason":"not_permitted"`},
			{`[{"path":"chat","message":4},{"path":"::kick","message":"x"}]`, `"entry":1`},
			{`{"path":"chat"}`, `"reason":"bad_body"`},
			{`{`, `"reason":"bad_json"`},
			{``, `"reason":"empty_body"`},
			{`null`, `"reason":"bad_body"`},
			{`7`, `"reason":"cursor"`},
			{`-1`, `"reason":"cursor"`},
			{`1.0`, `"reason":"cursor"`},
			{`99999999999999999999`, `"reason":"cursor"`},
			{`1 2`, `"reason":"bad_json"`},
			{`"x"`, `"reason":"unknown_token"`},
			{`"` + other.at() + `"`, `"reason":"unknown_token"`},
			{`"` + c.at() + `"`, ``},
			{`0`, ``},
		} {
			c.say(test.said)
			if got := c.answered(); !strings.Contains(got, test.answer) || (got == "") != (test.answer == "") {
				t.Errorf("%s is answered %s, want %s", test.said, got, test.answer)
			}
		}
		other.want("chat=1 chat=2 chat=3")
		if n := r.stats.Published.Load(); n != 3 {
			t.Errorf("%d published", n)
		}
		c.send(append(text(`{"path":"chat","message":5}`), text(`{"path":"chat","message":6}`)...))
		other.want("chat=5 chat=6")
	})
}

// A client confirms over the connection, and what it has confirmed is not kept.
func TestWebSocketConfirms(t *testing.T) {
	inBubble(t, func(r *rig) {
		c := r.openTap(Frames, "a")
		first := c.at()
		for i := range 6 {
			receipt := dispatch.NewReceipt()
			r.apply(newUpdate("a", fmt.Sprint(i), dispatch.Options{Receipt: receipt}))
			receipt.Close()
			c.want(fmt.Sprintf("a=%d", i))
			token, _ := parseToken(c.at())
			confirm := fmt.Sprint(token.cursor)
			if i%2 == 0 {
				confirm = `"` + c.at() + `"`
			}
			c.say(confirm)
			c.wait()
			if n := r.stats.Messages.Load(); n != 0 || receipt.Counts().Confirmed != 1 {
				t.Errorf("%d kept, receipt %+v", n, receipt.Counts())
			}
		}
		c.say("1") // older than what is confirmed
		if got := c.answered(); got != "" {
			t.Errorf("answered %q", got)
		}
		last := c.cut()
		r.tap(Events, first).wantEnd("stale")
		r.update("a", "7")
		again := r.tap(Frames, last)
		again.want("a=7")
		again.cut()
	})
}

// A request behind the handshake, and a message in the same bytes as it, are read.
func TestWebSocketEarlyMessage(t *testing.T) {
	inBubble(t, func(r *rig) {
		listener := r.openTap(Events, "chat")
		_, token := r.open()
		c, _ := parseToken(token)
		r.apply(dispatch.Command(dispatch.PathPermit, c.id, "chat", 0))
		conn := r.dial()
		defer conn.Close()
		conn.Write(append(requestText(r, "GET", "/"+token, nil, formFields(Frames)), text(`{"path":"chat","message":1}`)...))
		drain(conn)
		listener.want("chat=1")
	})
}
