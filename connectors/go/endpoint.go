package rootsd

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
)

// What a request to an Endpoint may hold.
const (
	largestAsked = 256 << 10 // bytes
	mostAsked    = 1000      // paths
)

// Endpoint is what the browser client asks to be connected: it answers POST …/connect/<id> and POST …/disconnect/<id>
// with the JSON array of paths that a page wants to hear, or no more:
//
//	mux.Handle("/server/", &rootsd.Endpoint{Connector: roots, MayHear: mayHear, Proof: rootsd.HeaderProof(csrfToken)})
//
// It answers 204 when rootsd has done it, 403 without a proof or if one of the paths may not be heard (then none is
// connected), 400 or 413 to what makes no sense, and 502 where rootsd fails. Without MayHear or Proof it refuses
// everything.
type Endpoint struct {
	// Connector is needed.
	Connector *Connector
	// MayHear tells whether whoever is logged in may hear of a path or pattern, which has no slashes at its ends. What
	// it does not know it must refuse. Paths that begin with "::" are refused without asking, but for ::members/<path>.
	MayHear func(r *http.Request, path string) bool
	// Proof tells whether the request comes from a page of the application's own, and not from a page of somebody else
	// in the browser of a user who is logged in. See [HeaderProof].
	Proof func(r *http.Request) bool
	// OnError is told why an answer is 502. Nil: slog is, as a warning.
	OnError func(r *http.Request, err error)
}

// HeaderProof is a proof for [Endpoint], and for the application's other requests: X-CSRF-Token is what token returns,
// which is the one of the user's session. "" proves nothing.
func HeaderProof(token func(r *http.Request) string) func(r *http.Request) bool {
	return func(r *http.Request) bool {
		want := token(r)
		return want != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("X-CSRF-Token")), []byte(want)) == 1
	}
}

// ServeHTTP answers one request.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dir, id := path.Split(r.URL.Path)
	verb := path.Base(dir)
	switch {
	case verb != "connect" && verb != "disconnect" || id == "":
		http.NotFound(w, r)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "POST is wanted here", http.StatusMethodNotAllowed)
	case e.Proof == nil || !e.Proof(r):
		http.Error(w, "the proof that a page of this site asks (a CSRF token) is missing", http.StatusForbidden)
	default:
		e.serve(w, r, verb, id)
	}
}

// serve answers a request that a page of the application has made.
func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request, verb, id string) {
	paths, err := read(http.MaxBytesReader(w, r.Body, largestAsked))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "the body is larger than 256 KiB", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, path := range paths {
		if !e.mayAsk(r, verb, path) {
			http.Error(w, fmt.Sprintf("%q may not be heard", path), http.StatusForbidden)
			return
		}
	}
	if err := e.Connector.Request(r.Context(), verb, grant{ID: id, Paths: paths}, nil); err != nil {
		e.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// read returns the paths that a page asks for, without slashes at their ends.
func read(body io.Reader) ([]string, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	var asked []*string // nil for null, which as a string would be ""
	if json.Unmarshal(text, &asked) != nil || len(asked) == 0 || len(asked) > mostAsked {
		return nil, fmt.Errorf("a JSON array of 1 to %d paths is wanted", mostAsked)
	}
	paths := make([]string, len(asked))
	for i, path := range asked {
		if path == nil {
			return nil, fmt.Errorf("path %d is null", i)
		}
		paths[i] = strings.Trim(*path, "/")
	}
	return paths, nil
}

// mayAsk tells whether a page may be connected to a path, or disconnected from it.
func (e *Endpoint) mayAsk(r *http.Request, verb, path string) bool {
	if strings.HasPrefix(path, "::") && !strings.HasPrefix(path, "::members/") {
		return false
	}
	return verb == "disconnect" || e.MayHear != nil && e.MayHear(r, path)
}

// fail answers what rootsd has not done. What it says is wrong with the request, the page is told; the rest is between
// the application and rootsd, and a page tries again.
func (e *Endpoint) fail(w http.ResponseWriter, r *http.Request, err error) {
	var said *Error
	if errors.As(err, &said) && said.Status >= 400 && said.Status < 500 {
		switch said.Status {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		default:
			http.Error(w, said.Detail, http.StatusBadRequest)
			return
		}
	}
	if e.OnError != nil {
		e.OnError(r, err)
	} else {
		slog.WarnContext(r.Context(), "a page could not be connected", "error", err)
	}
	http.Error(w, "the push server does not answer as it should", http.StatusBadGateway)
}
