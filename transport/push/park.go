package push

import (
	"errors"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// This file is what a transport does with a session: it parks on it, asks what to do when it is woken, takes what there
// is and says when that was written. A poll is parked until it has taken one answer; a stream stays parked, and takes
// part by part.

// Why a session does not let a [Waiter] park.
var (
	ErrEnded = errors.New("the session has ended")
	ErrStale = errors.New("a newer token of this session was used already")
	ErrAhead = errors.New("the cursor is of a token that was never given out")
)

// Park confirms everything up to cursor and has w woken when there is something for the client, which everything beyond
// cursor is, given before or not. A waiter that was parked before is superseded: it is woken, and [Session.Ready] tells
// it so. The errors are ErrEnded, ErrStale and ErrAhead; they change nothing.
func (s *Session) Park(cursor uint64, form Form, w Waiter, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ErrEnded
	case cursor < s.queue.confirmed:
		return ErrStale
	case cursor > s.queue.sent():
		return ErrAhead
	}
	s.confirmLocked(cursor, now)
	s.queue.again()
	if s.waiter != nil {
		s.waiter.Wake()
		s.push.stats.park(s.form, -1)
	}
	s.push.stats.park(form, 1)
	s.waiter, s.form = w, form
	s.deadline = s.push.instant(now).add(s.push.config().Hold)
	return nil
}

// Confirm confirms everything up to cursor, for a client that does so without coming back. A cursor that is older than
// one that was confirmed changes nothing. The errors are ErrEnded and ErrAhead; they change nothing.
func (s *Session) Confirm(cursor uint64, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ErrEnded
	case cursor > s.queue.sent():
		return ErrAhead
	case cursor > s.queue.confirmed:
		s.confirmLocked(cursor, now)
	}
	return nil
}

func (s *Session) confirmLocked(cursor uint64, now time.Time) {
	defer s.countLocked(s.queue.size())
	// The client can be quicker to confirm than the writer is to say that it wrote.
	s.wroteLocked(cursor, now)
	s.queue.confirm(cursor)
	s.expireLocked(now)
}

// Unpark takes w away, if it is still the one that is parked: its client has gone.
func (s *Session) Unpark(w Waiter, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiter == w {
		s.unparkLocked(now)
	}
}

func (s *Session) unparkLocked(now time.Time) {
	s.waiter = nil
	s.deadline = s.push.instant(now).add(s.push.config().Expire)
	s.push.stats.park(s.form, -1)
}

// State is what a parked waiter is to do.
type State int

// The states of a waiter.
const (
	Hold       State = iota // go on waiting
	Answer                  // take what there is: updates, an empty answer or a ping
	Superseded              // another waiter has taken its place
	Ended                   // the session is no more
	Draining                // the daemon stops, and a stream has been given all that there is
)

// Ready says what w is to do. For Hold, a wait above 0 says when to ask again even if nothing wakes it: something is
// there, but the last answer to a poll went out so recently that more may come by then.
func (s *Session) Ready(w Waiter, now time.Time) (state State, wait time.Duration) {
	at := s.push.instant(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return Ended, 0
	case s.waiter != w:
		return Superseded, 0
	case s.form != Poll:
		return s.readyStreamLocked(at), 0
	case s.push.draining.Load(), at >= s.deadline:
		return Answer, 0
	case !s.queue.pending():
		return Hold, 0
	case at < s.quiet:
		return Hold, s.quiet.sub(at)
	}
	return Answer, 0
}

func (s *Session) readyStreamLocked(at instant) State {
	switch {
	case s.queue.pending():
		return Answer
	case s.push.draining.Load():
		return Draining
	case at >= s.deadline:
		return Answer
	}
	return Hold
}

// takeMost is how many bytes a stream takes at once, so that a slow reader needs no large buffer.
const takeMost = 64 << 10

// Take appends what is there for w to dst. seq is for [Session.Wrote].
//
//   - For [Poll] it is the answer {"updates":[…],"reconnectWith":"<token>"} with all there is, and w is parked no more.
//   - For [Events] it is an event for each update, whose ID is the token that confirms it, or a comment if there is none.
//   - For [Frames] it is a text frame with an object as for a poll, or a ping if there is no update.
//
// A stream takes about 64 KiB at most, and stays parked; the rest is there for the next Take, of which Ready tells. If w
// was superseded or the session has ended since it asked, ok is false and nothing has changed.
func (s *Session) Take(dst []byte, w Waiter, now time.Time) (answer []byte, seq uint64, ok bool) {
	var few [8]entry // enough for most answers
	entries, form, seq, ok := s.take(few[:0], w, now)
	if !ok {
		return dst, 0, false
	}
	switch form {
	case Events:
		dst = s.appendEvents(dst, entries)
	case Frames:
		dst = s.appendFrames(dst, entries, seq)
	default:
		dst = append(s.appendAnswer(dst, entries, seq), '\n')
	}
	return dst, seq, true
}

// take does the part of Take that needs the lock. The timeline does not wait while the answer is put together.
func (s *Session) take(dst []entry, w Waiter, now time.Time) (entries []entry, form Form, seq uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiter != w {
		return nil, 0, 0, false
	}
	defer s.countLocked(s.queue.size())
	if s.form != Poll {
		s.deadline = s.push.instant(now).add(s.push.config().Hold)
		entries, seq = s.queue.take(dst, takeMost)
		return entries, s.form, seq, true
	}
	s.unparkLocked(now)
	entries, seq = s.queue.take(dst, everyEntry)
	if len(entries) > 0 {
		s.quiet = s.push.instant(now).add(s.push.config().Bundle)
	}
	return entries, Poll, seq, true
}

// Wrote notes that what was taken up to seq was written to the client's socket. What a stream has written is kept for a
// client that comes back without having got it, as far as [Config.Resume] goes.
func (s *Session) Wrote(seq uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wroteLocked(seq, now)
	if s.form == Poll || s.queue.held == nil {
		return
	}
	defer s.countLocked(s.queue.size())
	config := s.push.config()
	s.queue.held.keep(config.Resume, seq, config.Queue, s.listPatterns())
}

func (s *Session) wroteLocked(seq uint64, now time.Time) {
	s.queue.wrote(seq, func(m *dispatch.Message) { s.push.stats.deliver(m, now) })
}
