package push

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/gobwas/ws"
)

// This file is what clients are told so that they do not all come at the same time: pace, after their sessions were
// lost, and retry, when the daemon stops.

// The members of an answer that say how many milliseconds to wait.
const (
	paceHint  = `,"pace":`
	retryHint = `,"retry":`
)

const (
	leastPace  = 100 * time.Millisecond // a turn that is sooner is now
	mostPace   = 2 * time.Minute        // nobody waits longer: tokens of sessions that never were take turns as well
	leastRetry = 50 * time.Millisecond
	mostRetry  = time.Second
	comeback   = time.Second / 10_000 // for each client: so many are served a second when all come back
)

// withHint adds a member to the object that text ends with, and a newline may follow; it adds none for a wait of 0.
func withHint(text []byte, member string, wait time.Duration) []byte {
	if wait <= 0 {
		return text
	}
	end := len(text)
	for text[end-1] != '}' {
		end--
	}
	after := string(text[end-1:])
	text = append(text[:end-1], member...)
	text = strconv.AppendInt(text, wait.Milliseconds(), 10)
	return append(text, after...)
}

// pace returns how long a's client, for which a session was opened, is to wait before it has its back-end asked to
// connect it: nothing, unless it has lost a session, as all have after a crash. Then clients have turns, in the order
// in which they come, and as many a second as [Config.Pace] says. Who would have to wait for longer than the longest
// run-up is given any time within it.
func (p *Push) pace(a *arrival, now time.Time) time.Duration {
	rate := p.config().Pace
	if rate == 0 || !a.returns() {
		return 0
	}
	wait, ok := p.turns.Turn(rate, mostPace, p.since(now))
	if !ok {
		wait = rand.N(mostPace)
	}
	if wait < leastPace {
		return 0
	}
	p.met.Notice("push.pace")
	return wait
}

// returns tells whether the client had a session before.
func (a *arrival) returns() bool {
	if a.form == Events && a.lastEventID != "" {
		if _, ok := parseToken(a.lastEventID); ok {
			return true
		}
	}
	_, ok := parseToken(a.path)
	return ok
}

// retrySpread returns in which time so many clients are to come back to the daemon that is started next.
func retrySpread(parked int64) time.Duration {
	return min(time.Duration(max(parked, 0))*comeback, mostRetry)
}

// retry returns when a client is to come back while p drains: any time within the spread, so that they do not come all
// at once; 0 for at once.
func (p *Push) retry() time.Duration {
	spread := time.Duration(p.spread.Load())
	if spread <= leastRetry {
		return 0
	}
	wait := rand.N(spread)
	if wait < leastRetry {
		return 0
	}
	return wait
}

// farewell is [Farewell], which says as well when to come back after the daemon has stopped: by a field of an event
// stream, and as the reason why a WebSocket is closed, which is all that is heard of that.
func (p *Push) farewell(dst []byte, form Form, state State) []byte {
	var wait time.Duration
	if state == Draining {
		wait = p.retry()
	}
	switch {
	case wait == 0:
		return Farewell(dst, form, state)
	case form == Frames:
		return appendClose(dst, ws.StatusGoingAway, strconv.FormatInt(wait.Milliseconds(), 10))
	}
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, wait.Milliseconds(), 10)
	return append(dst, "\n\n"...)
}
