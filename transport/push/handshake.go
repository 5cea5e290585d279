package push

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"

	"github.com/rootsd/rootsd/transport/lane"
)

// checkHandshake finds what is wrong with the opening of a WebSocket (RFC 6455, section 4.2.1) whose Sec-WebSocket-Version
// and Sec-WebSocket-Key fields these are. The error is a *[lane.Problem].
func checkHandshake(version, key string) error {
	if version != "13" {
		return lane.Refuse(http.StatusUpgradeRequired, "websocket", "this speaks version 13 of the WebSocket protocol alone").
			With("Sec-WebSocket-Version", "13").With("Upgrade", "websocket")
	}
	if raw, err := base64.StdEncoding.DecodeString(key); err != nil || len(raw) != 16 {
		return lane.Refuse(http.StatusBadRequest, "websocket", "Sec-WebSocket-Key is not 16 bytes in base64")
	}
	return nil
}

// turnsAway tells whether err, of [Push.admit], is said in a close frame, after a handshake that is good in itself: the page
// of a browser would not hear why the handshake was refused, and would come with the same stale token for ever.
func turnsAway(err error) bool {
	p, ok := errors.AsType[*lane.Problem](err)
	return ok && p.Reason == "stale"
}

// appendTurnedAway appends what such a client is told.
func appendTurnedAway(dst []byte) []byte { return appendClose(dst, closeConflict, "stale") }

// appendUpgrade appends the answer to a good handshake.
func appendUpgrade(dst []byte, key string) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // as the RFC has it
	dst = base64.StdEncoding.AppendEncode(dst, sum[:])
	return append(dst, "\r\n\r\n"...)
}
