package dashboard

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Config is what a Dashboard shows, and to whom. All functions may be called from any goroutine.
type Config struct {
	About  func() About              // the daemon, as it is now
	NameOf func(dispatch.ID) string  // the name of the component with this ID, for people
	Events int                       // how many commands are kept for /dashboard/events
	Values func() map[string]float64 // the numbers, by metric; called while somebody looks
	Live   *dispatch.Controller      // the timeline on which the numbers are posted
	Viewed func() bool               // whether anybody is there to hear it
}

// About is a daemon, and what it is made of.
type About struct {
	Name       string      `json:"name"`
	Version    string      `json:"version"`
	Started    time.Time   `json:"started"`
	PID        int         `json:"pid"`
	Components []Component `json:"components"`
}

// Component is a part of the daemon as people see it.
type Component struct {
	Name    string `json:"name"`
	Side    Side   `json:"side"`
	Listens string `json:"listens"` // a URL; "" where it does not
	About   string `json:"about"`   // what it does, in a few words
	Off     bool   `json:"off"`
	Setting string `json:"setting"` // what turns it on; "" where nothing does
}

// Side is where updates meet a component.
type Side string

// The sides.
const (
	Receiver Side = "receiver" // gives updates to the timeline
	Heart    Side = "heart"    // is the timeline
	Sender   Side = "sender"   // is told of updates
)

// Dashboard serves what the page asks for. It implements http.Handler.
type Dashboard struct {
	config     Config
	dispatcher *dispatch.Dispatcher
	history    *history
	mux        *http.ServeMux
	refused    lane.Tally
	walk       chan struct{} // held by the one request that walks over the paths: it may take much memory for a while

	done    chan struct{} // closed when the ticker is to end
	ended   sync.Once
	running sync.WaitGroup // the ticker
}

// New makes a Dashboard of what goes on below d, and begins to keep the commands. Close it when it is done with.
func New(config Config, d *dispatch.Dispatcher, log *slog.Logger) *Dashboard {
	b := &Dashboard{
		config: config, dispatcher: d, history: newHistory(config.Events),
		mux: http.NewServeMux(), walk: make(chan struct{}, 1), done: make(chan struct{}),
	}
	b.handle("/dashboard/about", b.about, log)
	b.handle("/dashboard/paths", b.paths, log)
	b.handle("/dashboard/events", b.events, log)
	b.handle("/", b.nothing, log)
	d.Observe(b.history)
	b.running.Go(b.tick)
	return b
}

// handle has serve answer GET requests for path.
func (b *Dashboard) handle(path string, serve func(http.ResponseWriter, *http.Request) error, log *slog.Logger) {
	b.mux.Handle(path, lane.Handler{Refused: &b.refused, Log: log, Serve: func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return lane.MethodNotAllowed(r, "GET, HEAD")
		}
		return serve(w, r)
	}})
}

// ServeHTTP implements http.Handler, for the addresses below /dashboard/.
func (b *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.mux.ServeHTTP(w, r) }

// Refused counts the requests that were refused, by reason.
func (b *Dashboard) Refused() *lane.Tally { return &b.refused }

// Close ends the numbers and forgets the commands; it returns when nothing of b is running any more. The error is always
// nil.
func (b *Dashboard) Close() error {
	b.dispatcher.Observe(nil)
	b.ended.Do(func() { close(b.done) })
	b.running.Wait()
	return nil
}

func (b *Dashboard) about(w http.ResponseWriter, _ *http.Request) error {
	return lane.WriteJSON(w, http.StatusOK, b.config.About())
}

func (b *Dashboard) nothing(_ http.ResponseWriter, r *http.Request) error {
	return lane.NotFound(r.URL.Path, "here are /dashboard/about, /dashboard/paths and /dashboard/events")
}

// limitOf reads ?limit=, which is to be from 0 to most; without it, it is usual.
func limitOf(r *http.Request, usual, most int) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return usual, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 0 || limit > most {
		return 0, lane.Refuse(http.StatusBadRequest, "limit", "limit must be a number from 0 to %d, not %s", most, lane.Quote(text)).
			AtField("limit")
	}
	return limit, nil
}
