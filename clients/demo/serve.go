package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxBody is what the body of a request may have, in bytes: the longest entry of the to-do list with every character
// escaped, and many times the paths that the page asks for, both fit.
const maxBody = 4 << 10

// refusal is an error that is answered as it is, in plain words.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

var (
	errNotRunning = refuse(http.StatusServiceUnavailable, "the demo has not been started yet; try again in a moment")
	errSilent     = refuse(http.StatusServiceUnavailable, "rootsd does not answer the demo; try again in a moment")
	errNowhere    = refuse(http.StatusNotFound, "there is nothing at this address of the demo")
)

// route is what answers at one address: get returns what is to be shown, as JSON, and post changes something. The rest of
// the address, after the slash, is for post.
type route struct {
	get  func() any
	post func(r *http.Request, rest string) error
}

// table returns what there is beside the page's files, by first segment.
func (a *App) table() map[string]route {
	return map[string]route{
		"about":      {get: a.about},
		"ticks":      {get: a.locked(func() any { return a.ticks })},
		"jobs":       {get: a.locked(func() any { return viewJobs(a.jobs) })},
		"todo":       {get: a.locked(func() any { return slices.Clone(a.todo.entries) }), post: a.postTodo},
		"tree":       {get: a.locked(func() any { return slices.Clone(a.tree.files) }), post: a.postTree},
		"connect":    {post: a.postConnect},
		"disconnect": {post: a.postDisconnect},
	}
}

// ServeHTTP answers a request for the demo. The path in its URL is relative to where the demo is: "/" is the page, and ""
// the same without the slash, which is put there.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := a.serve(w, r); err != nil {
		writeError(w, err)
	}
}

func (a *App) serve(w http.ResponseWriter, r *http.Request) error {
	if r.URL.Path == "" {
		w.Header().Set("Location", "demo/") // relative, and so right below any prefix
		w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	}
	if strings.HasPrefix(r.URL.Path, "//") {
		return errNowhere // the page's own addresses are relative, and would not fit
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	way, known := a.routes[name]
	if !known {
		return a.serveFile(w, r, name, rest)
	}
	return way.serve(w, r, rest)
}

func (way route) serve(w http.ResponseWriter, r *http.Request, rest string) error {
	switch {
	case way.get != nil && isRead(r):
		if rest != "" {
			return errNowhere
		}
		writeJSON(w, "application/json", http.StatusOK, way.get())
		return nil
	case way.post != nil && r.Method == http.MethodPost:
		if err := checkProof(r); err != nil {
			return err
		}
		if err := way.post(r, rest); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return wrongMethod(w, r, way.get != nil, way.post != nil)
}

// serveFile answers with one of the page's files; the page itself comes with its cookie.
func (a *App) serveFile(w http.ResponseWriter, r *http.Request, name, rest string) error {
	if rest != "" {
		return errNowhere
	}
	if !isRead(r) {
		return wrongMethod(w, r, true, false)
	}
	if name == "" || name == "index.html" {
		w.Header().Set("Cache-Control", "private, no-cache") // a cache must not give one visitor's cookie to another
		giveProof(w, r)
	}
	if !a.files.Serve(w, r, name) {
		return errNowhere
	}
	return nil
}

func isRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

func wrongMethod(w http.ResponseWriter, r *http.Request, get, post bool) error {
	var allow []string
	if get {
		allow = append(allow, http.MethodGet, http.MethodHead)
	}
	if post {
		allow = append(allow, http.MethodPost)
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	return refuse(http.StatusMethodNotAllowed, "this address of the demo takes %s, not %.20q", strings.Join(allow, ", "), r.Method)
}

// locked returns look, run under the lock. What look returns must not share memory with the state.
func (a *App) locked(look func() any) func() any {
	return func() any {
		a.mu.Lock()
		defer a.mu.Unlock()
		return look()
	}
}

// about tells the page what it cannot know: where back-ends send updates, and whether they want a token.
func (a *App) about() any {
	base := ""
	if to := a.ingest.Load(); to != nil {
		base = to.base
	}
	return map[string]any{"ingest": base, "token": a.config.Token() != ""}
}

func (a *App) postTodo(r *http.Request, rest string) error {
	var o order
	if err := readJSON(r, rest, &o); err != nil {
		return err
	}
	return a.change(func() (update, error) {
		message, err := a.todo.obey(o)
		return update{Path: todoPath, Message: message}, err
	})
}

func (a *App) postTree(r *http.Request, rest string) error {
	var asked struct{ Name string }
	if err := readJSON(r, rest, &asked); err != nil {
		return err
	}
	return a.change(func() (update, error) { return a.tree.write(asked.Name) })
}

// readJSON reads the body of a request at an address that ends here into the value at into.
func readJSON(r *http.Request, rest string, into any) error {
	if rest != "" {
		return errNowhere
	}
	return readBody(r, into)
}

func readBody(r *http.Request, into any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return refuse(http.StatusBadRequest, "the body of the request was cut off")
	}
	if len(body) > maxBody {
		return refuse(http.StatusRequestEntityTooLarge, "the body of the request has more than %d bytes", maxBody)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return refuse(http.StatusBadRequest, "the body of the request is not what it should be: %v", err)
	}
	return nil
}

// problem is an error as it is answered (RFC 9457), which is what roots.js reads.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// writeError answers with a sentence that says what is wrong.
func writeError(w http.ResponseWriter, err error) {
	status, detail := http.StatusInternalServerError, "something went wrong in the demo"
	var refused *refusal
	if errors.As(err, &refused) {
		status, detail = refused.status, refused.text
	}
	writeJSON(w, "application/problem+json", status, problem{http.StatusText(status), status, detail})
}

func writeJSON(w http.ResponseWriter, kind string, status int, answer any) {
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err) // all that is answered are plain structs and numbers
	}
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(text) // to a client that may have gone
}
