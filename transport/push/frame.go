package push

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// This file is the framing of WebSockets (RFC 6455, section 5) on bytes in memory, so that who reads and writes sockets
// is free to do it as it likes.

// finalFrame is set in the first byte of a message's last or only frame.
const finalFrame = 0x80

// textHeader is the room that beginText leaves: the header of a frame of 126 bytes to 64 KiB, as most are.
const textHeader = 4

// beginText begins a text frame whose length is not known yet, and endText makes its header.
func beginText(dst []byte) []byte {
	return append(dst, finalFrame|byte(ws.OpText), 0, 0, 0)
}

// endText ends the frame that was begun at start.
func endText(dst []byte, start int) []byte {
	header, length := dst[start:], len(dst)-start-textHeader
	switch {
	case length < 126:
		header[1] = byte(length) //nolint:gosec // G115: less than 126
		return append(dst[:start+2], header[textHeader:]...)
	case length <= 0xffff:
		header[1] = 126
		binary.BigEndian.PutUint16(header[2:], uint16(length))
		return dst
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	header = dst[start:]
	copy(header[10:], header[textHeader:])
	header[1] = 127
	binary.BigEndian.PutUint64(header[2:], uint64(length))
	return dst
}

// appendFrame appends a control frame; payload has 125 bytes at most.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	dst = append(dst, finalFrame|byte(op), byte(len(payload))) //nolint:gosec // G115: 125 at most
	return append(dst, payload...)
}

// appendClose appends a close frame; code 0 is for one that says nothing.
func appendClose(dst []byte, code ws.StatusCode, reason string) []byte {
	if code == 0 {
		return appendFrame(dst, ws.OpClose, nil)
	}
	dst = append(dst, finalFrame|byte(ws.OpClose), byte(2+len(reason))) //nolint:gosec // G115: the reasons are our own
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

// isPing tells whether what [Session.Take] gave is a ping.
func isPing(frames []byte) bool { return len(frames) == 2 && frames[0] == finalFrame|byte(ws.OpPing) }

// closing is an error that ends a WebSocket connection: the client is told by a close frame.
type closing struct {
	code   ws.StatusCode // 0: a close frame that says nothing
	reason string
	heard  bool // the client has sent a close frame of its own, and nothing follows
}

func (c *closing) Error() string { return c.reason }

// frameOverhead is how many bytes a message may take in frame headers, and in control frames between its fragments,
// beside its own.
const frameOverhead = 4 << 10

// readFrames reads the client's frames in buf, which it unmasks and changes in place, and has handle told of each whole
// message: of control frames, and of text and binary messages that are put together from their fragments. payload is good
// until handle returns. A message may have max bytes. consumed bytes are done with; what follows is the beginning of
// another message, to be given again with more behind it, and never grows much larger than max and frameOverhead.
//
// The error is that of handle, or a *closing that says what is wrong; nothing of buf is to be read after one. A control
// frame between fragments is told of when the message is complete, or is cut off by a close frame.
func readFrames(buf []byte, max int, handle func(op ws.OpCode, payload []byte) error) (consumed int, err error) {
	for consumed < len(buf) {
		n, err := checkMessage(buf[consumed:], max)
		if n == 0 || err != nil {
			return consumed, err
		}
		if err := joinMessage(buf[consumed:consumed+n], handle); err != nil {
			return consumed, err
		}
		consumed += n
	}
	return consumed, nil
}

// checkMessage returns how many bytes of buf are its first message, with all its fragments and the control frames
// between them; 0 if it is not all there. It changes nothing.
func checkMessage(buf []byte, max int) (n int, err error) {
	state := ws.StateServerSide
	for length := int64(0); ; {
		frame, size, err := readHeader(buf[n:])
		if size == 0 || err != nil {
			return 0, err
		}
		if err := ws.CheckHeader(frame, state); err != nil {
			return 0, &closing{code: ws.StatusProtocolError, reason: err.Error()}
		}
		control := frame.OpCode.IsControl()
		overhead := int64(n+size) - length
		if !control {
			length += min(frame.Length, int64(max)+1)
		}
		// A message in very many fragments would take long to look through, again and again while it comes.
		if length > int64(max) || overhead > frameOverhead {
			return 0, &closing{code: ws.StatusMessageTooBig, reason: "the message is too large"}
		}
		if len(buf)-n-size < int(frame.Length) {
			return 0, nil
		}
		n += size + int(frame.Length)
		if frame.OpCode == ws.OpClose || frame.Fin && !(control && state.Fragmented()) {
			return n, nil // of a message that a close frame cuts off, nothing is told
		}
		if !control {
			state = state.Set(ws.StateFragmented)
		}
	}
}

// readHeader reads a frame's header; size is how many bytes it has, 0 if it is not all there.
func readHeader(buf []byte) (frame ws.Header, size int, err error) {
	if len(buf) < 2 {
		return frame, 0, nil
	}
	frame = ws.Header{Fin: buf[0]&finalFrame != 0, Rsv: buf[0] >> 4 & 7, OpCode: ws.OpCode(buf[0] & 15), Masked: buf[1]&0x80 != 0}
	size = 2
	switch short := buf[1] & 0x7f; {
	case short < 126:
		frame.Length = int64(short)
	case short == 126 && len(buf) >= 4:
		frame.Length, size = int64(binary.BigEndian.Uint16(buf[2:])), 4
	case short == 127 && len(buf) >= 10:
		frame.Length, size = int64(binary.BigEndian.Uint64(buf[2:])), 10 //nolint:gosec // G115: looked at below
	default:
		return frame, 0, nil
	}
	if frame.Length < 0 {
		return frame, 0, &closing{code: ws.StatusProtocolError, reason: "a frame's length has more than 63 bits"}
	}
	if !frame.Masked {
		return frame, size, nil
	}
	if len(buf) < size+4 {
		return frame, 0, nil
	}
	copy(frame.Mask[:], buf[size:])
	return frame, size + 4, nil
}

// joinMessage unmasks the frames of one whole message, puts its fragments together where the first stands, and has handle
// told of it and of the control frames between them.
func joinMessage(buf []byte, handle func(op ws.OpCode, payload []byte) error) error {
	var op ws.OpCode
	var message []byte
	for len(buf) > 0 {
		frame, size, _ := readHeader(buf)
		payload := buf[size : size+int(frame.Length)]
		buf = buf[size+int(frame.Length):]
		ws.Cipher(payload, frame.Mask, 0)
		switch {
		case frame.OpCode.IsControl():
			if err := handle(frame.OpCode, payload); err != nil {
				return err
			}
			continue
		case frame.OpCode != ws.OpContinuation:
			op, message = frame.OpCode, payload
		default:
			message = append(message, payload...)
		}
		if frame.Fin {
			return handleMessage(op, message, handle)
		}
	}
	return nil
}

func handleMessage(op ws.OpCode, message []byte, handle func(op ws.OpCode, payload []byte) error) error {
	if op == ws.OpText && !utf8.Valid(message) {
		return &closing{code: ws.StatusInvalidFramePayloadData, reason: "the text is not UTF-8"}
	}
	return handle(op, message)
}
