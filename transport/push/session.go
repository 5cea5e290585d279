package push

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// Session is one client's mailbox: a component that keeps what it is told until the client has confirmed it. Its methods
// may be called from any goroutine. None of them blocks.
type Session struct {
	push   *Push
	id     dispatch.ID
	secret [secretLength]byte
	opened instant
	place  place // where it stands in the wheel, whose lock guards it

	mu       sync.Mutex // guards what follows; taken on the timeline, so never held while anything waits
	queue    queue
	patterns []dispatch.Pattern // those with wildcards that it is connected to, for marks that stand for many paths
	waiter   Waiter             // who waits for something to happen here; nil when nobody does
	deadline instant            // parked: when to answer with nothing; otherwise: when to expire
	quiet    instant            // no answer with updates before this: the last one went out so recently
	gapped   uint32             // how many updates were lost to limits
	ended    bool
}

// instant is a time in nanoseconds since a Push began: a third of a time.Time, of which a session keeps several.
type instant int64

func (i instant) add(d time.Duration) instant { return i + instant(d) }

func (i instant) sub(earlier instant) time.Duration { return time.Duration(i - earlier) }

// Waiter is parked on a session by whoever serves its client.
type Waiter interface {
	// Wake says that [Session.Ready] may have a new answer. It is called with the session's lock held, often on the
	// timeline: it must not block, and must not call the session. It may be called more than once.
	Wake()
}

// Why a session does not let a [Waiter] park.
var (
	ErrEnded = errors.New("the session has ended")
	ErrStale = errors.New("a newer token of this session was used already")
	ErrAhead = errors.New("the cursor is of a token that was never given out")
)

// Update implements [dispatch.Component].
func (s *Session) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if path == dispatch.PathKick && s.kicked(msg) {
		s.endLocked()
		s.push.forget(s, "kicked")
		return
	}
	s.notePattern(path, msg)
	if r := msg.Receipt(); r != nil {
		r.Match()
	}
	defer s.countLocked(len(s.queue.entries), s.queue.bytes)
	s.queue.put(path, msg)
	s.gapLocked(s.queue.trim(s.push.config().Queue, s.patterns))
	if s.waiter != nil {
		s.waiter.Wake()
	}
}

// kicked tells whether a message at PathKick is for this session. One that a back-end has connected to that path hears
// of others' kicks as well.
func (s *Session) kicked(msg *dispatch.Message) bool {
	id, _ := msg.Text()
	return id == string(s.id)
}

// notePattern keeps the list of patterns true: a connect is confirmed with a blank message at the pattern, and no update
// can have a pattern's path.
func (s *Session) notePattern(path dispatch.Path, msg *dispatch.Message) {
	if path == dispatch.PathDisconnected {
		text, _ := msg.Text()
		is := func(p dispatch.Pattern) bool { return string(p) == text }
		s.patterns = slices.DeleteFunc(s.patterns, is)
		return
	}
	pattern := dispatch.Pattern(path)
	if msg.Blank() && pattern.Wild() && !slices.Contains(s.patterns, pattern) {
		s.patterns = append(s.patterns, pattern)
	}
}

func (s *Session) gapLocked(lost int) {
	if lost > 0 {
		s.gapped += uint32(lost)
		s.push.stats.Gapped.Add(uint64(lost))
	}
}

// countLocked notes how the queue has changed since it held so many messages and bytes.
func (s *Session) countLocked(messages, bytes int) {
	s.push.stats.queued(len(s.queue.entries)-messages, s.queue.bytes-bytes)
}

// Park confirms everything up to cursor and has w woken when there is something for the client. A waiter that was parked
// before is superseded: it is woken, and [Session.Ready] tells it so. The errors are ErrEnded, ErrStale and ErrAhead;
// they change nothing.
func (s *Session) Park(cursor uint64, w Waiter, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ErrEnded
	case cursor < s.queue.confirmed:
		return ErrStale
	case cursor > s.queue.sent:
		return ErrAhead
	}
	config := s.push.config()
	defer s.countLocked(len(s.queue.entries), s.queue.bytes)
	// The client can be quicker to confirm than the writer is to say that it wrote.
	s.wroteLocked(cursor, now)
	s.queue.confirm(cursor)
	s.gapLocked(s.queue.expire(config.Queue.Age, now))
	if s.waiter != nil {
		s.waiter.Wake()
	} else {
		s.push.stats.Parked.Add(1)
	}
	s.waiter = w
	s.deadline = s.push.instant(now).add(config.Hold)
	return nil
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
	s.push.stats.Parked.Add(-1)
}

// State is what a parked waiter is to do.
type State int

// The states of a waiter.
const (
	Hold       State = iota // go on waiting
	Answer                  // take the answer
	Superseded              // another waiter has taken its place
	Ended                   // the session is no more
)

// Ready says what w is to do. For Hold, a wait above 0 says when to ask again even if nothing wakes it: something is
// there, but the last answer went out so recently that more may come by then.
func (s *Session) Ready(w Waiter, now time.Time) (state State, wait time.Duration) {
	at := s.push.instant(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return Ended, 0
	case s.waiter != w:
		return Superseded, 0
	case s.push.draining.Load(), at >= s.deadline:
		return Answer, 0
	case len(s.queue.entries) == 0:
		return Hold, 0
	case at < s.quiet:
		return Hold, s.quiet.sub(at)
	}
	return Answer, 0
}

