package push

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// This file is what clients of the three transports are sent.

// Nothing appends an answer without updates, whose token confirms no more than what is confirmed: for a poll that can
// wait no longer, and for one whose session has [Ended], to which the token is known no more, so that its next poll opens
// a new session and the back-end is asked again.
func (s *Session) Nothing(dst []byte) []byte {
	return append(s.appendAnswer(dst, nil, s.confirmed()), '\n')
}

func (s *Session) confirmed() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.confirmed
}

func (s *Session) appendAnswer(dst []byte, entries []entry, cursor uint64) []byte {
	dst = append(dst, `{"updates":[`...)
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, entries[i].message.Wire(entries[i].path)...)
	}
	dst = append(dst, `],"reconnectWith":"`...)
	dst = s.appendToken(dst, cursor)
	return append(dst, `"}`...)
}

func (s *Session) appendEvents(dst []byte, entries []entry) []byte {
	if len(entries) == 0 {
		return append(dst, ":\n\n"...)
	}
	for i := range entries {
		dst = s.appendEventID(dst, entries[i].seq)
		dst = append(dst, "\ndata: "...)
		dst = append(dst, entries[i].message.Wire(entries[i].path)...)
		dst = append(dst, "\n\n"...)
	}
	return dst
}

func (s *Session) appendEventID(dst []byte, cursor uint64) []byte {
	dst = append(dst, "id: "...)
	return s.appendToken(dst, cursor)
}

func (s *Session) appendFrames(dst []byte, entries []entry, cursor uint64) []byte {
	if len(entries) == 0 {
		return appendFrame(dst, ws.OpPing, nil)
	}
	start := len(dst)
	dst = beginText(dst)
	return endText(s.appendAnswer(dst, entries, cursor), start)
}

// Greeting appends what a stream of that form begins with: the token to come back with. An event stream says as well
// after how many milliseconds to do so, each another number, so that clients whose connections broke at the same time
// come back one after the other. pace is for a client that lost its session; see [Push.pace].
func (s *Session) Greeting(dst []byte, form Form, pace time.Duration) []byte {
	if form == Frames {
		start := len(dst)
		return endText(withHint(s.appendAnswer(beginText(dst), nil, s.confirmed()), paceHint, pace), start)
	}
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, 1000+rand.Int64N(2001), 10)
	dst = append(dst, "\nevent: session\n"...)
	dst = s.appendEventID(dst, s.confirmed())
	dst = append(dst, "\ndata: {\"id\":\""...)
	dst = append(s.push.controller.AppendID(dst, s.seat), "\"}"...)
	return append(withHint(dst, paceHint, pace), "\n\n"...)
}

// The codes with which WebSockets are closed where no code of RFC 6455 says it.
const (
	closeConflict ws.StatusCode = 4409
	closeEnded    ws.StatusCode = 4410
)

// Farewell appends what a stream of that form ends with, for Superseded, Ended and Draining. A browser reconnects its
// event stream by itself; the one that was superseded is told to do so late, or it would push the newer one out.
func Farewell(dst []byte, form Form, state State) []byte {
	switch {
	case form == Events && state == Superseded:
		return append(dst, "event: superseded\nretry: 3600000\ndata: {}\n\n"...)
	case form == Events && state == Ended:
		return append(dst, "event: ended\ndata: {}\n\n"...)
	case form == Events:
		return dst
	case state == Superseded:
		return appendClose(dst, closeConflict, "superseded")
	case state == Ended:
		return appendClose(dst, closeEnded, "ended")
	}
	return appendClose(dst, ws.StatusGoingAway, "going away")
}
