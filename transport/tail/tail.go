// Package tail shows what goes by: it streams the updates of the timeline to an operator who watches.
//
// Each watcher is a delegate of the Controller for as long as its request lasts, so it sees everything, commands and all,
// in the timeline's order. One that reads too slowly misses updates and is told how many; it never holds up the others.
package tail

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Tail serves GET requests with a stream of what goes by, one [Line] of JSON a line: all of it, or what matches ?pattern=.
type Tail struct {
	controller *dispatch.Controller
	handler    lane.Handler
	refused    lane.Tally
	buffer     int
	dropped    atomic.Uint64
	met        *lane.Met
	drain      chan struct{}
	drainOnce  sync.Once
}

// Line is one update as a watcher sees it, or a note that some were left out.
type Line struct {
	Time    time.Time       `json:"time,omitzero"`
	Sender  dispatch.ID     `json:"sender,omitempty"`
	Path    dispatch.Path   `json:"path,omitempty"`
	Message json.RawMessage `json:"message,omitempty"`
	Dropped uint64          `json:"dropped,omitempty"` // updates that came by before this line and were left out
}

// New makes a Tail that keeps up to buffer updates for a watcher who reads slowly.
func New(controller *dispatch.Controller, buffer int, log *slog.Logger) *Tail {
	t := &Tail{controller: controller, buffer: buffer, drain: make(chan struct{})}
	t.handler = lane.Handler{Serve: t.serve, Refused: &t.refused, Log: log}
	return t
}

// Report has met told when a watcher's buffer is full. It is called before anything is served.
func (t *Tail) Report(met *lane.Met) { t.met = met }

// Dropped returns how many updates watchers have missed.
func (t *Tail) Dropped() uint64 { return t.dropped.Load() }

// Drain ends all streams, and those that begin later.
func (t *Tail) Drain() { t.drainOnce.Do(func() { close(t.drain) }) }

// ServeHTTP implements http.Handler.
func (t *Tail) ServeHTTP(w http.ResponseWriter, r *http.Request) { t.handler.ServeHTTP(w, r) }

func (t *Tail) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return lane.MethodNotAllowed(r, "GET")
	}
	watcher := &watcher{lines: make(chan Line, t.buffer), met: t.met}
	if text := r.URL.Query().Get("pattern"); text != "" {
		pattern, err := dispatch.ParsePattern(text)
		if err != nil {
			return lane.Refuse(http.StatusBadRequest, "path", "%q: %v", text, err).AtField("pattern")
		}
		watcher.pattern = pattern
	}
	remove := t.controller.Delegate(watcher)
	defer remove()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	control := http.NewResponseController(w)
	if err := control.Flush(); err != nil {
		return err
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // messages stand there as they were sent
	t.stream(out, control, watcher, r.Context().Done())
	return nil
}

// stream writes what the watcher is told, until its reader has gone or the daemon stops.
func (t *Tail) stream(out *json.Encoder, control *http.ResponseController, watcher *watcher, gone <-chan struct{}) {
	for {
		select {
		case line := <-watcher.lines:
			t.dropped.Add(line.Dropped)
			if out.Encode(line) != nil {
				return
			}
			if len(watcher.lines) == 0 && control.Flush() != nil {
				return
			}
		case <-gone:
			return
		case <-t.drain:
			return
		}
	}
}

// watcher is one who watches, as a delegate of the Controller.
type watcher struct {
	pattern dispatch.Pattern // "" for everything
	lines   chan Line
	met     *lane.Met
	dropped uint64 // since the last line; only used on the timeline
}

// Update implements [dispatch.Component].
func (w *watcher) Update(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	if w.pattern != "" && !w.pattern.Matches(path) {
		return
	}
	line := Line{time.Now(), sender, path, json.RawMessage(msg.JSON()), w.dropped}
	select {
	case w.lines <- line:
		w.dropped = 0
	default:
		w.dropped++
		w.met.Note("limits.tail_buffer")
	}
}
