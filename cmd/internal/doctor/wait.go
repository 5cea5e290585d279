package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// settle is how long something has to be held to count as held.
const settle = 500 * time.Millisecond

// atOnce is how soon an answer comes that was not held at all.
const atOnce = 100 * time.Millisecond

// wait is a client that listens, by one transport, until rootsd says that nothing has happened.
type wait struct {
	kind   string // "long-poll", "event stream", "WebSocket"
	opened chan struct{}
	done   chan struct{}

	// opened, when it is closed, says that these do not change any more.
	began    time.Time
	answer   *answer // with which it was opened, or refused; nil without one
	err      error   // why there is none
	heard    bool    // its first word has come
	coding   string  // the Content-Encoding of a stream that says nothing
	withheld bool    // nothing came because it was compressed

	// done likewise.
	after time.Duration
	how   string // how it ended
	ok    bool   // as rootsd ends it
}

func newWait(kind string) *wait {
	return &wait{kind: kind, opened: make(chan struct{}), done: make(chan struct{})}
}

// end says how it ended.
func (w *wait) end(ok bool, format string, args ...any) {
	w.after, w.ok, w.how = time.Since(w.began), ok, fmt.Sprintf(format, args...)
}

// ended tells whether it has ended, so that how may be looked at.
func (w *wait) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// waits are all three.
type waits struct{ poll, stream, socket *wait }

// listening begins to wait by all transports at the same time, if they do not already, and returns when it is known how
// each was opened.
func (e *exam) listening(ctx context.Context) *waits {
	if e.waits != nil {
		return e.waits
	}
	ctx, cancel := context.WithCancel(ctx)
	all := &waits{newWait("long-poll"), newWait("event stream"), newWait("WebSocket")}
	e.waits = all
	e.stop = func() {
		cancel()
		for _, w := range all.each() {
			<-w.done
		}
	}
	go e.waitPoll(ctx, all.poll)
	go e.waitStream(ctx, all.stream)
	go e.waitSocket(ctx, all.socket)
	for _, w := range all.each() {
		<-w.opened
	}
	return all
}

func (all *waits) each() []*wait { return []*wait{all.poll, all.stream, all.socket} }

// waitPoll waits by a long-poll of the first session.
func (e *exam) waitPoll(ctx context.Context, w *wait) {
	defer close(w.done)
	token := e.home.token()
	w.began, w.heard = time.Now(), e.blame["balancing"] == ""
	close(w.opened)
	if !w.heard {
		return // its session would not be found
	}
	// A request that is cut on a connection used before is sent once more, which would look as one that took longer.
	transport := e.transport()
	defer transport.CloseIdleConnections()
	header := http.Header{"Accept": {"application/json"}}
	a, err := e.read(ctx, ask{url: e.at(token), header: header, transport: transport})
	switch {
	case err != nil:
		w.end(false, "%s", words(err))
	case a.token() == "":
		w.end(false, "%s", a.words())
	case idOf(a.token()) != idOf(token):
		e.keep(a.token())
		w.end(false, "a new session was opened")
	default:
		e.keep(a.token())
		w.end(true, "answered")
	}
}

// longPoll looks whether a poll that opens a session is answered at once, as it was, and one that waits is held.
func (e *exam) longPoll(ctx context.Context) Check {
	w := e.listening(ctx).poll
	timer := time.NewTimer(settle)
	defer timer.Stop()
	select {
	case <-timer.C:
		return good("the first poll is answered at once, the next is held")
	case <-w.done:
	}
	switch {
	case w.ok && w.after < atOnce:
		return e.bad(fix{text: "Browsers would ask again and again. Is push.hold very short, or does something on the way " +
			"answer for rootsd?"},
			"a poll with nothing to tell is answered at once, and not held")
	case w.ok || w.after >= atOnce && !e.Quick:
		return good("the first poll is answered at once, the next is held") // idle_timeout says for how long
	}
	return e.bad(fixIdle(w.after), "a poll that waits: %s after %s", w.how, seconds(w.after))
}

// idle waits until all transports have ended, and says which were cut.
func (e *exam) idle(ctx context.Context) Check {
	var open []*wait
	for _, w := range e.listening(ctx).each() {
		if w.heard {
			open = append(open, w)
		}
	}
	switch {
	case e.Quick:
		return skip("--quick leaves the waits out")
	case len(open) == 0:
		return skip("no transport can be opened")
	}
	e.await(open)
	if ctx.Err() != nil {
		return skip("interrupted")
	}
	return e.judge(open)
}

// await returns when all have ended, or it is not worth waiting for the rest.
func (e *exam) await(open []*wait) {
	ended := make(chan *wait, len(open))
	for _, w := range open {
		go func() { <-w.done; ended <- w }()
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	most := e.Hold
	began := open[0].began
	limit := time.NewTimer(time.Until(began.Add(most)))
	defer limit.Stop()
	for left := len(open); left > 0; {
		if e.Waiting != nil {
			e.Waiting(time.Since(began), most)
		}
		select {
		case w := <-ended:
			left--
			if w.ok {
				// The others were opened at about the same time, and are held as long.
				limit.Reset(min(time.Until(began.Add(most)), 2*e.Timeout))
			}
		case <-ticker.C:
		case <-limit.C:
			return
		}
	}
}

// silence is how long the browsers' client takes a connection that says nothing for alive, by default.
const silence = time.Minute

// judge says how waits ended.
func (e *exam) judge(open []*wait) Check {
	var cut, fine, mute []string
	var longest, shortest time.Duration
	for _, w := range open {
		text := fmt.Sprintf("%s: %s after %s", w.kind, w.how, seconds(w.after))
		switch {
		case !w.ended() && w.coding == "": // what compresses is for its own check
			mute = append(mute, w.kind)
		case w.ended() && w.ok:
			fine, longest = append(fine, text), max(longest, w.after)
		case w.ended():
			cut = append(cut, text)
			if shortest == 0 || w.after < shortest {
				shortest = w.after
			}
		}
	}
	switch {
	case len(cut) > 0:
		return e.bad(fixIdle(shortest), "%s", strings.Join(append(cut, fine...), "; "))
	case len(fine) == 0:
		return e.warn(fix{text: "Set push.hold below 60s, which is how long browsers take a silent connection for alive; " +
			"or wait for longer: --hold."},
			"nothing ended within %s: push.hold is longer", seconds(e.Hold))
	case len(mute) > 0:
		return e.bad(fixBuffering, "%s; nothing more came on the %s",
			strings.Join(fine, "; "), strings.Join(mute, " and the "))
	case longest >= silence:
		return e.warn(fix{text: "Set push.hold below 60s, or the browsers' setting silence above it (docs/browser.md)."},
			"%s: browsers give up after 60 s", strings.Join(fine, "; "))
	}
	return good("%s", strings.Join(fine, "; "))
}

// seconds prints a time: to a tenth of a second where it is short.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
