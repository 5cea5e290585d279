package push

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// This file reads what state.go writes. It trusts nothing in it: room is made for what was read, not for what is
// announced, and nothing is put anywhere before all of it was read and found to be good.

// Restore reads what [Push.Save] wrote, up to the end of r, and puts the sessions back: with their IDs and secrets, so
// that clients go on with the tokens that they have, and with what they held. It is called before p serves anybody,
// while there is no session. Nobody is told of anything by it. How much there may be of something is not asked, as a
// limit that was lowered is for what is new.
//
// Leases and the age of messages have run on since the snapshot was written, by the clock; one that was set back since
// counts as no time. How long sessions wait for their clients has not, and those whose clients waited until the daemon
// stopped get all of [Config.Expire].
//
// ids returns the ID that the daemon's component of a name has now, or "" if there is none; it may be nil. The error
// says what is wrong, and at which byte of r; it quotes nothing of it. Then nothing has changed.
func (p *Push) Restore(r io.Reader, ids func(name string) dispatch.ID) (Saved, error) {
	if p.Sessions() > 0 {
		return Saved{}, errors.New("there are sessions already")
	}
	s := &stateReader{
		push: p, now: time.Now(), ids: ids, r: bufio.NewReaderSize(r, 64<<10), restoration: p.dispatcher.NewRestoration(),
	}
	s.snapshot()
	if s.err != nil {
		return Saved{}, s.err
	}
	for _, session := range s.sessions {
		session.countAll()
	}
	if err := s.restoration.Commit(); err != nil {
		for _, session := range s.sessions {
			session.end()
		}
		return Saved{}, err
	}
	p.origin = s.now.Add(-s.age)
	p.places.Add(int64(len(s.sessions)))
	config := p.config()
	for i, session := range s.sessions {
		// Some are looked at earlier than they need be, so that not all are at the same time.
		soon := min(config.Hold, config.Expire) * time.Duration(i%wheelSpread+1) / wheelSpread
		p.wheel.add(session, s.now, min(soon, session.deadline.sub(s.at)))
	}
	return s.saved, nil
}

// countAll counts what the queue of a new session holds.
func (s *Session) countAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countLocked(0, 0)
}

// wheelSpread is over how many times sessions that are put back are spread.
const wheelSpread = 64

// What a snapshot may say at most. Where there is no other bound, it is one that leaves room for sums.
const (
	longestAge    = 60 * 365 * 24 * time.Hour
	mostPlaces    = math.MaxInt32
	longestText   = dispatch.MaxPath + 64 // a path with what system paths have before it; IDs and names are shorter
	longestValue  = 1 << 30
	mostSequences = 1 << 62
	mostSenders   = 1 << 10
)

// stateReader reads a snapshot. After an error it reads zeros.
type stateReader struct {
	push        *Push
	now         time.Time
	ids         func(string) dispatch.ID
	r           *bufio.Reader
	offset      int64 // how many bytes were read
	err         error
	scratch     bytes.Buffer
	restoration *dispatch.Restoration
	sessions    []*Session
	saved       Saved
	id          dispatch.ID // of the session that is being read
	entries     []entry     // of its queue

	down time.Duration // since the snapshot was written
	age  time.Duration // since Push.origin
	at   instant       // now, as sessions keep it

	texts    []savedText
	messages []*dispatch.Message
	senders  []dispatch.ID
}

// savedText is a text that may come again.
type savedText struct {
	text    string
	pattern bool // it is a good pattern; if not, it is a path that is longer than patterns may be
}

// fail notes the first thing that is wrong.
func (r *stateReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("at byte %d, session %d: %w", r.offset, len(r.sessions)+1, fmt.Errorf(format, args...))
	}
}

func (r *stateReader) byte() byte {
	if r.err != nil {
		return 0
	}
	b, err := r.r.ReadByte()
	if err != nil {
		r.fail("%w", ended(err))
		return 0
	}
	r.offset++
	return b
}

// ended makes an end an error.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// number reads an unsigned varint, which is at most most.
func (r *stateReader) number(what string, most uint64) (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := r.byte()
		if n |= uint64(b&0x7f) << shift; b >= 0x80 {
			continue
		}
		if n > most || shift == 63 && b > 1 {
			break
		}
		return n
	}
	r.fail("%s is too large", what)
	return 0
}

func (r *stateReader) count(what string) int { return int(r.number(what, mostPlaces)) }

// duration reads a time from 0 on.
func (r *stateReader) duration(what string) time.Duration {
	return time.Duration(r.number(what, uint64(longestAge)))
}

// fill reads so many bytes into the scratch buffer, which grows with what there is.
func (r *stateReader) fill(n int) []byte {
	r.scratch.Reset()
	if r.err != nil {
		return nil
	}
	read, err := io.CopyN(&r.scratch, r.r, int64(n))
	r.offset += read
	if err != nil {
		r.fail("%w", ended(err))
		return nil
	}
	return r.scratch.Bytes()
}

