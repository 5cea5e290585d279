package doctor

import (
	"context"
	"sync"
)

// visits is how often a session is asked for, each time on a new connection.
const visits = 5

// balancing looks whether one session is found again on every connection. A poll that takes the place of another has
// that one answered at once, so nobody waits; another daemon would open a session of its own instead.
func (e *exam) balancing(ctx context.Context) Check {
	token, err := e.open(ctx)
	if err != nil {
		return e.bad(fixBalancing, "no session is opened: %s", words(err))
	}
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	lost := 0
	polls := make(chan visit, visits)
	for i := range visits {
		group.Go(func() { polls <- e.visit(ctx, token) })
		if i == 0 {
			continue // the first waits for the second
		}
		v := <-polls
		switch {
		case v.err != nil:
			return e.warn(fixLimit, "one of %d polls on new connections: %s", i+1, words(v.err))
		case v.answer.token() == "" && v.answer.problem == nil:
			return e.warn(fixLimit, "one of %d polls on new connections is answered %s", i+1, v.answer.words())
		case v.answer.token() != "" && idOf(v.answer.token()) != idOf(token):
			e.keep(v.answer.token())
			lost++
		}
	}
	if lost > 0 {
		return e.bad(fixBalancing, "one session, asked for %d times, was unknown %d times: several daemons answer in "+
			"turns", visits, lost)
	}
	return good("one session is found again on %d connections", visits)
}

// visit is what came of one poll.
type visit struct {
	answer *answer
	err    error
}

// visit polls on a connection of its own.
func (e *exam) visit(ctx context.Context, token string) visit {
	transport := e.transport()
	defer transport.CloseIdleConnections()
	a, err := e.read(ctx, ask{url: e.at(token), transport: transport})
	return visit{a, err}
}
