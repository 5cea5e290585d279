package ingest

import (
	"net/http"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
	"github.com/rootsd/rootsd/transport/lane"
)

// maxTerm is the longest "for" of a connect or permit; who wants it for longer leaves it out.
const maxTerm = 366 * 24 * time.Hour

// order serves one of the commands about a client and some paths: {"id":…,"paths":[…]}, and "for" where it may lapse.
type order struct{ command dispatch.Path }

// orderBody is what its body says.
type orderBody struct {
	id    dispatch.ID
	paths []dispatch.Pattern
	term  time.Duration
}

func (o order) serve(i *Ingest, w http.ResponseWriter, _ *http.Request, body []byte) error {
	b, err := o.parse(body)
	if err != nil {
		return err
	}
	updates := make([]dispatch.Update, len(b.paths))
	for n, pattern := range b.paths {
		updates[n] = dispatch.Command(o.command, b.id, pattern, b.term)
	}
	if _, known := i.dispatcher.Client(b.id); !known {
		return unknownID(b.id)
	}
	if err := i.dispatcher.Apply(i.id, updates...); err != nil {
		return lane.DispatchProblem(err)
	}
	// By now the connection stands: the caller may read its database, and what changes meanwhile waits for the client.
	return lane.WriteJSON(w, http.StatusOK, struct {
		ID    dispatch.ID        `json:"id"`
		Paths []dispatch.Pattern `json:"paths"`
	}{b.id, b.paths})
}

// parse reads the body.
func (o order) parse(body []byte) (b orderBody, err error) {
	names := []string{"id", "paths", "for"}
	if o.command == dispatch.PathDisconnect || o.command == dispatch.PathForbid {
		names = names[:2]
	}
	seen, err := scanBody(body, names, func(name string, value strictjson.Value) error {
		return b.member(name, value)
	})
	if err != nil {
		return b, err
	}
	return b, missing(seen, "id", "paths")
}

func (b *orderBody) member(name string, value strictjson.Value) error {
	if name == "paths" {
		return b.parsePaths(value)
	}
	text, ok := value.Text()
	if !ok {
		return lane.Refuse(http.StatusBadRequest, "bad_body", "%q must be a string, not %s", name, lane.Article(value.Kind)).
			AtOffset(value.Offset)
	}
	if name == "id" {
		b.id = dispatch.ID(text)
		return nil
	}
	var err error
	b.term, err = lane.ParseTerm(text, maxTerm)
	return err
}

func (b *orderBody) parsePaths(value strictjson.Value) error {
	scanner := strictjson.NewScanner(value.Raw)
	texts, err := lane.ScanStrings(&scanner, "path")
	if err != nil {
		// The value is JSON, so this says what kind of it was expected; its offset counts from the body's beginning.
		problem := lane.JSONProblem(err)
		if problem.Offset != nil {
			problem.AtOffset(*problem.Offset + value.Offset)
		}
		return problem
	}
	b.paths = make([]dispatch.Pattern, len(texts))
	for n, text := range texts {
		if b.paths[n], err = dispatch.ParsePattern(text); err != nil {
			return lane.Refuse(http.StatusBadRequest, "path", "%q: %v", text, err).AtEntry(n)
		}
	}
	return nil
}

// kick ends a client's session: {"id":…}.
func (i *Ingest) kick(w http.ResponseWriter, _ *http.Request, body []byte) error {
	var b orderBody
	seen, err := scanBody(body, []string{"id"}, b.member)
	if err == nil {
		err = missing(seen, "id")
	}
	if err != nil {
		return err
	}
	if err := i.dispatcher.Apply(i.id, dispatch.Kick(b.id)); err != nil {
		return lane.DispatchProblem(err)
	}
	return lane.WriteJSON(w, http.StatusOK, struct {
		ID dispatch.ID `json:"id"`
	}{b.id})
}

// scanBody reads a body that is one object.
func scanBody(body []byte, names []string, member func(string, strictjson.Value) error) (seen uint, err error) {
	scanner := strictjson.NewScanner(body)
	if scanner.AtEnd() {
		return 0, lane.Refuse(http.StatusBadRequest, "empty_body", "the body is empty; send an object with %q", names)
	}
	if seen, err = lane.ScanObject(&scanner, names, member); err == nil {
		err = scanner.End()
	}
	if err != nil {
		return seen, lane.JSONProblem(err)
	}
	return seen, nil
}

// missing refuses a body in which one of the first names was not seen.
func missing(seen uint, names ...string) error {
	for n, name := range names {
		if seen&(1<<n) == 0 {
			return lane.Refuse(http.StatusBadRequest, "bad_body", "%q is missing", name).AtField(name)
		}
	}
	return nil
}

func unknownID(id dispatch.ID) *lane.Problem {
	return lane.Refuse(http.StatusNotFound, "unknown_id",
		"no client has the ID %q; it may have gone, and come back with a new one", string(id)).AtField("id")
}
