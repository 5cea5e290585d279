package push

import (
	"crypto/subtle"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Session is one client's mailbox: a component that keeps what it is told until the client has confirmed it. Its methods
// may be called from any goroutine. None of them blocks. The fields stand so that none leaves room unused.
type Session struct {
	push   *Push
	seat   dispatch.Seat
	place  lane.Place // where it stands in the wheel, whose lock guards it
	opened uint32     // seconds since Push.origin
	secret [secretLength]byte
	form   Form // of the waiter that was parked last; guarded by mu
	ended  bool // guarded by mu

	mu       sync.Mutex // guards what follows; taken on the timeline, so never held while anything waits
	gaps     gaps
	queue    queue
	patterns *[]dispatch.Pattern // those with wildcards that it is connected to, in order, for marks that stand for many paths; nil for none
	waiter   Waiter              // who waits for something to happen here; nil when nobody does
	deadline instant             // parked: when to answer with nothing; otherwise: when to expire
	quiet    instant             // no poll is answered with updates before this: the last answer went out so recently
}

// gaps are how many updates were lost to limits. What fades because a stream was sent it is none of them: most of it came.
type gaps struct {
	Overflow uint32 `json:"overflow,omitempty"` // the queue was full
	Age      uint32 `json:"age,omitempty"`      // they had waited for too long
}

// id returns the session's ID.
func (s *Session) id() dispatch.ID { return s.push.controller.IDOf(s.seat) }

// WheelPlace is for [lane.Wheel].
func (s *Session) WheelPlace() *lane.Place { return &s.place }

// Form is how what a session has to say is put: for which transport.
type Form uint8

// The forms.
const (
	Poll   Form = iota // an answer to a long-poll; whoever takes it is parked no more
	Events             // server-sent events
	Frames             // WebSocket frames
)

// String returns the transport's name for people.
func (f Form) String() string { return [...]string{"long-poll", "sse", "websocket"}[f] }

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
	defer s.countLocked(s.queue.size())
	s.queue.put(path, msg)
	if s.trimLocked() {
		s.push.wheel.tendSoon()
	}
	if s.waiter != nil {
		s.waiter.Wake()
	}
}

// kicked tells whether a message at PathKick is for this session. One that a back-end has connected to that path hears
// of others' kicks as well.
func (s *Session) kicked(msg *dispatch.Message) bool {
	id, _ := msg.Text()
	return id == string(s.id())
}

// notePattern keeps the list of patterns true: a connect is confirmed with a blank message at the pattern, and no update
// can have a pattern's path.
func (s *Session) notePattern(path dispatch.Path, msg *dispatch.Message) {
	if path == dispatch.PathDisconnected {
		text, _ := msg.Text()
		if i, there := slices.BinarySearch(s.listPatterns(), dispatch.Pattern(text)); there {
			s.setPatterns(slices.Delete(s.listPatterns(), i, i+1))
		}
		return
	}
	if pattern := dispatch.Pattern(path); msg.Blank() && pattern.Wild() {
		s.addPattern(pattern)
	}
}

func (s *Session) addPattern(pattern dispatch.Pattern) {
	if i, there := slices.BinarySearch(s.listPatterns(), pattern); !there {
		s.setPatterns(slices.Insert(s.listPatterns(), i, pattern))
	}
}

func (s *Session) listPatterns() []dispatch.Pattern {
	if s.patterns == nil {
		return nil
	}
	return *s.patterns
}

func (s *Session) setPatterns(list []dispatch.Pattern) {
	switch {
	case len(list) == 0:
		s.patterns = nil
	case s.patterns == nil:
		s.patterns = &list
	default:
		*s.patterns = list
	}
}

// gapLocked counts lost updates, for one of the reasons in gaps.
func (s *Session) gapLocked(count *uint32, lost int) {
	if lost > 0 {
		*count += uint32(lost)
		s.push.stats.Gapped.Add(uint64(lost))
	}
}

// countLocked notes how the queue has changed since it held so many messages and bytes.
func (s *Session) countLocked(messages, bytes int) {
	nowMessages, nowBytes := s.queue.size()
	switch {
	case messages == 0 && nowMessages > 0:
		s.push.stats.Holding.Add(1)
	case messages > 0 && nowMessages == 0:
		s.push.stats.Holding.Add(-1)
	}
	s.push.stats.queued(nowMessages-messages, nowBytes-bytes)
}

// expireLocked has messages that are too old go.
func (s *Session) expireLocked(now time.Time) {
	lost := s.queue.expire(s.push.config().Queue, s.listPatterns(), now)
	if lost > 0 {
		s.push.met.Note("push.queue.age")
	}
	s.gapLocked(&s.gaps.Age, lost)
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
	defer s.countLocked(s.queue.size())
	s.expireLocked(now)
	s.trimLocked()
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
	defer s.countLocked(s.queue.size())
	s.queue.clear()
	if s.waiter != nil {
		s.waiter.Wake()
		s.push.stats.park(s.form, -1)
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
	Until     time.Time `json:"until"` // when an empty answer or a ping is due or, if it is not parked, when it expires
	Queued    int       `json:"queued"`
	Bytes     int       `json:"bytes"`
	Cursor    uint64    `json:"cursor"`
	Confirmed uint64    `json:"confirmed"`
	Gapped    uint32    `json:"gapped"`
	Gaps      gaps      `json:"gaps,omitzero"` // the same, by their reasons
}

func (s *Session) describe() description {
	s.mu.Lock()
	defer s.mu.Unlock()
	messages, bytes := s.queue.size()
	opened := s.push.origin.Add(time.Duration(s.opened) * time.Second).UTC()
	return description{
		s.form.String(), opened, s.waiter != nil, s.push.time(s.deadline),
		messages, bytes, s.queue.last(), s.queue.confirmed, s.gaps.Overflow + s.gaps.Age, s.gaps,
	}
}
