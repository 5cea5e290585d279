package push

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// This file writes all sessions down, so that another process can go on with them: see stateread.go for the other
// direction. What a snapshot says of time is how long ago it was, or how long is left, when it was written.
//
//	snapshot = node written age number {1 session} 0 sessions
//	session  = name secret flags opened lifetime quiet overflow aged confirmed
//	           n {connection} n {permit} n {pattern} [queue]
//	connection = pattern lease place since by
//	permit   = pattern lease
//	queue    = sent wrote faded n {step path message}
//
// All are unsigned varints, but texts, which have their length before them, the secret, and bytes of flags. A text or
// message that may come again is 0 and the thing itself the first time, which gives it a number from 1 on, and that
// number from then on.

// StateVersion is the format of what [Push.Save] writes. It grows whenever that changes.
const StateVersion = 1

// Saved is how much a snapshot holds.
type Saved struct {
	Sessions      int
	Subscriptions int // connections of all sessions
	Permits       int
	Messages      int // that clients have not confirmed, counted for each client; gap marks are among them
}

// The flags of a session, above the two bits of its form.
const (
	formBits        = 1<<2 - 1
	sessionWhole    = 1 << 2 // it has all of Config.Expire to come back
	sessionWaiting  = 1 << 3 // it has a queue
	sessionLoose    = 1 << 4 // as in backlog
	allSessionFlags = 1<<5 - 1
)

// The flags of a message.
const (
	messageLatest   = 1 << iota
	messageFrom     // a client sent it: who follows
	messageGap      // it is a mark: the reason follows
	messageAccepted // how long ago follows
	allMessageFlags = 1<<iota - 1
)

// The numbers of who made a connection. Others follow: the names of the daemon's components, in the order in which they
// come first, where the name follows.
const (
	savedByAnother = iota
	savedByItself
	savedByFirst
)

// Save writes all sessions to w: their secrets, connections and permits, what their clients have not confirmed, and how
// long they have left. It changes nothing. Nobody may be served any more, and nothing be given: it is called after
// [Push.Close] and [dispatch.Dispatcher.Close]. Receipts are not part of it, as their requests have ended.
//
// names returns the name of the daemon's component with an ID, so that it can be told after the restart who connected a
// client, and "" for any other; it may be nil. The error is that of w.
func (p *Push) Save(w io.Writer, names func(dispatch.ID) string) (Saved, error) {
	s := &stateWriter{
		push: p, now: time.Now(), names: names, texts: make(map[string]uint64),
		messages: make(map[*dispatch.Message]uint64), senders: map[dispatch.ID]uint64{"": savedByAnother},
	}
	s.header()
	for _, session := range p.wheel.all() {
		if s.session(session); len(s.buf) < writeAtLeast {
			continue
		}
		if _, err := w.Write(s.buf); err != nil {
			return Saved{}, err
		}
		s.buf = s.buf[:0]
	}
	s.buf = append(s.buf, 0)
	s.count(s.saved.Sessions)
	if _, err := w.Write(s.buf); err != nil {
		return Saved{}, err
	}
	return s.saved, nil
}

// writeAtLeast is how many bytes a snapshot is written in at once, and a session more.
const writeAtLeast = 64 << 10

// stateWriter puts a snapshot together.
type stateWriter struct {
	push  *Push
	now   time.Time
	names func(dispatch.ID) string
	buf   []byte
	held  dispatch.Held
	saved Saved

	// The numbers of what may come again.
	texts    map[string]uint64
	messages map[*dispatch.Message]uint64
	senders  map[dispatch.ID]uint64
}

func (w *stateWriter) number(n uint64) { w.buf = binary.AppendUvarint(w.buf, n) }

func (w *stateWriter) count(n int) { w.number(uint64(n)) }

// duration writes d, or 0 where it is below.
func (w *stateWriter) duration(d time.Duration) { w.number(uint64(min(max(d, 0), longestAge))) }

func (w *stateWriter) text(text string) {
	w.count(len(text))
	w.buf = append(w.buf, text...)
}

// shared writes a text that may come again.
func (w *stateWriter) shared(text string) {
	if n, ok := w.texts[text]; ok {
		w.number(n)
		return
	}
	w.texts[text] = uint64(len(w.texts) + 1)
	w.number(0)
	w.text(text)
}

func (w *stateWriter) header() {
	c := w.push.controller
	w.text(c.Node())
	w.number(uint64(w.now.UnixNano()))
	w.duration(w.age())
	w.number(c.Counter())
}

// age returns how long ago Push.origin was.
func (w *stateWriter) age() time.Duration { return min(w.now.Sub(w.push.origin), longestAge) }

