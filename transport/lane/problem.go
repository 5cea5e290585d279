package lane

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rootsd/rootsd/dispatch"
)

// Problem is a refused request: an error, and what the one who asked is told of it, as application/problem+json (RFC
// 9457). Entry, Field and Offset are left out where they say nothing.
type Problem struct {
	Title  string `json:"title"`            // the kind of problem, the same each time: the text of Status
	Status int    `json:"status"`           // the HTTP status
	Reason string `json:"reason"`           // a short word for programs and metrics: "unknown_id", "token"
	Detail string `json:"detail"`           // what is wrong here and how it should be
	Entry  *int   `json:"entry,omitempty"`  // which of several updates or paths, counted from 0
	Field  string `json:"field,omitempty"`  // which member of the update or the body
	Offset *int   `json:"offset,omitempty"` // where in the body, in bytes from 0: the value, name or byte that is wrong

	header  http.Header
	address netip.Addr // whose bound it is; see By
}

// Refuse makes a Problem. reason is one word; detail is formatted as by fmt.Sprintf.
func Refuse(status int, reason, detail string, args ...any) *Problem {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &Problem{Title: http.StatusText(status), Status: status, Reason: reason, Detail: detail}
}

// Quote returns text in quotes for a detail, cut short where it is long: it may be as long as a body.
func Quote(text string) string { return strconv.Quote(clip(text)) }

// clip returns the first bytes of text, with "…" where there are more.
func clip(text string) string {
	const most = 80
	if len(text) <= most {
		return text
	}
	end := most
	for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// AtEntry says which of several entries the problem is in.
func (p *Problem) AtEntry(i int) *Problem { p.Entry = &i; return p }

// AtField says which member of the entry the problem is in.
func (p *Problem) AtField(name string) *Problem { p.Field = name; return p }

// AtOffset says where in the body the problem was found.
func (p *Problem) AtOffset(bytes int) *Problem { p.Offset = &bytes; return p }

// With adds a header field to the answer, such as Allow or Retry-After.
func (p *Problem) With(key, value string) *Problem {
	if p.header == nil {
		p.header = make(http.Header)
	}
	p.header.Set(key, value)
	return p
}

// Again adds after how many seconds to try again, and lets pages of other origins read that.
func (p *Problem) Again(seconds int) *Problem {
	return p.With("Retry-After", strconv.Itoa(seconds)).With("Access-Control-Expose-Headers", "Retry-After")
}

// By says which address does too much, for the log of the daemon; the answer does not say it.
func (p *Problem) By(address netip.Addr) *Problem { p.address = address; return p }

// Soon returns after how many seconds somebody is to try again who found no room: 1 to 5, for each another, so that they
// do not all come back at the same time.
func Soon() int { return 1 + rand.IntN(mostSeconds) }

const mostSeconds = 5

// MethodNotAllowed refuses a request's method; allow lists those that are good, separated by ", ".
func MethodNotAllowed(r *http.Request, allow string) *Problem {
	return Refuse(http.StatusMethodNotAllowed, "method", "%s is not for this address; it takes %s", r.Method, allow).
		With("Allow", allow)
}

// NotFound refuses a request for a path at which there is nothing.
func NotFound(path, hint string) *Problem {
	return Refuse(http.StatusNotFound, "address", "there is nothing at %s; %s", Quote(path), hint)
}

// DispatchProblem says what an error of package dispatch means to the one who asked. The entry is the index of a
// *[dispatch.UpdateError].
func DispatchProblem(err error) *Problem {
	p := Refuse(http.StatusBadRequest, "command", "%v", err)
	for _, known := range dispatchProblems {
		if errors.Is(err, known.err) {
			p = Refuse(known.status, known.reason, "%v", err)
			if known.status == http.StatusServiceUnavailable {
				p = p.Again(Soon())
			}
		}
	}
	var at *dispatch.UpdateError
	if errors.As(err, &at) {
		p = p.AtEntry(at.Index)
	}
	return p
}

var dispatchProblems = []struct {
	err     error
	status  int
	reason  string
	setting string // the bound that is met
}{
	{dispatch.ErrUnknownID, http.StatusNotFound, "unknown_id", ""},
	{dispatch.ErrNotPermitted, http.StatusForbidden, "not_permitted", ""},
	{dispatch.ErrReserved, http.StatusForbidden, "reserved", ""},
	{dispatch.ErrPaths, http.StatusConflict, "too_many_paths", "limits.paths"},
	{dispatch.ErrPermits, http.StatusConflict, "too_many_permits", "limits.permits"},
	{dispatch.ErrSubscriptions, http.StatusServiceUnavailable, "subscriptions", "limits.subscriptions"},
}

// Handler serves requests by Serve and turns the errors that it returns into answers. A [Problem] is answered as it is;
// any other error is the daemon's own fault: it is logged, and answered 500 without its text. So is a panic, but for the
// answer: the connection is closed.
type Handler struct {
	Serve   func(w http.ResponseWriter, r *http.Request) error
	Refused *Tally // counts problems by reason
	Log     *slog.Logger
	Met     *Met              // is told of the bounds that are met; nil: nobody is
	Bounds  map[string]string // the setting that is met where a request is refused, by the reason
}

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.logPanic(r)
	if err := h.Serve(w, r); err != nil {
		h.Refuse(w, err, "method", r.Method, "at", place(r), "remote", r.RemoteAddr)
	}
}

