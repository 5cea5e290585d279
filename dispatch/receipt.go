package dispatch

import "sync/atomic"

// Receipt counts what becomes of one update among the clients that it was for. Its methods may be called from any
// goroutine; the ones that count are called by the clients' sessions.
type Receipt struct {
	matched, delivered, confirmed, gapped, settled atomic.Int64

	closed atomic.Bool // Close was called: matched is final
	done   chan struct{}
	told   atomic.Bool // done is closed
}

// Counts is a Receipt as the back-end that waits for it sees it.
type Counts struct {
	Matched   int64 `json:"matched"`   // clients connected to the path
	Delivered int64 `json:"delivered"` // written to the client's socket
	Confirmed int64 `json:"confirmed"` // the client has said so
	Gapped    int64 `json:"gapped"`    // not kept: the client is given a gap mark in its place
}

// NewReceipt returns a Receipt that counts nothing yet.
func NewReceipt() *Receipt { return &Receipt{done: make(chan struct{})} }

// Match counts a client that the update is for. It is called while the update is passed on, on the timeline.
func (r *Receipt) Match() { r.matched.Add(1) }

// Deliver counts a client to whose socket the update was written.
func (r *Receipt) Deliver() { r.delivered.Add(1) }

// Confirm counts a client that has confirmed the update.
func (r *Receipt) Confirm() { r.confirmed.Add(1); r.Settle() }

// Gap counts a client that is told of a gap instead of the update.
func (r *Receipt) Gap() { r.gapped.Add(1); r.Settle() }

// Settle counts a client from which nothing more will be heard of the update: its session has ended, or a later update
// took this one's place. Confirm and Gap include it.
func (r *Receipt) Settle() { r.settled.Add(1); r.check() }

// Close says that the update was passed on: no more clients will match. The back-end that waits calls it.
func (r *Receipt) Close() { r.closed.Store(true); r.check() }

// Done is closed once every client that matched is settled.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Counts returns the numbers so far. What happens to a client later is read first, so that whoever is counted there is
// counted in what happens before as well.
func (r *Receipt) Counts() Counts {
	var c Counts
	c.Confirmed, c.Gapped = r.confirmed.Load(), r.gapped.Load()
	c.Delivered = r.delivered.Load()
	c.Matched = r.matched.Load()
	return c
}

func (r *Receipt) check() {
	if r.closed.Load() && r.settled.Load() >= r.matched.Load() && r.told.CompareAndSwap(false, true) {
		close(r.done)
	}
}