// session writes a session, unless it has ended.
func (w *stateWriter) session(s *Session) {
	// Before the session's lock, under which nobody may call the Dispatcher.
	w.push.dispatcher.Held(s.seat, w.now, &w.held)
	id := s.id()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	w.buf = append(w.buf, 1)
	w.text(string(id[len(w.push.controller.Node())+1:]))
	w.buf = append(w.buf, s.secret[:]...)
	w.state(s)
	w.links(id)
	w.count(len(s.listPatterns()))
	for _, pattern := range s.listPatterns() {
		w.shared(string(pattern))
	}
	if s.queue.held != nil {
		w.queue(s.queue.confirmed, s.queue.held)
	}
	w.saved.Sessions++
}

// state writes a session's own numbers.
func (w *stateWriter) state(s *Session) {
	at := w.push.instant(w.now)
	flags := byte(s.form)
	if w.whole(s) {
		flags |= sessionWhole
	}
	if s.queue.held != nil {
		flags |= sessionWaiting
		if s.queue.held.loose {
			flags |= sessionLoose
		}
	}
	w.buf = append(w.buf, flags)
	w.number(min(uint64(s.opened), uint64(w.age()/time.Second)))
	w.duration(s.deadline.sub(at))
	w.duration(s.quiet.sub(at))
	w.number(uint64(s.gaps.Overflow))
	w.number(uint64(s.gaps.Age))
	w.number(s.queue.confirmed)
}

// whole tells whether a session is to have all of Config.Expire: its client waited until the daemon sent it away.
func (w *stateWriter) whole(s *Session) bool {
	if s.waiter != nil {
		return true
	}
	config := w.push.config()
	// The time at which a client goes is not taken to the last microsecond.
	since := instant(w.push.drained.Load()) - instant(tickFor(*config))
	return w.push.draining.Load() && s.deadline >= since.add(config.Expire)
}

// links writes the connections and permits of the component with this ID.
func (w *stateWriter) links(id dispatch.ID) {
	w.count(len(w.held.Connected))
	for i := range w.held.Connected {
		l := &w.held.Connected[i]
		w.shared(string(l.Pattern))
		w.lease(l.Lease)
		w.count(l.Place)
		w.number(uint64(max(l.Since.Unix(), 0)))
		w.by(l.By, id)
	}
	w.count(len(w.held.Permits))
	for i := range w.held.Permits {
		w.shared(string(w.held.Permits[i].Pattern))
		w.lease(w.held.Permits[i].Lease)
	}
	w.saved.Subscriptions += len(w.held.Connected)
	w.saved.Permits += len(w.held.Permits)
}

// lease writes 0, or the lease's place from 1 on and what is left of it, which may be below 0.
func (w *stateWriter) lease(l dispatch.HeldLease) {
	if !l.Lapses {
		w.count(0)
		return
	}
	w.count(l.Place + 1)
	w.buf = binary.AppendVarint(w.buf, int64(min(max(l.Left, -longestAge), longestAge)))
}

// by writes who made a connection of the component with the ID itself.
func (w *stateWriter) by(sender, itself dispatch.ID) {
	if sender == itself {
		w.number(savedByItself)
		return
	}
	if n, ok := w.senders[sender]; ok {
		w.number(n)
		return
	}
	name := ""
	if w.names != nil {
		name = w.names(sender)
	}
	if name == "" {
		w.number(savedByAnother)
		return
	}
	n := uint64(len(w.senders) - 1 + savedByFirst)
	w.senders[sender] = n
	w.number(n)
	w.text(name)
}

// queue writes what a client has not confirmed, which begins after the number confirmed.
func (w *stateWriter) queue(confirmed uint64, b *backlog) {
	w.number(b.sent - confirmed)
	w.number(max(b.written, confirmed) - confirmed)
	w.count(b.faded)
	w.count(len(b.entries))
	before := confirmed
	for i := range b.entries {
		e := &b.entries[i]
		w.number(e.seq - before - 1)
		w.shared(string(e.path))
		w.message(e.message)
		before = e.seq
	}
	w.saved.Messages += len(b.entries)
}

// message writes a message. Many sessions may have it.
func (w *stateWriter) message(m *dispatch.Message) {
	if n, ok := w.messages[m]; ok {
		w.number(n)
		return
	}
	w.messages[m] = uint64(len(w.messages) + 1)
	w.number(0)
	options, accepted := m.Options(), m.Accepted()
	w.buf = append(w.buf, messageFlags(&options, accepted))
	if options.From != "" {
		w.text(string(options.From))
	}
	if options.Gap != "" {
		w.text(options.Gap)
	}
	if !accepted.IsZero() {
		w.duration(w.now.Sub(accepted))
	}
	w.text(m.JSON())
}

func messageFlags(options *dispatch.Options, accepted time.Time) (flags byte) {
	if options.Latest {
		flags |= messageLatest
	}
	if options.From != "" {
		flags |= messageFrom
	}
	if options.Gap != "" {
		flags |= messageGap
	}
	if !accepted.IsZero() {
		flags |= messageAccepted
	}
	return flags
}
