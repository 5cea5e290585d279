package ingest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// How many components of a pattern GET /paths/{path} names: unless it is told otherwise (?limit=), and at most.
const (
	someNamed = 100
	mostNamed = 10_000
)

// link is a connection or permit as GET /clients/{id} shows it.
type link struct {
	Path   dispatch.Pattern `json:"path"`
	Since  *time.Time       `json:"since,omitempty"`
	By     string           `json:"by,omitempty"`
	Lapses string           `json:"lapses_in,omitempty"`
}

// client tells what one client is connected to, what it may publish, and what its session says of itself.
func (i *Ingest) client(w http.ResponseWriter, id dispatch.ID) error {
	info, ok := i.dispatcher.Client(id)
	if !ok {
		return unknownID(id)
	}
	return lane.WriteJSON(w, http.StatusOK, struct {
		ID        dispatch.ID    `json:"id"`
		Connected []link         `json:"connected"`
		Permits   []link         `json:"permits"`
		Session   json.Marshaler `json:"session,omitempty"`
	}{info.ID, i.links(id, info.Connected), i.links(id, info.Permits), describe(info.Component)})
}

// describe returns how a component describes itself, if it does.
func describe(c dispatch.Component) json.Marshaler {
	m, _ := c.(json.Marshaler)
	return m
}

// nameBy names who connected the component with this ID.
func (i *Ingest) nameBy(by, id dispatch.ID) string {
	nameOf := i.settings.Load().NameOf
	switch {
	case by == id:
		return "itself"
	case by == "" || nameOf == nil:
		return "another"
	}
	return nameOf(by)
}

// links shows what the component with this ID is connected to, or is permitted.
func (i *Ingest) links(id dispatch.ID, from []dispatch.Link) []link {
	all := make([]link, len(from))
	for n, l := range from {
		all[n] = link{Path: l.Pattern}
		if !l.Since.IsZero() {
			all[n].Since = &l.Since
			all[n].By = i.nameBy(l.By, id)
		}
		if l.Lapses > 0 {
			all[n].Lapses = l.Lapses.Round(time.Second).String()
		}
	}
	return all
}

// listener is a component as GET /paths/{path} shows it.
type listener struct {
	ID      dispatch.ID    `json:"id"`
	Since   time.Time      `json:"since"`
	By      string         `json:"by"`
	Session json.Marshaler `json:"session,omitempty"`
}

// audience is a pattern as GET /paths/{path} shows it.
type audience struct {
	Pattern   dispatch.Pattern `json:"pattern"`
	Connected int              `json:"connected"`
	Clients   []listener       `json:"clients"`
}

// path tells whom an update at a path would reach, naming as many components of each pattern as ?limit= says.
func (i *Ingest) path(w http.ResponseWriter, r *http.Request, text string) error {
	path, err := dispatch.ParsePath(text)
	if err != nil {
		return lane.Refuse(http.StatusBadRequest, "path", "%v", err).AtField("path")
	}
	limit, err := limitOf(r)
	if err != nil {
		return err
	}
	info := i.dispatcher.Path(path, limit)
	audiences := make([]audience, len(info.Audience))
	for n, a := range info.Audience {
		clients := make([]listener, len(a.Some))
		for m, s := range a.Some {
			clients[m] = listener{s.ID, s.Since, i.nameBy(s.By, s.ID), describe(s.Component)}
		}
		audiences[n] = audience{a.Pattern, a.Connected, clients}
	}
	return lane.WriteJSON(w, http.StatusOK, struct {
		Path     dispatch.Path `json:"path"`
		Matched  int           `json:"matched"`
		Audience []audience    `json:"audience"`
	}{path, info.Matched, audiences})
}

func limitOf(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return someNamed, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 0 || limit > mostNamed {
		return 0, lane.Refuse(http.StatusBadRequest, "limit", "limit must be a number from 0 to %d, not %s", mostNamed, lane.Quote(text)).AtField("limit")
	}
	return limit, nil
}