// Refuse answers err, as ServeHTTP does with an error of Serve. about is what the log says of the request: keys and values.
func (h Handler) Refuse(w http.ResponseWriter, err error, about ...any) {
	h.Note(err, about...).write(w)
}

// Note counts and logs err as Refuse does, for what answers in a way of its own.
func (h Handler) Note(err error, about ...any) *Problem {
	log := h.Log.With(about...)
	var p *Problem
	if !errors.As(err, &p) {
		log.Error("request failed", "err", err)
		p = Refuse(http.StatusInternalServerError, "internal", "rootsd could not do this; its log says why")
	}
	h.Refused.Add(p.Reason)
	h.Met.NoteProblem(p, h.Bounds)
	log.Debug("refused", "status", p.Status, "reason", p.Reason, "detail", Logged(p))
	return p
}

// logPanic logs a panic as what it is. net/http would say so as well, but only where it speaks of single connections, at
// debug level.
func (h Handler) logPanic(r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
		h.Log.Error("request panicked", "method", r.Method, "at", place(r), "panic", v, "stack", string(debug.Stack()))
	}
	panic(http.ErrAbortHandler)
}

// place is the first segment of a request's path, for the log. The rest may be a client's secret.
func place(r *http.Request) string {
	path := strings.TrimPrefix(r.URL.Path, "/")
	if end := strings.IndexAny(path, "/;"); end >= 0 { // behind ";" stands a line's message
		path = path[:end]
	}
	return "/" + withoutSecrets(path)
}

// Logged returns what an error says for a log: without what may be a secret. Whoever has brought the token of a session
// or of a port where it does not belong is told what he has said; the log is not.
func Logged(err error) slog.LogValuer { return logged{err} }

type logged struct{ error }

// LogValue implements slog.LogValuer.
func (l logged) LogValue() slog.Value { return slog.StringValue(withoutSecrets(l.Error())) }

var (
	// likeSecret is what may be a secret: a long run of letters and digits, or one that [clip] has cut.
	likeSecret = regexp.MustCompile(`[0-9A-Za-z_-]{16,}…?|[0-9A-Za-z_-]+…`)
	// likeID is such a run that is none: an ID, and perhaps the "-" of the "->" behind it.
	likeID = regexp.MustCompile(`^[0-9A-Za-z_]{1,32}-[0-9A-Za-z]{22}-[0-9]+-?$`)
)

// withoutSecrets returns text with "…" for all that may be a secret, wherever it stands and however it is set off.
func withoutSecrets(text string) string {
	return likeSecret.ReplaceAllStringFunc(text, func(run string) string {
		if likeID.MatchString(run) {
			return run
		}
		return "…"
	})
}

func (p *Problem) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.header)
	_ = writeJSON(w, p.Status, problemType, p)
}
