package push

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
	"github.com/rootsd/rootsd/transport/lane"
)

// ServeHTTP implements http.Handler: it serves clients at "/" and "/<token>", and what is mounted beside them.
func (p *Push) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

func (p *Push) serve(w http.ResponseWriter, r *http.Request) error {
	a := arrivalOf(r)
	if b, ok := p.beside(a.path); ok {
		b.ServeHTTP(w, r)
		return nil
	}
	if asksForHealth(r.Method, a.path) {
		return p.health(w)
	}
	if err := p.cors(w, r.Method, &a); err != nil {
		return err
	}
	if isStrange(a.path) {
		return lane.NotFound("/"+a.path, hint)
	}
	switch r.Method {
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case http.MethodGet:
		return p.await(w, r, &a)
	case http.MethodPost, http.MethodDelete:
		return p.serveToken(w, r, a.path)
	}
	return lane.MethodNotAllowed(r, "GET, POST, DELETE, OPTIONS")
}

// arrivalOf is what a request says of its client. An Origin that is empty is nobody's, as "null" is.
func arrivalOf(r *http.Request) arrival {
	origin := strings.Join(r.Header["Origin"], ", ")
	if origin == "" && len(r.Header["Origin"]) > 0 {
		origin = "null"
	}
	return arrival{
		path: strings.TrimPrefix(r.URL.Path, "/"), query: r.URL.RawQuery,
		origin: origin, host: r.Host,
		lastEventID: r.Header.Get("Last-Event-ID"), form: formOf(r),
		from: remote(r.RemoteAddr), forwarded: r.Header["X-Forwarded-For"],
	}
}

// remote is a peer on net/http.
type remote string

// Peer implements peer.
func (r remote) Peer() string { return string(r) }

// formOf tells which transport a request asks for.
func formOf(r *http.Request) Form {
	switch {
	case lists(r.Header["Upgrade"], "websocket") && lists(r.Header["Connection"], "upgrade"):
		return Frames
	case lists(r.Header["Accept"], "text/event-stream"):
		return Events
	}
	return Poll
}

// lists tells whether one of the elements of a header field is value, parameters aside.
func lists(field []string, value string) bool {
	for _, line := range field {
		for element := range strings.SplitSeq(line, ",") {
			element, _, _ = strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(element), value) {
				return true
			}
		}
	}
	return false
}

// await serves a client that comes to wait.
func (p *Push) await(w http.ResponseWriter, r *http.Request, a *arrival) error {
	switch a.form {
	case Events:
		return p.events(w, r, a)
	case Frames:
		return p.frames(w, r, a)
	}
	return p.poll(w, r, a)
}

// serveToken does what a client asks of its session beside waiting: publish, leave, and connect to open paths.
func (p *Push) serveToken(w http.ResponseWriter, r *http.Request, text string) error {
	action := ""
	if i := strings.LastIndexByte(text, '/'); strings.Count(text, "/") == 3 {
		text, action = text[:i], text[i+1:]
	}
	t, ok := parseToken(text)
	if !ok {
		return lane.NotFound(r.URL.Path, "that is not a token; back-ends post to ingest.listen, which is another port")
	}
	s := p.find(t)
	if s == nil {
		return lane.Refuse(http.StatusNotFound, "unknown_token", "this session has ended, or never was; open a new one")
	}
	switch {
	case r.Method == http.MethodDelete && action == "", r.Method == http.MethodPost && action == "leave":
		p.leave(s)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case r.Method == http.MethodDelete:
		return lane.MethodNotAllowed(r, "POST")
	case action == "":
		return p.publishing(w, r, s)
	case action == "connect":
		return p.connecting(w, r, s, dispatch.PathConnect)
	case action == "disconnect":
		return p.connecting(w, r, s, dispatch.PathDisconnect)
	}
	return lane.NotFound(r.URL.Path, "after a token may stand leave, connect or disconnect")
}

// publishing publishes a body.
func (p *Push) publishing(w http.ResponseWriter, r *http.Request, s *Session) error {
	return p.hear(w, r, s, func(body []byte, now time.Time) error {
		accepted, err := p.publish(s, body, now)
		if err == nil {
			lane.WriteAccepted(w, accepted)
		}
		return err
	})
}

