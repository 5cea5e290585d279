package ingest

import (
	"net/http"
	"strings"
	"sync"

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

// batches are used again and again: the Dispatcher keeps nothing of a batch but its messages.
var batches = sync.Pool{New: func() any { return new(lane.Batch) }}

const acceptedHead = "Content-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"

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
	if !f.passes(config, r) || len(r.Body) > config.MaxBody {
		return c.ServeHTTP(f.Ingest, r)
	}
	rules := lane.Rules{MaxMessage: config.MaxMessage, MaxWait: config.MaxWait, Options: true, Now: c.Now()}
	batch := batches.Get().(*lane.Batch)
	defer func() {
		*batch = lane.Batch{}
		batches.Put(batch)
	}()
	err := rules.ParseInto(batch, r.Body)
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

// known is a Host field that was found to be one of ours, under a configuration.
type known struct {
	config *Config
	host   string
}

// passes tells whether the guard lets r pass. Back-ends call the daemon by the same name every time.
func (f fast) passes(config *Config, r *lane.Request) bool {
	byName := r.Origin == "" && r.Site == "" && len(config.Guard.Tokens) == 0
	if k := f.known.Load(); byName && k != nil && k.config == config && k.host == r.Host {
		return true
	}
	if config.Guard.CheckAsker(lane.Asker{Host: r.Host, Origin: r.Origin, Site: r.Site, Authorization: r.Authorization}) != nil {
		return false
	}
	if byName {
		f.known.Store(&known{config, strings.Clone(r.Host)})
	}
	return true
}
