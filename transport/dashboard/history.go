package dashboard

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// How many events GET /dashboard/events tells: unless it is told otherwise (?limit=), and at most.
const (
	usualEvents = 100
	mostEvents  = 10_000
)

// history keeps the latest commands that were obeyed, as they came by. What they say is read when somebody asks.
type history struct {
	mu    sync.Mutex // guards what follows; taken on the timeline, so never held for long
	ring  []command  // command n stands at n modulo its length
	count uint64     // how many commands there ever were
}

// command is one that was obeyed.
type command struct {
	time    time.Time
	sender  dispatch.ID
	path    dispatch.Path
	message *dispatch.Message
}

// event is a command as people see it.
type event struct {
	Time      time.Time        `json:"time"`
	What      string           `json:"what"`
	ID        dispatch.ID      `json:"id"`
	Pattern   dispatch.Pattern `json:"pattern,omitempty"`
	By        dispatch.ID      `json:"by"`
	Component string           `json:"component"`
}

// readAtOnce is how many commands are copied before the timeline gets its turn: a hundredth of a millisecond.
const readAtOnce = 256

func newHistory(size int) *history { return &history{ring: make([]command, size)} }

// Update implements [dispatch.Component]: it is told of commands that were obeyed.
func (h *history) Update(sender dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	switch path {
	case dispatch.PathConnect, dispatch.PathDisconnect, dispatch.PathPermit, dispatch.PathForbid, dispatch.PathKick, dispatch.PathGone:
	default:
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) > 0 {
		h.ring[h.count%uint64(len(h.ring))] = command{time.Now(), sender, path, msg}
	}
	h.count++
}

// size returns how many commands are kept, and how many are not any more.
func (h *history) size() (kept, forgotten uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	kept = min(h.count, uint64(len(h.ring)))
	return kept, h.count - kept
}

// before appends to dst commands that came before number n, the newest first, of those that are kept, at most
// readAtOnce. It returns the number of the last of them; with none, 0.
func (h *history) before(dst []command, n uint64) ([]command, uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	size := uint64(len(h.ring))
	n = min(n, h.count)
	oldest := h.count - min(h.count, size)
	for range readAtOnce {
		if n <= oldest {
			return dst, 0
		}
		n--
		dst = append(dst, h.ring[n%size])
	}
	return dst, n
}

// events tells what was done last to the client ?id=, or to all.
func (b *Dashboard) events(w http.ResponseWriter, r *http.Request) error {
	limit, err := limitOf(r, usualEvents, mostEvents)
	if err != nil {
		return err
	}
	kept, forgotten := b.history.size()
	return lane.WriteJSON(w, http.StatusOK, struct {
		Events    []event `json:"events"`
		Kept      uint64  `json:"kept"`
		Forgotten uint64  `json:"forgotten"`
	}{b.latest(dispatch.ID(r.URL.Query().Get("id")), limit), kept, forgotten})
}

// latest returns the newest events of a client, or of all where id is "".
func (b *Dashboard) latest(id dispatch.ID, limit int) []event {
	events := []event{}
	for n := uint64(1<<64 - 1); n > 0; {
		var commands []command
		commands, n = b.history.before(nil, n)
		for _, c := range commands {
			if len(events) == limit {
				return events
			}
			if e := c.event(); id == "" || e.ID == id {
				e.Component = b.nameOf(e)
				events = append(events, e)
			}
		}
	}
	return events
}

// event reads what the command says, which is well formed, as it was obeyed.
func (c *command) event() event {
	text, _ := c.message.Text()
	id, pattern, _ := strings.Cut(text, "->")
	return event{
		Time: c.time.UTC(), What: strings.TrimPrefix(string(c.path), "::"),
		ID: dispatch.ID(id), Pattern: dispatch.Pattern(strings.Trim(pattern, "/")), By: c.sender,
	}
}

// nameOf returns the name of the component that gave the command.
func (b *Dashboard) nameOf(e event) string {
	if e.By == e.ID {
		return "itself"
	}
	return b.config.NameOf(e.By)
}
