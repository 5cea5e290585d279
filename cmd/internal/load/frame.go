package load

import (
	"encoding/binary"
	"errors"
)

// The kinds of WebSocket frames (RFC 6455, section 5.2).
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xa
)

var errFrame = errors.New("the WebSocket frames are damaged")

// frame is one frame from a server.
type frame struct {
	op      byte
	final   bool
	payload []byte
}

// nextFrame reads a frame of n bytes from b; n is 0 where b has not all of it. Servers do not mask (section 5.1).
func nextFrame(b []byte) (f frame, n int, err error) {
	if len(b) < 2 {
		return f, 0, nil
	}
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, 0, errFrame
	}
	size, n := uint64(b[1]), 2
	switch {
	case size == 126 && len(b) >= 4:
		size, n = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case size == 127 && len(b) >= 10:
		size, n = binary.BigEndian.Uint64(b[2:]), 10
	case size >= 126:
		return f, 0, nil
	}
	if size > maxAnswer {
		return f, 0, errLarge
	}
	if uint64(len(b)-n) < size {
		return f, 0, nil
	}
	end := n + int(size)
	return frame{op: b[0] & 0xf, final: b[0]&0x80 != 0, payload: b[n:end]}, end, nil
}

// mask is what payloads are masked with. It need not be random: no proxy that could be deceived stands in between.
var mask = [4]byte{0x5a, 0x21, 0xc3, 0x7e}

// AppendFrame appends a client's frame: final, and masked (section 5.3).
func AppendFrame(dst []byte, op byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch size := len(payload); {
	case size < 126:
		dst = append(dst, 0x80|byte(size))
	case size < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(size))
	}
	dst = append(dst, mask[:]...)
	for i, c := range payload {
		dst = append(dst, c^mask[i&3])
	}
	return dst
}
