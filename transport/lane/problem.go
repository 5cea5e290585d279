package lane

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/rootsd/rootsd/dispatch"
)

// Problem is a refused request: an error, and what the one who asked is told of it, as application/problem+json (RFC
// 9457). The zero value of an optional member is left out.
type Problem struct {
	Title  string `json:"title"`            // the kind of problem, the same each time: the text of Status
	Status int    `json:"status"`           // the HTTP status
	Reason string `json:"reason"`           // a short word for programs and metrics: "unknown_id", "token"
	Detail string `json:"detail"`           // what is wrong here and how it should be
	Entry  *int   `json:"entry,omitempty"`  // which of several updates or paths, counted from 0
	Field  string `json:"field,omitempty"`  // which member of it
	Offset *int   `json:"offset,omitempty"` // where in the body, in bytes from 0

	header http.Header
}

// Refuse makes a Problem. reason is one word; detail is formatted as by fmt.Sprintf.
func Refuse(status int, reason, detail string, args ...any) *Problem {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	return &Problem{Title: http.StatusText(status), Status: status, Reason: reason, Detail: detail}
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

// MethodNotAllowed refuses a request's method; allow lists those that are good, separated by ", ".
func MethodNotAllowed(r *http.Request, allow string) *Problem {
	return Refuse(http.StatusMethodNotAllowed, "method", "%s is not for this address; it takes %s", r.Method, allow).
		With("Allow", allow)
}

// NotFound refuses a request for an address that does not exist.
func NotFound(r *http.Request, hint string) *Problem {
	return Refuse(http.StatusNotFound, "address", "there is nothing at %q; %s", r.URL.Path, hint)
}

// DispatchProblem says what an error of package dispatch means to the one who asked.
func DispatchProblem(err error) *Problem {
	p := Refuse(http.StatusBadRequest, "command", "%s", err.Error())
	for _, known := range dispatchProblems {
		if errors.Is(err, known.err) {
			p = Refuse(known.status, known.reason, "%s", err.Error())
		}
	}
	var at *dispatch.UpdateError
	if errors.As(err, &at) {
		p.AtEntry(at.Index)
	}
	return p
}

var dispatchProblems = []struct {
	err    error
	status int
	reason string
}{
	{dispatch.ErrUnknownID, http.StatusNotFound, "unknown_id"},
	{dispatch.ErrNotPermitted, http.StatusForbidden, "not_permitted"},
	{dispatch.ErrReserved, http.StatusForbidden, "reserved"},
	{dispatch.ErrPaths, http.StatusConflict, "too_many_paths"},
	{dispatch.ErrPermits, http.StatusConflict, "too_many_permits"},
}

// Handler serves requests by Serve and turns the errors that it returns into answers. A [Problem] is answered as it is;
// any other error is the daemon's own fault: it is logged, and answered 500 without its text.
type Handler struct {
	Serve   func(w http.ResponseWriter, r *http.Request) error
	Refused *Tally // counts problems by reason
	Log     *slog.Logger
}

// ServeHTTP implements http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h.Serve(w, r)
	if err == nil {
		return
	}
	var p *Problem
	if !errors.As(err, &p) {
		h.Log.Error("request failed", "method", r.Method, "url", r.URL.Path, "err", err)
		p = Refuse(http.StatusInternalServerError, "internal", "rootsd could not do this; its log says why")
	}
	h.Refused.Add(p.Reason)
	h.Log.Debug("refused", "method", r.Method, "remote", r.RemoteAddr, "status", p.Status, "reason", p.Reason, "detail", p.Detail)
	p.write(w)
}

func (p *Problem) write(w http.ResponseWriter) {
	for key, values := range p.header {
		w.Header()[key] = values
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

// WriteJSON answers with v as JSON and a newline.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	return writeJSON(w, status, "application/json", v)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	body = append(body, '\n')
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A write that fails has lost its reader: nobody is left to be told.
	_, _ = w.Write(body)
	return nil
}