func (r *stateReader) text(what string) string {
	text := r.fill(int(r.number(what, longestText)))
	if !utf8.Valid(text) {
		r.fail("%s is not UTF-8", what)
	}
	return string(text)
}

// shared reads a text that may come again.
func (r *stateReader) shared(what string) savedText {
	n := r.number(what, uint64(len(r.texts)))
	if r.err != nil {
		return savedText{}
	}
	if n > 0 {
		return r.texts[n-1]
	}
	t := savedText{text: r.text(what)}
	if r.err == nil {
		r.check(what, &t)
	}
	r.texts = append(r.texts, t)
	return t
}

// check wants a path or a pattern.
func (r *stateReader) check(what string, t *savedText) {
	pattern, err := dispatch.ParsePattern(t.text)
	if t.pattern = err == nil && string(pattern) == t.text; t.pattern {
		return
	}
	// At this one, paths as long as paths may be stand behind the prefix.
	rest, ok := strings.CutPrefix(t.text, string(dispatch.PathMembers("")))
	pattern, err = dispatch.ParsePattern(rest)
	if !ok || err != nil || string(pattern) != rest {
		r.fail("%s is no path", what)
	}
}

func (r *stateReader) pattern(what string) dispatch.Pattern {
	t := r.shared(what)
	if r.err == nil && !t.pattern {
		r.fail("%s is no pattern", what)
	}
	return dispatch.Pattern(t.text)
}

// snapshot reads all.
func (r *stateReader) snapshot() {
	r.header()
	for r.err == nil {
		switch r.byte() {
		case 0:
			r.end()
			return
		case 1:
			s := &Session{push: r.push}
			if r.session(s); r.err == nil {
				r.sessions = append(r.sessions, s)
			}
		default:
			r.fail("neither a session nor the end")
		}
	}
}

func (r *stateReader) header() {
	if node := r.text("the node's name"); r.err == nil && node != r.push.controller.Node() {
		r.fail("it is of a node of another name")
	}
	written := time.Unix(0, int64(r.number("the time", math.MaxInt64)))
	r.down = min(max(r.now.Round(0).Sub(written), 0), longestAge)
	r.age, r.at = r.duration("the age")+r.down, r.push.instant(r.now)
	if err := r.restoration.Raise(r.number("the last ID's number", mostSequences)); err != nil {
		r.fail("the last ID's number: %w", err)
	}
}

// end wants nothing to be missing, and nothing to follow.
func (r *stateReader) end() {
	if r.err != nil {
		return
	}
	r.saved.Sessions = len(r.sessions)
	if n := r.count("the number of sessions"); r.err == nil && n != len(r.sessions) {
		r.fail("there are %d sessions, not %d", len(r.sessions), n)
	}
	if _, err := r.r.ReadByte(); r.err == nil && !errors.Is(err, io.EOF) {
		r.fail("something follows the end: %w", err)
	}
}

func (r *stateReader) session(s *Session) {
	r.id = dispatch.ID(r.push.controller.Node() + "-" + r.text("the ID"))
	if r.err != nil {
		return
	}
	var err error
	if s.seat, err = r.restoration.Enroll(r.id, s); err != nil {
		r.fail("the ID: %w", err)
		return
	}
	if copy(s.secret[:], r.fill(secretLength)); r.err == nil && !isSecret(s.secret[:]) {
		r.fail("the secret is none")
	}
	flags := r.byte()
	if flags > allSessionFlags || Form(flags&formBits) > Frames {
		r.fail("unknown flags")
	}
	s.form = Form(flags & formBits)
	r.state(s, flags&sessionWhole != 0)
	r.connections()
	r.permits()
	for n := r.count("the patterns"); n > 0 && r.err == nil; n-- {
		pattern := r.pattern("a pattern with wildcards")
		if !pattern.Wild() {
			r.fail("a pattern has no wildcards")
		}
		s.addPattern(pattern)
	}
	if flags&sessionWaiting != 0 {
		s.queue.held = &backlog{loose: flags&sessionLoose != 0}
		r.queue(s.queue.confirmed, s.queue.held)
	}
}

// state reads a session's own numbers.
func (r *stateReader) state(s *Session, whole bool) {
	s.opened = uint32(r.number("when it was opened", uint64(r.age/time.Second)))
	expire := r.push.config().Expire
	left := min(r.duration("the lifetime"), expire)
	if whole {
		left = expire
	}
	s.deadline = r.at.add(left)
	s.quiet = r.at.add(min(r.duration("the quiet"), r.push.config().Bundle) - r.down)
	s.gaps.Overflow = uint32(r.number("the gaps by overflow", math.MaxUint32))
	s.gaps.Age = uint32(r.number("the gaps by age", math.MaxUint32))
	s.queue.confirmed = r.number("the cursor", mostSequences)
}