// hear reads a body with what s's client has to say, unless too much was said already: before the body, which is not
// read then, and again when it is there, because others may have come meanwhile.
func (p *Push) hear(
	w http.ResponseWriter, r *http.Request, s *Session, use func(body []byte, now time.Time) error,
) error {
	if err := p.maySay(s, time.Now()); err != nil {
		return err
	}
	config := p.config()
	return lane.ReadBody(w, r, config.MaxBody, config.BodyTime, func(body []byte) error {
		now := time.Now()
		if err := p.maySay(s, now); err != nil {
			return err
		}
		return use(body, now)
	})
}

// connecting connects a client to open paths, or disconnects it, as it asks.
func (p *Push) connecting(w http.ResponseWriter, r *http.Request, s *Session, command dispatch.Path) error {
	return p.hear(w, r, s, func(body []byte, now time.Time) error {
		patterns, err := p.readPatterns(body)
		if err != nil {
			p.charge(s, 1, now)
			return err
		}
		err = p.say(s, len(patterns), now, func() error { return p.connect(s, command, patterns) })
		if err != nil {
			return err
		}
		return lane.WriteJSON(w, http.StatusOK, struct {
			Paths []dispatch.Pattern `json:"paths"`
		}{patterns})
	})
}

// readPatterns reads an array of open paths.
func (p *Push) readPatterns(body []byte) ([]dispatch.Pattern, error) {
	paths, err := parsePaths(body)
	if err != nil {
		return nil, err
	}
	return p.openPatterns(paths)
}

// parsePaths reads an array of paths.
func parsePaths(body []byte) ([]string, error) {
	scanner := strictjson.NewScanner(body)
	if scanner.AtEnd() {
		return nil, lane.Refuse(http.StatusBadRequest, "empty_body", "the body is empty; send an array of paths")
	}
	paths, err := lane.ScanStrings(&scanner, "path")
	if err == nil {
		err = scanner.End()
	}
	if err != nil {
		return nil, lane.JSONProblem(err)
	}
	return paths, nil
}

// openPatterns checks that a client may connect to paths by itself.
//
// Each is there once in what it returns: to be connected ten thousand times to the same path is work on the timeline, and
// leads to nothing.
func (p *Push) openPatterns(paths []string) ([]dispatch.Pattern, error) {
	patterns, seen := make([]dispatch.Pattern, 0, 1), make(map[dispatch.Pattern]bool)
	for i, text := range paths {
		pattern, err := dispatch.ParsePattern(text)
		if err != nil {
			return nil, lane.Refuse(http.StatusBadRequest, "path", "%v", err).AtEntry(i).AtField("path")
		}
		if !p.isOpen(pattern) {
			return nil, lane.Refuse(http.StatusForbidden, "not_open",
				"%q is not an open path; the application connects clients to it, or push.open in the configuration opens it", text).
				AtEntry(i).AtField("path")
		}
		if !seen[pattern] {
			seen[pattern], patterns = true, append(patterns, pattern)
		}
	}
	return patterns, nil
}

func (p *Push) isOpen(pattern dispatch.Pattern) bool {
	for _, open := range p.config().Open {
		if open.Covers(pattern) {
			return true
		}
	}
	return false
}

// connect gives the command for each of patterns, in the client's own name.
func (p *Push) connect(s *Session, command dispatch.Path, patterns []dispatch.Pattern) error {
	if len(patterns) == 0 {
		return nil
	}
	updates := make([]dispatch.Update, len(patterns))
	for i, pattern := range patterns {
		updates[i] = dispatch.Command(command, s.id(), pattern, 0)
	}
	err := p.dispatcher.Apply(s.id(), updates...)
	if err == nil {
		return nil
	}
	var at *dispatch.UpdateError
	if errors.As(err, &at) {
		// The command's path is our own affair; the client gave a pattern.
		at.Path = dispatch.Path(patterns[at.Index])
	}
	return lane.DispatchProblem(err).AtField("path")
}
