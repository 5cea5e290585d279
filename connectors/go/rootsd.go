// Package rootsd tells rootsd, a push daemon, what has happened in an application, and which of its users may hear of
// it.
//
//	roots := rootsd.New(rootsd.Config{})                                         // once, for the whole program
//	_, err := roots.Connect(ctx, id, 0, "orders/42")                             // a client hears of the order
//	_, err = roots.Update(ctx, rootsd.Update{Path: "orders/42", Message: order}) // all who hear of it are told
//
// Tell after the database has committed, not before: whoever hears of it may load at once. And tell with a context that
// outlives the request which made the change, or nobody is told when the browser that asked for it has gone.
//
// [Endpoint] is what browsers ask to be connected, and [Webhook] checks who has sent a webhook. In an application's own
// tests, the URL "null:" sends nothing, and [Connector.Sent] returns what would have been sent.
package rootsd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Connector is a program's way to rootsd. It keeps up to 8 idle connections. Make one with [New], and use it from as
// many goroutines as you like. Every error of its methods is an [*Error]; what else they return then means nothing.
//
// An update is never sent twice. The other calls do the same when they are done twice, and are sent once more where a
// connection that was idle breaks before anything is answered.
type Connector struct {
	config    Config
	transport *http.Transport
	unsent    record
}

// New returns a Connector. It makes no connection yet.
func New(config Config) *Connector {
	config.URL = strings.TrimRight(cmp.Or(config.URL, os.Getenv("ROOTS_URL"), "http://127.0.0.1:8004"), "/")
	config.Token = cmp.Or(config.Token, os.Getenv("ROOTS_TOKEN"))
	config.Timeout = cmp.Or(config.Timeout, 5*time.Second)
	dial := (&net.Dialer{Timeout: config.Timeout}).DialContext // a function of its own also means HTTP/1.1
	// Its idle time is shorter than that of rootsd, or a proxy, which could close a connection just when it is used.
	transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second}
	return &Connector{config: config, transport: transport}
}

// Close closes idle connections. The Connector can still be used.
func (c *Connector) Close() { c.transport.CloseIdleConnections() }

// Update tells all who are connected to a path. The receipt is of an update that waits, and zero otherwise.
func (c *Connector) Update(ctx context.Context, u Update) (Receipt, error) {
	var receipt Receipt
	err := c.do(ctx, "update", timed{u, ms(u.Wait)}, &receipt, u.Wait)
	return receipt, err
}

// Updates tells of several in one request: all of them are taken, in this order, or none. There is a receipt for each,
// zero for those that do not wait.
func (c *Connector) Updates(ctx context.Context, updates []Update) ([]Receipt, error) {
	body, receipts, wait := make([]timed, len(updates)), make([]Receipt, len(updates)), time.Duration(0)
	for i, u := range updates {
		body[i], wait = timed{u, ms(u.Wait)}, max(wait, u.Wait)
	}
	if wait == 0 {
		return receipts, c.do(ctx, "update", body, nil, 0)
	}
	err := c.do(ctx, "update", body, &receipts, wait)
	return receipts, err
}

func (c *Connector) grant(ctx context.Context, verb, id string, lease time.Duration, paths []string) ([]string, error) {
	answer := grant{Paths: slices.Clone(paths)}
	err := c.do(ctx, verb, grant{id, paths, ms(lease)}, &answer, 0)
	return answer.Paths, err
}

// Connect has a client hear of paths and patterns ("orders/*", "orders/**"), all of them or none; after the lease,
// unless it is 0, it does no more. It returns them without slashes at their ends. Read the database after this, not
// before: what changes from now on, the client is told. An unknown client is an error of the reason unknown_id.
func (c *Connector) Connect(ctx context.Context, id string, lease time.Duration, paths ...string) ([]string, error) {
	return c.grant(ctx, "connect", id, lease, paths)
}

// Disconnect undoes Connect, for the very paths and patterns that were connected.
func (c *Connector) Disconnect(ctx context.Context, id string, paths ...string) ([]string, error) {
	return c.grant(ctx, "disconnect", id, 0, paths)
}

// Permit lets a client publish to paths and patterns itself; after the lease, unless it is 0, it may no more.
func (c *Connector) Permit(ctx context.Context, id string, lease time.Duration, paths ...string) ([]string, error) {
	return c.grant(ctx, "permit", id, lease, paths)
}

// Forbid undoes Permit, for the very paths and patterns that were permitted.
func (c *Connector) Forbid(ctx context.Context, id string, paths ...string) ([]string, error) {
	return c.grant(ctx, "forbid", id, 0, paths)
}

// Join has a client into rooms, as of a chat: it hears what is said there, is told at ::members/<room> who is in it,
// and may publish to it. All of that is one request.
func (c *Connector) Join(ctx context.Context, id string, rooms ...string) error {
	var commands []Update
	for _, room := range rooms {
		room = strings.Trim(room, "/")
		commands = append(commands,
			Update{Path: "::connect", Message: id + "->" + room},
			Update{Path: "::connect", Message: id + "->::members/" + room},
			Update{Path: "::permit", Message: id + "->" + room})
	}
	_, err := c.Updates(ctx, commands)
	return err
}

// Kick ends a client's session, and with it all that it was connected to and permitted.
func (c *Connector) Kick(ctx context.Context, id string) error {
	return c.do(ctx, "kick", grant{ID: id}, nil, 0)
}