func (r *stateReader) connections() {
	n := r.count("the connections")
	r.saved.Subscriptions += n
	for ; n > 0 && r.err == nil; n-- {
		link := dispatch.HeldLink{Pattern: r.pattern("a connection"), Lease: r.lease()}
		link.Place = r.count("a connection's place")
		link.Since = time.Unix(int64(r.number("a connection's time", math.MaxInt32<<8)), 0)
		if link.By = r.by(); r.err != nil {
			return
		}
		if planted("lose-subscription") && len(r.sessions)%4 == 0 {
			continue
		}
		if err := r.restoration.Connect(link); err != nil {
			r.fail("a connection: %w", err)
		}
	}
}

func (r *stateReader) permits() {
	n := r.count("the permits")
	r.saved.Permits += n
	for ; n > 0 && r.err == nil; n-- {
		link := dispatch.HeldLink{Pattern: r.pattern("a permit"), Lease: r.lease()}
		if r.err != nil {
			return
		}
		if planted("lose-permit") {
			continue
		}
		if err := r.restoration.Permit(link); err != nil {
			r.fail("a permit: %w", err)
		}
	}
}

// lease reads when a connection or permit lapses.
func (r *stateReader) lease() dispatch.HeldLease {
	place := r.count("a lease")
	if place == 0 {
		return dispatch.HeldLease{}
	}
	return dispatch.HeldLease{Lapses: true, Place: place - 1, Left: r.left() - r.down}
}

// left reads what is left of a lease, which may be below 0, as a signed varint.
func (r *stateReader) left() time.Duration {
	n := r.number("what is left of a lease", 2*uint64(longestAge))
	return time.Duration(n>>1) ^ -time.Duration(n&1)
}

// by reads who made a connection.
func (r *stateReader) by() dispatch.ID {
	n := int(r.number("who made a connection", uint64(savedByFirst+min(len(r.senders), mostSenders))))
	switch {
	case n == savedByAnother || r.err != nil:
		return ""
	case n == savedByItself:
		return r.id
	case n-savedByFirst < len(r.senders):
		return r.senders[n-savedByFirst]
	}
	name := r.text("who made a connection")
	id := dispatch.ID("")
	if r.ids != nil && r.err == nil {
		id = r.ids(name)
	}
	r.senders = append(r.senders, id)
	return id
}

// queue reads what a client has not confirmed, which begins after the number confirmed.
func (r *stateReader) queue(confirmed uint64, b *backlog) {
	if planted("repeat-after-restart") {
		confirmed++
	}
	b.sent = confirmed + r.number("what was sent", mostSequences)
	b.written = confirmed + r.number("what was written", mostSequences)
	b.given = confirmed
	b.faded = r.count("what has faded")
	n := r.count("what waits")
	b.last = confirmed
	r.entries = r.entries[:0]
	for i := 0; i < n && r.err == nil; i++ {
		e := entry{seq: b.last + 1 + r.number("a step", mostSequences)}
		e.path = dispatch.Path(r.shared("a path").text)
		e.message = r.message()
		if b.last = e.seq; b.last > mostSequences {
			r.fail("a step is too large")
		}
		if r.err == nil {
			r.entries = append(r.entries, e)
			b.bytes += e.size()
		}
	}
	b.entries = slices.Clone(r.entries)
	r.saved.Messages += n
	switch {
	case r.err != nil:
	case n == 0 || b.sent > b.last || b.written > b.sent || b.faded > b.after(b.sent):
		r.fail("its queue's numbers do not go together")
	}
}

// message reads a message. Many sessions may have it.
func (r *stateReader) message() *dispatch.Message {
	n := r.number("a message", uint64(len(r.messages)))
	switch {
	case r.err != nil:
		return nil
	case n > 0:
		return r.messages[n-1]
	}
	flags := r.byte()
	if flags > allMessageFlags {
		r.fail("unknown flags of a message")
	}
	options := dispatch.Options{Latest: flags&messageLatest != 0}
	if flags&messageFrom != 0 {
		options.From = dispatch.ID(r.text("who sent a message"))
	}
	if flags&messageGap != 0 {
		options.Gap = r.text("why there is a gap")
	}
	var accepted time.Time
	if flags&messageAccepted != 0 {
		accepted = r.now.Add(-r.duration("a message's age") - r.down)
	}
	value, err := strictjson.Parse(r.fill(int(r.number("a message's length", longestValue))))
	if err != nil {
		r.fail("a message is not JSON")
		return nil
	}
	m := dispatch.OldMessage(value, options, accepted)
	if gap := flags&messageGap != 0; gap != (m.Gap() != "") || gap && !m.Blank() {
		r.fail("a message is half a mark")
	}
	r.messages = append(r.messages, m)
	return m
}

// isSecret tells whether text is of the characters that a token's secret has.
func isSecret(text []byte) bool {
	return !slices.ContainsFunc(text, func(c byte) bool { return !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') })
}
