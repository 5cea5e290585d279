package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// update is what a client is told: see "Updates" in docs/protocol.md. Its slices are parts of what was read.
type update struct {
	path    []byte
	message []byte // as it is written
	gap     []byte // the reason; nil where nothing was missed
}

// blank tells whether a view is to start afresh.
func (u *update) blank() bool { return string(u.message) == `""` }

// stamp reads a message as [world.message] writes it.
func (u *update) stamp() (number int32, due time.Duration, ok bool) {
	text, ok := bytes.CutPrefix(u.message, []byte("["))
	if !ok {
		return 0, 0, false
	}
	first, text, ok := bytes.Cut(text, []byte(","))
	if !ok {
		return 0, 0, false
	}
	if end := bytes.IndexAny(text, ",]"); end >= 0 {
		text = text[:end]
	}
	n, err := strconv.ParseInt(string(first), 10, 32)
	at, errAt := strconv.ParseInt(string(text), 10, 64)
	return int32(n), time.Duration(at), err == nil && errAt == nil
}

// text reads a message that is a string without escapes.
func (u *update) text() string { return string(bytes.Trim(u.message, `"`)) }

// answer is what a poll is answered, or a message over a WebSocket.
type answer struct {
	updates []update
	token   []byte
	pace    time.Duration // to wait before the back-end is asked to connect this client
	retry   time.Duration // to wait before the client comes back
}

var errAnswer = errors.New("not as docs/protocol.md has it")

// parse reads b, in the form and the order of docs/protocol.md. The answer is good for as long as b.
func (a *answer) parse(b []byte) error {
	*a = answer{updates: a.updates[:0]}
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(b), []byte(`{"updates":[`))
	for ok && !bytes.HasPrefix(rest, []byte("]")) {
		var u update
		if u, rest, ok = nextUpdate(bytes.TrimPrefix(rest, []byte(","))); ok {
			a.updates = append(a.updates, u)
		}
	}
	if !ok {
		return errAnswer
	}
	members, ok := bytes.CutPrefix(rest, []byte("]"))
	if !ok {
		return errAnswer
	}
	return a.parseMembers(members)
}

// parseMembers reads what follows the updates.
func (a *answer) parseMembers(rest []byte) error {
	for string(rest) != "}" {
		name, value, after, ok := nextMember(rest)
		if !ok {
			return errAnswer
		}
		rest = after
		switch string(name) {
		case "reconnectWith":
			a.token = bytes.Trim(value, `"`)
		case "pace":
			a.pace = milliseconds(value)
		case "retry":
			a.retry = milliseconds(value)
		}
	}
	if len(a.token) == 0 {
		return fmt.Errorf("%w: no token", errAnswer)
	}
	return nil
}

// milliseconds reads a time; what is none is 0.
func milliseconds(b []byte) time.Duration {
	n, _ := strconv.Atoi(string(b))
	return time.Duration(n) * time.Millisecond
}

// nextUpdate reads the update at the beginning of b.
func nextUpdate(b []byte) (u update, rest []byte, ok bool) {
	if rest, ok = bytes.CutPrefix(b, []byte("{")); !ok {
		return u, b, false
	}
	for !bytes.HasPrefix(rest, []byte("}")) {
		var name, value []byte
		if name, value, rest, ok = nextMember(rest); !ok {
			return u, b, false
		}
		switch string(name) {
		case "path":
			u.path = bytes.Trim(value, `"`)
		case "message":
			u.message = value
		case "gap":
			u.gap = bytes.Trim(value, `"`)
		}
	}
	return u, rest[1:], u.path != nil && u.message != nil
}

// nextMember reads a member of an object, with the comma before it, if there is one.
func nextMember(b []byte) (name, value, rest []byte, ok bool) {
	b = bytes.TrimPrefix(b, []byte(","))
	n := valueLength(b)
	if n < 2 || b[0] != '"' || n >= len(b) || b[n] != ':' {
		return nil, nil, b, false
	}
	name, b = b[1:n-1], b[n+1:]
	n = valueLength(b)
	return name, b[:n], b[n:], n > 0
}

// valueLength returns how long the JSON value at the beginning of b is, without white space; 0 if it is not whole.
func valueLength(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
			continue
		case c == '[' || c == '{':
			depth++
		case depth == 0 && (c == ',' || c == '}' || c == ']' || c == ':'):
			return i
		case c == ']' || c == '}':
			depth--
		}
		if depth == 0 && !quoted && (b[i] == '"' || b[i] == ']' || b[i] == '}') {
			return i + 1
		}
	}
	return 0
}