// Clients tells what a client is connected to, what it may publish to, and how its session does.
func (c *Connector) Clients(ctx context.Context, id string) (*Client, error) {
	client := &Client{ID: id, Connected: []Link{}, Permits: []Link{}}
	return client, c.do(ctx, "clients/"+url.PathEscape(id), nil, client, 0)
}

// Request is what all of these use. It POSTs body, as JSON, to <URL>/<verb>, or GETs that where body is nil, and
// decodes the answer into what answer points to, unless that is nil.
func (c *Connector) Request(ctx context.Context, verb string, body, answer any) error {
	return c.do(ctx, verb, body, answer, 0)
}

// do makes a request that rootsd may take a while to answer. Where nothing is sent, answer stays as it is.
func (c *Connector) do(ctx context.Context, verb string, body, answer any, wait time.Duration) error {
	e := &Error{Verb: verb}
	text, err := encode(body)
	if err != nil {
		return e.because("message", err.Error(), err)
	}
	if c.config.URL == "null:" {
		c.unsent.add(verb, text)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout+max(wait, 0))
	defer cancel()
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { e.Uncertain = true }}
	r, err := c.request(httptrace.WithClientTrace(ctx, trace), verb, text)
	if err != nil || !isPlain(r.URL) || strings.ContainsAny(c.config.URL, "?#") {
		return e.because("url", "the URL of rootsd is none such as http://127.0.0.1:8004", err)
	}
	began := time.Now()
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return e.broken(r, err, began)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols { // its body would go on for ever, whatever the context says
		return e.answered(response, nil, answer)
	}
	got, err := io.ReadAll(io.LimitReader(response.Body, 16<<20)) // the beginning of more than that is no JSON
	if err != nil {
		return e.broken(r, err, began)
	}
	return e.answered(response, got, answer)
}

// isPlain tells whether a URL has nothing in it that would not be sent, such as a password.
func isPlain(u *url.URL) bool {
	return u.Host != "" && u.User == nil && (u.Scheme == "http" || u.Scheme == "https")
}

// encode returns body as JSON, and nothing for nil.
func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // clients are sent what is written here, and an escape is six bytes for one
	err := encoder.Encode(body)
	return text.Bytes(), err
}

// request returns a request as net/http is to send it. By itself, net/http sends a POST again if nothing of it could be
// written to a connection that was idle. What is marked as idempotent, it also sends again if such a connection breaks
// before an answer.
func (c *Connector) request(ctx context.Context, verb string, text []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.URL+"/"+verb, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "rootsd-go/0.1.0")
	r.Header.Set("Content-Type", "application/json")
	if c.config.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.config.Token)
	}
	if text == nil {
		r.Method = http.MethodGet
		r.Header.Del("Content-Type")
	}
	if slices.Contains([]string{"connect", "disconnect", "permit", "forbid", "kick"}, verb) {
		r.Header["X-Idempotency-Key"] = nil // the mark, which is not sent without a value
	}
	return r, nil
}

func (e *Error) because(reason, detail string, cause error) *Error {
	e.Reason, e.Detail, e.cause = reason, detail, cause
	return e
}

// broken makes e the error of a request without a whole answer. It is uncertain already if there was a connection.
func (e *Error) broken(r *http.Request, err error, began time.Time) error {
	const unknown = "it is not known whether rootsd has done it"
	switch ended := r.Context().Err(); {
	case errors.Is(ended, context.Canceled):
		return e.because("canceled", "its context was canceled", err)
	case !e.Uncertain:
		detail := fmt.Sprintf("no connection to %s: %v; is rootsd running there?", r.URL, err)
		return e.because("unreachable", detail, err)
	case ended != nil:
		return e.because("timeout", fmt.Sprintf("no answer within %.1f s; %s", time.Since(began).Seconds(), unknown), err)
	}
	return e.because("interrupted", fmt.Sprintf("the connection broke: %v; %s", err, unknown), err)
}

// answered decodes a good answer, and returns the error of another one.
func (e *Error) answered(response *http.Response, text []byte, answer any) error {
	good := response.StatusCode/100 == 2
	if answer == nil {
		answer = new(any)
	}
	if good && json.Unmarshal(text, answer) == nil {
		return nil
	}
	own := Error{}
	if json.Unmarshal(text, &own) == nil && own.Status == response.StatusCode && own.Reason != "" {
		own.Verb, own.Uncertain = e.Verb, false
		return &own
	}
	e.Status, e.Uncertain = response.StatusCode, response.StatusCode < 300 || response.StatusCode >= 500
	detail := fmt.Sprintf("what answers %q is not rootsd's ingest; is that its port?", response.Status)
	return e.because("answer", detail, nil)
}

// Sent returns the requests that were not sent, as the URL is "null:", in order. The latest 1,000 are kept.
func (c *Connector) Sent() []Sent {
	c.unsent.mu.Lock()
	defer c.unsent.mu.Unlock()
	return slices.Clone(c.unsent.latest)
}

// kept is how many of them are kept.
const kept = 1000

// record keeps what was not sent.
type record struct {
	mu     sync.Mutex // guards latest
	latest []Sent
}

func (r *record) add(verb string, text []byte) {
	s := Sent{Verb: verb}
	_ = json.Unmarshal(text, &s.Body) // it was encoded here, or is empty
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest = append(r.latest[max(0, len(r.latest)-kept+1):], s)
}
