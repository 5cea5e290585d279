package push

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gobwas/ws"

	"github.com/rootsd/rootsd/dispatch/strictjson"
	"github.com/rootsd/rootsd/transport/lane"
)

// This file is what a client says over a WebSocket.

// hearFrames has what s's client says in buf heard, and appends the frames that answer it to dst. consumed and err are
// those of [readFrames].
func (p *Push) hearFrames(s *Session, buf, dst []byte, now time.Time) (answer []byte, consumed int, err error) {
	most := p.config().MaxBody
	consumed, err = readFrames(buf, most, func(op ws.OpCode, payload []byte) (err error) {
		dst, err = p.heard(s, op, payload, dst, now)
		return err
	})
	if end, ok := errors.AsType[*closing](err); ok && end.code == ws.StatusMessageTooBig {
		_ = p.handler.Note(lane.Refuse(http.StatusRequestEntityTooLarge, "body_size",
			"the message is larger than %d bytes", most))
	}
	return dst, consumed, err
}

// heard does what a message of s's client asks for, which [readFrames] has read, and appends the frames that answer it
// to dst. The error is a *closing, and says how the connection is to end, after what dst holds.
func (p *Push) heard(s *Session, op ws.OpCode, payload, dst []byte, now time.Time) (answer []byte, err error) {
	switch op {
	case ws.OpText:
		return p.heardText(s, payload, dst, now), nil
	case ws.OpPing:
		return appendFrame(dst, ws.OpPong, payload), nil
	case ws.OpPong:
		return dst, nil
	case ws.OpClose:
		return dst, heardClose(payload)
	}
	return dst, &closing{code: ws.StatusUnsupportedData, reason: "messages are text"}
}

// heardClose answers a close frame: with the code that it has, if that is a good one.
func heardClose(payload []byte) *closing {
	if len(payload) == 0 {
		return &closing{heard: true}
	}
	if len(payload) == 1 {
		return &closing{code: ws.StatusProtocolError, reason: "half a status code", heard: true}
	}
	code := ws.StatusCode(binary.BigEndian.Uint16(payload))
	checked := code
	if code >= 1012 && code <= 1014 {
		checked = ws.StatusGoingAway // registered since RFC 6455, and as good as any
	}
	err := ws.CheckCloseFrameData(checked, string(payload[2:]))
	switch {
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return &closing{code: ws.StatusInvalidFramePayloadData, reason: err.Error(), heard: true}
	case err != nil || code > 4999:
		return &closing{code: ws.StatusProtocolError, reason: "not a status code", heard: true}
	}
	return &closing{code: code, heard: true}
}

// heardText does what a text message asks for. A number is a cursor and a string a token, up to which the client has got
// everything; anything else is to be updates that it publishes. What is published and what is wrong is answered.
func (p *Push) heardText(s *Session, text, dst []byte, now time.Time) []byte {
	scanner := strictjson.NewScanner(text)
	var err error
	switch kind, _ := scanner.Peek(); kind {
	case strictjson.Number, strictjson.String:
		if err = s.heardCursor(text, now); err == nil {
			return dst
		}
	default:
		var accepted int
		if err = p.maySay(s, now); err == nil {
			accepted, err = p.publish(s, text, now)
		}
		if err == nil {
			return appendText(dst, strconv.AppendInt([]byte(`{"accepted":`), int64(accepted), 10), '}')
		}
	}
	return p.appendProblem(dst, err)
}

// heardCursor confirms what a number or a token says.
func (s *Session) heardCursor(text []byte, now time.Time) error {
	value, err := strictjson.Parse(text)
	if err != nil {
		return lane.JSONProblem(err)
	}
	cursor, err := s.cursorOf(value)
	if err != nil {
		return err
	}
	if errors.Is(s.Confirm(cursor, now), ErrAhead) {
		return lane.Refuse(http.StatusBadRequest, "cursor", "%d was never given out", cursor)
	}
	return nil // also where the session has ended, of which the client is told anyway
}

// cursorOf returns the cursor that value is, or that of the token of s.
func (s *Session) cursorOf(value strictjson.Value) (uint64, error) {
	text, isText := value.Text()
	if !isText {
		cursor, err := strconv.ParseUint(string(value.Raw), 10, 64)
		if err != nil {
			return 0, lane.Refuse(http.StatusBadRequest, "cursor", "%s is not a cursor", lane.Quote(string(value.Raw)))
		}
		return cursor, nil
	}
	t, ok := parseToken(text)
	if !ok || t.id != s.id() || !s.holds(t.secret) {
		return 0, lane.Refuse(http.StatusNotFound, "unknown_token", "that is not a token of this session")
	}
	return t.cursor, nil
}

// publish passes on what s's client has to say, where it is permitted to, and returns how many updates that were. The
// error is a *[lane.Problem]. What is refused costs s's client one update.
func (p *Push) publish(s *Session, body []byte, now time.Time) (accepted int, err error) {
	rules := lane.Rules{MaxMessage: p.config().MaxBody, From: s.id()}
	batch, err := rules.ParseUpdates(body)
	if err != nil {
		p.charge(s, 1, now)
		return 0, err
	}
	err = p.say(s, len(batch.Updates), now, func() error {
		if err := p.dispatcher.Publish(s.id(), batch.Updates...); err != nil {
			return lane.DispatchProblem(err)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	p.stats.Published.Add(uint64(len(batch.Updates)))
	return len(batch.Updates), nil
}

// appendProblem appends a text frame {"error":…} with a *[lane.Problem], and counts it.
func (p *Push) appendProblem(dst []byte, err error) []byte {
	var problem *lane.Problem
	if !errors.As(err, &problem) {
		problem = lane.Refuse(http.StatusInternalServerError, "internal", "rootsd could not do this; its log says why")
		p.log.Error("message failed", "err", err)
	}
	p.stats.Refused.Add(problem.Reason)
	p.met.NoteProblem(problem, settingsMet)
	p.log.Debug("refused", "status", problem.Status, "reason", problem.Reason, "detail", lane.Logged(problem))
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	// Text and numbers can always be encoded.
	_ = encoder.Encode(struct {
		Error *lane.Problem `json:"error"`
	}{problem})
	return appendText(dst, bytes.TrimSpace(text.Bytes()))
}

// appendText appends a text frame.
func appendText(dst, text []byte, end ...byte) []byte {
	start := len(dst)
	return endText(append(append(beginText(dst), text...), end...), start)
}
