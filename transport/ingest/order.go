package ingest

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
	"github.com/rootsd/rootsd/transport/lane"
)

// maxTerm is the longest "for" of a connect or permit; who wants it for longer leaves it out.
const maxTerm = 366 * 24 * time.Hour

// order serves one of the commands about a client and some paths: {"id":…,"paths":[…]}, and "for" where it may lapse.
type order struct {
	command dispatch.Path
	members lane.Members
}

var (
	termMembers  = lane.Members{Names: []string{"id", "paths", "for"}, Needed: 2}
	plainMembers = lane.Members{Names: []string{"id", "paths"}, Needed: 2}
	kickMembers  = lane.Members{Names: []string{"id"}, Needed: 1}
)

// orderBody is what its body says.
type orderBody struct {
	id    dispatch.ID
	paths []dispatch.Pattern
	term  time.Duration
}

func (o order) serve(i *Ingest, config *Config, w http.ResponseWriter, r *http.Request) error {
	var b orderBody
	err := config.read(w, r, func(body []byte) error { return b.parse(o.members, body) })
	if err != nil {
		return err
	}
	if err := o.apply(i, &b); err != nil {
		return err
	}
	// By now the connection stands: the caller may read its database, and what changes meanwhile waits for the client.
	return lane.WriteJSON(w, http.StatusOK, struct {
		ID    dispatch.ID        `json:"id"`
		Paths []dispatch.Pattern `json:"paths"`
	}{b.id, b.paths})
}

// apply gives the commands to the Dispatcher, all or none.
func (o order) apply(i *Ingest, b *orderBody) error {
	// No ID has "->". In a command it would end the ID early, and have the rest of it pass for a path: a client that
	// shows its back-end "<its ID>->secret" must not be connected to a path of its own making.
	if b.id == "" || strings.Contains(string(b.id), "->") {
		return unknownID(b.id)
	}
	if len(b.paths) == 0 {
		if _, known := i.dispatcher.Client(b.id); !known {
			return unknownID(b.id)
		}
		return nil
	}
	updates := make([]dispatch.Update, len(b.paths))
	for n, pattern := range b.paths {
		updates[n] = dispatch.Command(o.command, b.id, pattern, b.term)
	}
	err := i.dispatcher.Apply(i.id, updates...)
	var at *dispatch.UpdateError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, dispatch.ErrUnknownID):
		return unknownID(b.id)
	case errors.As(err, &at):
		// The command's path is our own affair; the caller gave a pattern.
		at.Path = dispatch.Path(b.paths[at.Index])
	}
	return lane.DispatchProblem(err).AtField("paths")
}

// parse reads the body.
func (b *orderBody) parse(members lane.Members, body []byte) error {
	scanner := strictjson.NewScanner(body)
	if scanner.AtEnd() {
		return lane.Refuse(http.StatusBadRequest, "empty_body", "the body is empty; send an object with %s", strings.Join(members.Names, ", "))
	}
	err := members.Scan(&scanner, b.member)
	if err == nil {
		err = scanner.End()
	}
	if err != nil {
		return lane.JSONProblem(err)
	}
	return nil
}

func (b *orderBody) member(name string, value strictjson.Value) (err error) {
	switch name {
	case "id":
		var text string
		text, err = lane.ScanText(name, value)
		b.id = dispatch.ID(text)
	case "paths":
		err = b.parsePaths(value)
	case "for":
		b.term, err = lane.ScanTerm(name, value, maxTerm)
	}
	return err
}

func (b *orderBody) parsePaths(value strictjson.Value) error {
	scanner := strictjson.NewScanner(value.Raw)
	b.paths = []dispatch.Pattern{}
	err := lane.EachString(&scanner, "path", func(text string) error {
		pattern, err := dispatch.ParsePattern(text)
		if err != nil {
			return lane.Refuse(http.StatusBadRequest, "path", "%s: %v", lane.Quote(text), err)
		}
		b.paths = append(b.paths, pattern)
		return nil
	})
	if err == nil {
		return nil
	}
	problem := lane.JSONProblem(err)
	if problem.Offset != nil {
		// The scanner counts from where the array begins, callers from where the body does.
		problem = problem.AtOffset(*problem.Offset + value.Offset)
	}
	return problem
}

// kick ends a client's session: {"id":…}.
func (i *Ingest) kick(config *Config, w http.ResponseWriter, r *http.Request) error {
	var b orderBody
	err := config.read(w, r, func(body []byte) error { return b.parse(kickMembers, body) })
	if err != nil {
		return err
	}
	err = i.dispatcher.Apply(i.id, dispatch.Kick(b.id))
	switch {
	case errors.Is(err, dispatch.ErrUnknownID):
		return unknownID(b.id)
	case err != nil:
		return lane.DispatchProblem(err)
	}
	return lane.WriteJSON(w, http.StatusOK, struct {
		ID dispatch.ID `json:"id"`
	}{b.id})
}

func unknownID(id dispatch.ID) *lane.Problem {
	return lane.Refuse(http.StatusNotFound, "unknown_id",
		"no client has the ID %s; it may have gone, and come back with a new one", lane.Quote(string(id))).AtField("id")
}
