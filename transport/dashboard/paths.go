package dashboard

import (
	"net/http"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// How many children GET /dashboard/paths names: unless it is told otherwise (?limit=), and at most.
const (
	usualChildren = 200
	mostChildren  = 1000
)

// child is a place in the tree of paths as people see it.
type child struct {
	Segment   string           `json:"segment"`
	Path      dispatch.Pattern `json:"path"`
	Connected int              `json:"connected"`
	Below     int              `json:"below"`
}

// paths tells of the level of the tree of paths that is below ?under=.
func (b *Dashboard) paths(w http.ResponseWriter, r *http.Request) error {
	var under dispatch.Pattern
	if text := r.URL.Query().Get("under"); text != "" {
		var err error
		if under, err = dispatch.ParsePattern(text); err != nil {
			return lane.Refuse(http.StatusBadRequest, "path", "%v", err).AtField("under")
		}
	}
	limit, err := limitOf(r, usualChildren, mostChildren)
	if err != nil {
		return err
	}
	select {
	case b.walk <- struct{}{}:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	info := b.dispatcher.Below(under, limit)
	<-b.walk
	children := make([]child, len(info.Children))
	for i, c := range info.Children {
		children[i] = child(c)
	}
	return lane.WriteJSON(w, http.StatusOK, struct {
		Under    dispatch.Pattern `json:"under"`
		Children []child          `json:"children"`
		More     int              `json:"more"`
		Paths    int              `json:"paths"`
	}{under, children, info.More, info.Patterns})
}
