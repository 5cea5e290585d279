package line

import "sync/atomic"

// Stats count what became of connections and lines since a [Receiver] was made. Lines and connections that have come to
// nothing are counted once, under their reason.
type Stats struct {
	Open         int    // connections there are now
	Accepted     uint64 // connections taken
	Surplus      uint64 // connections closed at once, because MaxConnections were open
	Foreign      uint64 // connections closed, because they opened like HTTP or a binary protocol
	Unauthorized uint64 // connections closed, because their first line did not have a token, or not in time
	TooLong      uint64 // lines longer than MaxLine, each of which has closed its connection

	Lines     uint64 // lines passed on as updates
	Malformed uint64 // lines that Decode refuses
	TooLarge  uint64 // lines whose message is larger than MaxMessage
	UnknownID uint64 // commands for a component that is not, or no more, there
	Refused   uint64 // updates that the Dispatcher would not take for another reason
}

// counters are Stats in the making.
type counters struct {
	accepted, surplus, foreign, unauthorized, tooLong atomic.Uint64
	lines, malformed, tooLarge, unknownID, refused    atomic.Uint64
}

// Stats returns the counts so far. They are not taken at one instant.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	open := len(r.connections)
	r.mu.Unlock()
	return Stats{
		Open:         open,
		Accepted:     r.count.accepted.Load(),
		Surplus:      r.count.surplus.Load(),
		Foreign:      r.count.foreign.Load(),
		Unauthorized: r.count.unauthorized.Load(),
		TooLong:      r.count.tooLong.Load(),
		Lines:        r.count.lines.Load(),
		Malformed:    r.count.malformed.Load(),
		TooLarge:     r.count.tooLarge.Load(),
		UnknownID:    r.count.unknownID.Load(),
		Refused:      r.count.refused.Load(),
	}
}
