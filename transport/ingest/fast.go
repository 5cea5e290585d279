package ingest

import (
	"net/http"

	"github.com/rootsd/rootsd/transport/lane"
)

// This file is ingest on the event loops: an update goes from the bytes of a back-end's request to the clients' sessions
// without changing goroutine.

// Fast returns what serves back-ends on event loops.
func (i *Ingest) Fast() lane.Fast { return fast{Ingest: i} }

type fast struct {
	lane.NeverParks
	*Ingest
}

const acceptedHead = "Content-Type: application/json\r\nCache-Control: no-store\r\n"

// ServeFast implements [lane.Fast]. Updates are served here; the other POSTs, and whatever is wrong, as on net/http but in
// place; and by net/http itself what takes long: looking, and waiting for receipts.
func (f fast) ServeFast(c *lane.Conn, r *lane.Request) bool {
	if r.Method != http.MethodPost {
		return false
	}
	if r.Path != "/update" || r.Query != "" {
		return c.ServeHTTP(f.Ingest, r)
	}
	config := f.settings.Load()
	if config.Guard.CheckAsker(lane.Asker{Host: r.Host, Origin: r.Origin, Site: r.Site, Authorization: r.Authorization}) != nil ||
		len(r.Body) > config.MaxBody {
		return c.ServeHTTP(f.Ingest, r)
	}
	rules := lane.Rules{MaxMessage: config.MaxMessage, MaxWait: config.MaxWait, Options: true}
	batch, err := rules.ParseUpdates(r.Body)
	switch {
	case err == nil && batch.Receipts != nil:
		return false
	case err != nil:
		return c.ServeHTTP(f.Ingest, r)
	}
	// Nothing is changed by updates that are refused, so that they can be refused once more for the answer.
	if f.dispatcher.Apply(f.id, batch.Updates...) != nil {
		return c.ServeHTTP(f.Ingest, r)
	}
	f.stats.Published.Add(uint64(len(batch.Updates)))
	c.Answer(acceptedHead, lane.AppendAccepted(c.Room(), len(batch.Updates)))
	return true
}
