package dispatch

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Controller gives out IDs, keeps the registry of components, and passes every update to its delegates in one order.
// Its methods may be called from any goroutine, but not, Post and Find excepted, from a component's Update.
type Controller struct {
	id      ID
	node    string
	counter atomic.Uint64

	// mu is the ordering lock. It guards the fields below, all that hangs below the Controller (member, the Dispatcher's
	// tree and leases), and is held through every call of a delegate: that is what makes the timeline.
	mu        sync.Mutex
	registry  registry // which Find reads without mu, by locks of its own
	delegates []*delegate
	backlog   backlog

	// postMu guards posted. It may be taken while mu is held, never the other way round.
	postMu  sync.Mutex
	posted  []posting
	waiting atomic.Bool // there is something in posted; read without postMu
}

// delegate is one stay of a Component among the delegates. Its address tells it from others, as not every Component can
// be compared.
type delegate struct{ Component }

// posting is an update that waits for its turn.
type posting struct {
	sender ID
	update Update
}

// NewController makes a Controller that gives out IDs beginning with node, which must be as [ParseNode] wants it.
func NewController(node string) *Controller {
	return &Controller{id: newID(node, 0), node: node, backlog: backlog{slice: usualSlice, whole: usualWhole}}
}

// ID returns the Controller's own ID, the sender of what it says itself.
func (c *Controller) ID() ID { return c.id }

// Delegate has d told of every update from now on, after the delegates that were there before. The function that it
// returns undoes that; once it has returned, d is told of nothing more.
func (c *Controller) Delegate(d Component) (remove func()) {
	added := &delegate{d}
	c.lock()
	defer c.unlock()
	c.delegates = append(c.delegates, added)
	return func() {
		c.lock()
		defer c.unlock()
		c.delegates = slices.DeleteFunc(c.delegates, func(other *delegate) bool { return other == added })
	}
}

// Register gives component an ID, by which others can address it from now on.
func (c *Controller) Register(component Component) ID { return c.IDOf(c.Enroll(component)) }

// Unregister says [PathGone] of id, which undoes all its connections and permits, and forgets it. Once Unregister has
// returned, the component is told of nothing more. It reports whether id was registered.
func (c *Controller) Unregister(id ID) bool {
	c.lock()
	defer c.unlock()
	last := c.backlog.last()
	removed := c.remove(id)
	c.settle(last, maxPending)
	return removed
}

// Find returns the component with this ID, or nil if there is none. It may be called at any time from any goroutine,
// also from a component's Update, and does not wait for updates that are being passed on. The component may be gone the
// moment after. Find keeps nothing of id, which may be a view of bytes that are used again.
func (c *Controller) Find(id ID) Component {
	name, ok := c.nameIn(id)
	if !ok {
		return nil
	}
	hash := hashText(name)
	s := c.registry.shard(hash)
	s.mu.RLock()
	m := s.find(name, hash)
	s.mu.RUnlock()
	if m == nil {
		return nil
	}
	return m.component
}

// Update passes an update to the delegates. It checks nothing: what a command cannot mean is ignored. Those who need to
// know use [Dispatcher.Apply].
func (c *Controller) Update(sender ID, path Path, msg *Message) {
	c.lock()
	defer c.unlock()
	c.passAll(sender, Update{path, msg})
}

// Post has an update take its turn on the timeline and returns at once. It is the one method that a component may call
// from its Update. Posts are passed on in the order in which they came, and a post that is not made from an Update is
// passed on before anything else that the same goroutine gives or asks here afterwards.
func (c *Controller) Post(sender ID, path Path, msg *Message) {
	c.postMu.Lock()
	c.posted = append(c.posted, posting{sender, Update{path, msg}})
	c.waiting.Store(true)
	c.postMu.Unlock()
	if c.tryLock() {
		c.unlock()
	}
}

// lock takes mu and passes on what was posted before.
func (c *Controller) lock() {
	c.mu.Lock()
	c.backlog.refill()
	c.passPosted()
}

// tryLock takes mu if it is free.
func (c *Controller) tryLock() bool {
	if !c.mu.TryLock() {
		return false
	}
	c.backlog.refill()
	return true
}

// unlock passes on what was posted and releases mu. Who posts while another holds mu leaves the passing on to the
// holder, so the holder looks again after it has released mu: a post that came just before would wait for the next
// update otherwise.
func (c *Controller) unlock() {
	for {
		c.passPosted()
		c.mu.Unlock()
		if !c.waiting.Load() || !c.tryLock() {
			return
		}
	}
}

// passPosted passes on what was posted, until there is no more. It is called with mu held.
func (c *Controller) passPosted() {
	for c.waiting.Load() {
		c.postMu.Lock()
		posted := c.posted
		c.posted = nil
		c.waiting.Store(false)
		c.postMu.Unlock()
		for _, p := range posted {
			c.pass(p.sender, p.update.Path, p.update.Message)
		}
	}
}

// passAll passes updates on as one stretch of the timeline, and works off what is too much of them. It returns when
// those with a receipt are told in full. It is called with mu held, and may release it for a while after the stretch.
func (c *Controller) passAll(sender ID, updates ...Update) {
	last, pending := c.backlog.last(), maxPending
	for _, u := range updates {
		c.pass(sender, u.Path, u.Message)
		if u.Message.Receipt() != nil {
			pending = 0
		}
	}
	c.settle(last, pending)
}

// pass is called with mu held.
func (c *Controller) pass(sender ID, path Path, msg *Message) {
	for _, d := range c.delegates {
		d.Update(sender, path, msg)
	}
	if path == PathKick {
		if id, ok := msg.Text(); ok {
			c.remove(ID(id))
		}
	}
}

// remove is called with mu held.
func (c *Controller) remove(id ID) bool {
	m := c.member(id)
	if m == nil {
		return false
	}
	c.pass(c.id, PathGone, TextMessage(string(id), Options{}))
	c.registry.remove(m)
	return true
}

// member returns the member with this ID, or nil. It is called with mu held.
func (c *Controller) member(id ID) *member {
	name, ok := c.nameIn(id)
	if !ok {
		return nil
	}
	hash := hashText(name)
	return c.registry.shard(hash).find(name, hash)
}

// nameIn returns what an ID of this node has behind "<node>-"; ok is false for any other text.
func (c *Controller) nameIn(id ID) (name string, ok bool) {
	n := len(c.node)
	if len(id) <= n || string(id[:n]) != c.node || id[n] != '-' {
		return "", false
	}
	return string(id[n+1:]), true
}

// is tells whether m has this ID.
func (c *Controller) is(m *member, id ID) bool {
	name, ok := c.nameIn(id)
	return ok && name == string(m.name[:m.length])
}

// idOf returns the ID of m, made anew.
func (c *Controller) idOf(m *member) ID {
	var buf [80]byte
	return ID(m.appendID(buf[:0], c.node))
}
