package rootsd

import (
	"fmt"
	"strings"
	"time"
)

// Config says where rootsd is. The zero value is a good one, on the machine where rootsd runs.
type Config struct {
	// URL of rootsd's ingest port, http or https, perhaps with a path: requests go to <URL>/update and its like. "":
	// the variable ROOTS_URL, or http://127.0.0.1:8004. "null:": nothing is sent. With any other, all calls fail with
	// the reason url. No proxy is asked, whatever the environment says of one.
	URL string
	// Token is sent as "Authorization: Bearer <token>". "": the variable ROOTS_TOKEN, or none.
	Token string
	// Timeout is for making a connection, and for a whole call beside what an update waits. 0: 5 s. Where the context
	// of a call has an earlier deadline, that counts.
	Timeout time.Duration
}

// Update says what has happened at a path.
type Update struct {
	Path    string        `json:"path"`             // such as "orders/42"; no pattern
	Message any           `json:"message"`          // what encoding/json can encode, into at most 64 KiB
	Latest  bool          `json:"latest,omitempty"` // replaces an earlier Latest one that a client was not sent yet
	Except  string        `json:"except,omitempty"` // ID of one client that is not told; "": all are
	Wait    time.Duration `json:"-"`                // for all clients to confirm it, in whole ms, at most 60 s; 0: not
}

// Receipt says for how many clients an update was, to how many it was written, how many have said that they have it,
// and how many are told that they missed it because it could not be kept:
// {"matched": 3, "delivered": 3, "confirmed": 2, "gapped": 0}.
type Receipt struct{ Matched, Delivered, Confirmed, Gapped int }

// Client is what rootsd knows of a client: {"id": "roots-…", "connected": [link, …], "permits": [link, …],
// "session": {"transport": "websocket", "queued": 0, …}}.
type Client struct {
	ID        string         `json:"id"`
	Connected []Link         `json:"connected"`
	Permits   []Link         `json:"permits"`
	Session   map[string]any `json:"session"` // its members are in docs/protocol.md, "GET /clients/{id}"
}

// Link is a path or pattern to which a client is connected, or may publish:
// {"path": "orders/42", "since": "2026-11-21T12:00:06Z", "by": "ingest", "lapses_in": "59m50s"}.
type Link struct {
	Path     string    `json:"path"`
	Since    time.Time `json:"since,omitzero"`      // to the second; zero for a permit
	By       string    `json:"by,omitempty"`        // who connected it, such as "ingest"; "" for a permit
	LapsesIn string    `json:"lapses_in,omitempty"` // as time.ParseDuration reads it; "": does not lapse
}

// Sent is a request that was not sent, as the URL is "null:".
type Sent struct {
	Verb string // such as "update"
	Body any    // what its JSON decodes to; nil where it has none
}

// Error says why a call failed: "rootsd: update: path has an empty segment (400 path, entry 1)". Its cause, such as a
// context's error, is found by errors.Is.
type Error struct {
	Verb   string // what was asked for, such as "update"
	Status int    // of the answer in HTTP; 0 where there is none
	// Reason is rootsd's own word (docs/protocol.md, "Errors"), or one of these: "unreachable" (no connection could be
	// made), "timeout", "interrupted" (the connection broke), "canceled" (the context was), "message" (it is not JSON),
	// "answer" (what answers is not rootsd's ingest), "url"; and of a webhook "signature" and "timestamp".
	Reason        string
	Detail, Field string // what is wrong, for people; which member is, "" where rootsd does not say
	Entry, Offset *int   // which of several updates or paths, and where in the body, from 0; nil likewise
	Uncertain     bool   // whether rootsd may have done it all the same
	cause         error
}

// Error returns all that matters in one line.
func (e *Error) Error() string {
	code := strings.TrimPrefix(fmt.Sprint(e.Status, " ", e.Reason), "0 ")
	if e.Entry != nil {
		code += fmt.Sprint(", entry ", *e.Entry)
	}
	return fmt.Sprintf("rootsd: %s: %s (%s)", e.Verb, e.Detail, code)
}

// Unwrap returns what caused it, where that is another error.
func (e *Error) Unwrap() error { return e.cause }

// grant is what a client may do, as it is sent and answered: {"id": "…", "paths": ["orders/42"], "for": "1000ms"}.
type grant struct {
	ID    string   `json:"id"`
	Paths []string `json:"paths,omitempty"`
	For   ms       `json:"for,omitzero"`
}

// timed is an Update as it is sent.
type timed struct {
	Update
	Wait ms `json:"wait,omitzero"`
}

// ms is a time that is sent in whole milliseconds, and never shorter than it is.
type ms time.Duration

// MarshalText returns a time as rootsd reads it.
func (d ms) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%dms", (d+999_999)/1_000_000), nil
}