// Take appends the answer to dst, {"updates":[…],"reconnectWith":"<token>"}, and takes w away. seq is for
// [Session.Wrote]. If w was superseded or the session has ended since it asked, ok is false and nothing has changed.
func (s *Session) Take(dst []byte, w Waiter, now time.Time) (answer []byte, seq uint64, ok bool) {
	var few [8]entry // enough for most answers
	entries, seq, ok := s.take(few[:0], w, now)
	if !ok {
		return dst, 0, false
	}
	dst = append(dst, `{"updates":[`...)
	for i := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, entries[i].message.Wire(entries[i].path)...)
	}
	return s.appendEnd(dst, seq), seq, true
}

// take does the part of Take that needs the lock. The timeline does not wait while the answer is put together.
func (s *Session) take(dst []entry, w Waiter, now time.Time) (entries []entry, seq uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiter != w {
		return nil, 0, false
	}
	s.unparkLocked(now)
	defer s.countLocked(len(s.queue.entries), s.queue.bytes)
	entries, seq = s.queue.take(dst)
	if len(entries) > 0 {
		s.quiet = s.push.instant(now).add(s.push.config().Bundle)
	}
	return entries, seq, true
}

// Nothing appends an answer without updates, whose token confirms no more than what is confirmed: for a client that can
// wait no longer, and for one whose session has [Ended], to which the token is known no more, so that its next poll opens
// a new session and the back-end is asked again.
func (s *Session) Nothing(dst []byte) []byte {
	s.mu.Lock()
	confirmed := s.queue.confirmed
	s.mu.Unlock()
	return s.appendEnd(append(dst, `{"updates":[`...), confirmed)
}

func (s *Session) appendEnd(dst []byte, cursor uint64) []byte {
	dst = append(dst, `],"reconnectWith":"`...)
	dst = appendToken(dst, s.id, cursor, s.secret[:])
	return append(dst, "\"}\n"...)
}

// Wrote notes that an answer was written to the client's socket.
func (s *Session) Wrote(seq uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wroteLocked(seq, now)
}

func (s *Session) wroteLocked(seq uint64, now time.Time) {
	s.queue.wrote(seq, func(m *dispatch.Message) { s.push.stats.deliver(m, now) })
}

// look is what the wheel does with the session: it wakes a waiter whose time is up, drops messages that are too old, and
// ends a session that nobody came back for, of which expired tells. It returns when to look again; ok is false for never.
func (s *Session) look(now time.Time) (again time.Duration, ok, expired bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return 0, false, false
	}
	config := s.push.config()
	term := config.Hold
	if s.waiter == nil {
		term = config.Expire
	}
	at := s.push.instant(now)
	// The configuration may have changed since the deadline was set.
	s.deadline = min(s.deadline, at.add(term))
	left := s.deadline.sub(at)
	if left <= 0 && s.waiter == nil {
		return 0, false, s.endLocked()
	}
	if left <= 0 {
		s.waiter.Wake()
	}
	defer s.countLocked(len(s.queue.entries), s.queue.bytes)
	s.gapLocked(s.queue.expire(config.Queue.Age, now))
	// A client that parks or goes after this gets a deadline that may come before that of now, but not before this.
	soonest := min(config.Hold, config.Expire)
	if left <= 0 || left > soonest {
		left = soonest
	}
	return left, true, false
}

// wake has a waiter look again.
func (s *Session) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiter != nil {
		s.waiter.Wake()
	}
}

// end ends the session and reports whether it was this call that did.
func (s *Session) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.endLocked()
}

func (s *Session) endLocked() bool {
	if s.ended {
		return false
	}
	s.ended = true
	defer s.countLocked(len(s.queue.entries), s.queue.bytes)
	s.queue.clear()
	if s.waiter != nil {
		s.waiter.Wake()
		s.push.stats.Parked.Add(-1)
		s.waiter = nil
	}
	return true
}

// holds tells whether secret is the session's, in a time that does not depend on where it differs.
func (s *Session) holds(secret string) bool {
	return subtle.ConstantTimeCompare(s.secret[:], []byte(secret)) == 1
}

// MarshalJSON describes the session to people who ask why something does or does not arrive.
func (s *Session) MarshalJSON() ([]byte, error) { return json.Marshal(s.describe()) }

// description is a session as people see it.
type description struct {
	Transport string    `json:"transport"`
	Since     time.Time `json:"since"`
	Parked    bool      `json:"parked"`
	Until     time.Time `json:"until"` // when an empty answer is due or, if it is not parked, when it expires
	Queued    int       `json:"queued"`
	Bytes     int       `json:"bytes"`
	Cursor    uint64    `json:"cursor"`
	Confirmed uint64    `json:"confirmed"`
	Gapped    uint32    `json:"gapped"`
}

func (s *Session) describe() description {
	s.mu.Lock()
	defer s.mu.Unlock()
	return description{
		"long-poll", s.push.time(s.opened), s.waiter != nil, s.push.time(s.deadline),
		len(s.queue.entries), s.queue.bytes, s.queue.last, s.queue.confirmed, s.gapped,
	}
}
