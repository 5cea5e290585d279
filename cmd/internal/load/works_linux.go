package load

import "time"

// limits say when a work is done: after so many messages or visits, or at that time of the run. 0 is never.
type limits struct {
	count       int
	from, until time.Duration
}

// over tells whether n are enough, and notes for Progress how far that is.
func (e *engine) over(l limits, n int) bool {
	now := e.now()
	e.done, e.total = n, l.count
	if l.count == 0 {
		e.done, e.total = int((now-l.from)/time.Millisecond), int((l.until-l.from)/time.Millisecond)
	}
	return l.count > 0 && n >= l.count || l.until > 0 && now >= l.until
}

// openAll opens all clients, some at a time.
func (e *engine) openAll() error {
	next := 0
	return e.await(func() bool {
		for ; next < e.Clients && e.opening < e.Connecting && e.fallback == nil; next++ {
			path := next
			if e.Work == Broadcast {
				path = 0
			}
			e.clients[next].open(path)
		}
		e.done, e.total = e.ready, e.Clients
		return e.ready == e.Clients
	})
}

func (e *engine) park(l limits) error {
	for !e.over(l, 0) && l.until > 0 {
		if err := e.turn(l.until - e.now()); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) broadcast(l limits) error {
	if e.Rate > 0 {
		return e.paced(l, 1, e.Clients)
	}
	for n := 0; !e.over(l, n); n += e.Burst {
		for range e.Burst {
			e.tell(0, e.Clients, e.now())
		}
		if err := e.await(e.isQuiet); err != nil {
			return err
		}
	}
	return nil
}

// dueAfter is how long after the first message, or visit, one more than n of them is due.
func (e *engine) dueAfter(n int) time.Duration {
	return time.Duration(float64(n) / e.Rate * float64(time.Second))
}

// paced publishes when it is time, whatever has become of the messages before. They go round so many paths.
func (e *engine) paced(l limits, paths, listeners int) error {
	start := e.now()
	for n := 0; !e.over(l, n); n += e.Burst {
		due := start + e.dueAfter(n)
		if l.until > 0 && due >= l.until {
			break
		}
		if err := e.sleepUntil(due); err != nil {
			return err
		}
		for i := range e.Burst {
			e.tell((n+i)%paths, listeners, due)
		}
	}
	return e.await(e.isQuiet)
}

func (e *engine) unicast(l limits) error {
	if e.Rate > 0 {
		return e.paced(l, e.Clients, 1)
	}
	hasRoom := func() bool { return e.missing < e.Window && e.inFlight < e.Window }
	for n := 0; !e.over(l, n); n++ {
		e.tell(n%e.Clients, 1, e.now())
		if err := e.await(hasRoom); err != nil {
			return err
		}
	}
	return e.await(e.isQuiet)
}

// publishAlone keeps every publisher busy, each at a path of its own.
func (e *engine) publishAlone(l limits) error {
	if e.Rate > 0 {
		return e.paced(l, e.Publishers, 0)
	}
	idle := 0
	hasRoom := func() bool {
		for i := range e.writers {
			if p := &e.writers[i]; !p.busy && p.first == len(p.queue) {
				idle = i
				return true
			}
		}
		return false
	}
	for n := 0; !e.over(l, n); n++ {
		if err := e.await(hasRoom); err != nil {
			return err
		}
		e.tell(idle, 0, e.now())
	}
	return e.await(e.isQuiet)
}

// churn has clients come; what they do then is up to arrived and served.
func (e *engine) churn(l limits) error {
	e.free = e.free[:0]
	for i := range e.clients {
		e.free = append(e.free, &e.clients[i])
	}
	hasRoom := func() bool { return len(e.free) > 0 && e.opening < e.Connecting }
	isOver := func() bool { return len(e.free) == len(e.clients) && e.inFlight == 0 }
	start := e.now()
	for n := 0; !e.over(l, n); n++ {
		if e.Rate > 0 {
			if err := e.sleepUntil(start + e.dueAfter(n)); err != nil {
				return err
			}
		}
		if err := e.await(hasRoom); err != nil {
			return err
		}
		c := e.free[len(e.free)-1]
		e.free = e.free[:len(e.free)-1]
		c.open(e.visitors)
		e.visitors++
	}
	return e.await(isOver)
}

// arrived begins a visit: the client is published its first message.
func (e *engine) arrived(c *client) {
	if e.Work == Churn {
		e.tell(c.path, 1, e.now())
	}
}

// served goes on with a visit: with the next message, or with the end.
func (e *engine) served(c *client) {
	switch {
	case e.Work != Churn || c.state != subscribed:
	case c.heard.next < e.Visit:
		e.tell(c.path, 1, e.now())
	default:
		c.Close()
		c.state = away
		e.counts.visits++
		e.left(c)
	}
}

// left makes room for the next visit.
func (e *engine) left(c *client) {
	if e.Work == Churn {
		e.free = append(e.free, c)
	}
}
