package push

import (
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Stats are what a Push counts, for the operator. All fields may be read at any time.
type Stats struct {
	Opened    atomic.Uint64            // sessions ever opened
	Parked    atomic.Int64             // clients that wait now
	Streams   [Frames + 1]atomic.Int64 // of these, by their Form; polls are the rest, and not counted here
	Messages  atomic.Int64             // that wait in queues now
	Bytes     atomic.Int64             // of memory that these count for
	Holding   atomic.Int64             // sessions whose queue is not empty
	Delivered atomic.Uint64            // updates written to a client's socket, counted once each; gap marks are not updates
	Gapped    atomic.Uint64            // updates that a client was not given but told of by a gap mark
	Published atomic.Uint64            // updates that clients published
	Answers   atomic.Uint64            // polls answered with a session's token, and parts of streams, pings included
	Ended     lane.Tally               // sessions that ended, by how: expired, left, kicked
	Refused   lane.Tally               // requests refused, by reason
	Latency   lane.Histogram
}

// park notes that a client waits, or that one does no more.
func (s *Stats) park(form Form, n int64) {
	s.Parked.Add(n)
	if form != Poll {
		s.Streams[form].Add(n)
	}
}

// queued notes that queues hold so many messages and bytes more, or fewer.
func (s *Stats) queued(messages, bytes int) {
	s.Messages.Add(int64(messages))
	s.Bytes.Add(int64(bytes))
}

// deliver notes that msg was written to a socket for the first time.
func (s *Stats) deliver(msg *dispatch.Message, now time.Time) {
	s.Delivered.Add(1)
	if r := msg.Receipt(); r != nil {
		r.Deliver()
	}
	if accepted := msg.Accepted(); !accepted.IsZero() {
		s.Latency.Observe(now.Sub(accepted))
	}
}
