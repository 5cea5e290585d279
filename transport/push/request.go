package push

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// arrival is a client that comes to wait, whatever reads its request.
type arrival struct {
	path        string // of the address, decoded, without the prefix and the slash it begins with: a token, or anything else
	query       string // of the address, as it stands there
	origin      string // the Origin field
	host        string // the Host field
	lastEventID string // the Last-Event-ID field, which browsers send when they reconnect an event stream
	form        Form
	from        peer     // where the request is from
	forwarded   []string // the X-Forwarded-For fields

	pace time.Duration // set by admit: for how long the client is to wait before it asks its back-end; 0 for not at all
}

// peer is the other end of a connection, as "<address>:<port>".
type peer interface{ Peer() string }

const hint = "clients come to the root, or with a token"

// checkAddress refuses what is neither the root nor of a token's form. The error is a *[lane.Problem].
func checkAddress(path string) error {
	if isStrange(path) || strings.Count(path, "/") > 2 {
		return lane.NotFound("/"+path, hint)
	}
	return nil
}

// admit parks w on the session that a's token belongs to or, if there is none, on a fresh one that is connected to the
// open paths that the query names. The error is a *[lane.Problem]; then nothing has changed.
func (p *Push) admit(a *arrival, w Waiter, now time.Time) (s *Session, fresh bool, err error) {
	if err := checkAddress(a.path); err != nil {
		return nil, false, err
	}
	if s, err = p.resume(a, w, now); s != nil || err != nil {
		return s, false, err
	}
	s, err = p.begin(a, w, now)
	return s, err == nil, err
}

// resume parks w on the session that a's token belongs to; nil if there is none.
func (p *Push) resume(a *arrival, w Waiter, now time.Time) (*Session, error) {
	s, cursor := p.known(a)
	if s == nil {
		return nil, nil
	}
	switch err := s.Park(cursor, a.form, w, now); {
	case errors.Is(err, ErrStale):
		return nil, lane.Refuse(http.StatusConflict, "stale", "a newer token of this session was used already; go on with that one")
	case errors.Is(err, ErrEnded), errors.Is(err, ErrAhead):
		return nil, nil
	}
	p.settleIn(s, a, now)
	return s, nil
}

// known returns the session of a's token, and the token's cursor. A browser that reconnects an event stream asks for the
// address that it began with, so what it says that it heard last is newer than that.
func (p *Push) known(a *arrival) (*Session, uint64) {
	if a.form == Events && a.lastEventID != "" {
		if t, ok := parseToken(a.lastEventID); ok {
			if s := p.find(t); s != nil {
				return s, t.cursor
			}
		}
	}
	if t, ok := parseToken(a.path); ok {
		return p.find(t), t.cursor
	}
	return nil, 0
}

// begin parks w on a fresh session.
func (p *Push) begin(a *arrival, w Waiter, now time.Time) (*Session, error) {
	home, err := p.letIn(a, now)
	if err != nil {
		return nil, err
	}
	patterns, err := p.queryPatterns(a.query)
	if err != nil {
		p.turnOut(home, now)
		return nil, err
	}
	s, err := p.open(now)
	if err != nil {
		p.turnOut(home, now)
		return nil, err
	}
	p.homes.keep(s, home)
	if err := p.connectFirst(s, patterns, now); err != nil {
		p.notOpened(home, now)
		p.leave(s)
		return nil, err
	}
	a.pace = p.pace(a, now)
	// One that was kicked already has ended, as w will be told.
	_ = s.Park(0, a.form, w, now)
	return s, nil
}

// connectFirst connects a session to the paths that it is opened with. They cost its client and its address what others
// cost, but nothing of what all clients have: those who open sessions are bounded by a rate of their own.
func (p *Push) connectFirst(s *Session, patterns []dispatch.Pattern, now time.Time) error {
	n := len(patterns)
	if n == 0 {
		return nil
	}
	if err := p.spend(s, n, now); err != nil {
		return err
	}
	err := p.connect(s, dispatch.PathConnect, patterns)
	if err != nil {
		p.charge(s, 1-n, now)
	}
	return err
}

// queryPatterns returns the open paths of a query: "path=public/news&path=public/jobs/*".
func (p *Push) queryPatterns(query string) ([]dispatch.Pattern, error) {
	if query == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, lane.Refuse(http.StatusBadRequest, "query", "the query cannot be read: %v", err)
	}
	return p.openPatterns(values["path"])
}

// superseded is what a poll is answered whose place another has taken.
func superseded() *lane.Problem {
	return lane.Refuse(http.StatusConflict, "superseded", "another poll of this session has come, and is answered instead of this one")
}
