package dispatch

import (
	"slices"
	"strings"
	"time"
)

// Dispatcher is the delegate that knows which component wants which path. It obeys the commands that come by on the
// timeline and tells every other update to the components connected to its path. Its methods may be called from any
// goroutine, but not from a component's Update.
type Dispatcher struct {
	controller *Controller

	// The Controller's lock guards what follows.
	limits    Limits
	observer  Component // nil for none; see Observe
	tree      tree
	permits   map[*member][]Pattern // where components may publish; most may nowhere
	leases    leases
	stamps    stamps
	joined    int      // how many connections there are
	watchers  int      // how many connections there are to system paths about members
	delivered uint64   // counts deliveries; see member.fresh
	matched   []*topic // scratch of deliver
}

// Limits bound what components may hold here; 0 is no limit.
type Limits struct {
	Paths         int // patterns that one is connected to
	Permits       int // patterns that one may publish at
	Subscriptions int // connections of all components together
}

// NewDispatcher makes a Dispatcher and makes it a delegate of c.
func NewDispatcher(c *Controller) *Dispatcher {
	d := &Dispatcher{controller: c, permits: make(map[*member][]Pattern)}
	d.leases.init(d.lapse)
	d.stamps.init()
	c.Delegate(d)
	return d
}

// SetLimits bounds what components may hold from now on. What they already hold stays.
func (d *Dispatcher) SetLimits(limits Limits) {
	d.controller.lock()
	defer d.controller.unlock()
	d.limits = limits
}

// Observe has o told of every command from now on that is obeyed, as on the timeline, where it is; what is no command, or
// cannot be obeyed, it is not told of. There is one observer: o takes the place of another, and nil is none.
func (d *Dispatcher) Observe(o Component) {
	d.controller.lock()
	defer d.controller.unlock()
	d.observer = o
}

// Close stops the clock by which connects and permits lapse, for good, and returns when everybody is told of all that
// was given. Who gives an update after that tells everybody before it returns.
func (d *Dispatcher) Close() error {
	d.stop()
	d.controller.backlog.worker.Wait()
	return nil
}

func (d *Dispatcher) stop() {
	d.controller.lock()
	defer d.controller.unlock()
	d.leases.stop()
	d.controller.close()
}

// Update implements [Component]: the Controller calls it with every update.
func (d *Dispatcher) Update(sender ID, path Path, msg *Message) {
	if path.System() {
		d.obey(sender, path, msg)
		return
	}
	d.deliver(sender, path, msg)
}

// Apply passes updates to the delegates as one uninterrupted stretch of the timeline. When one of them cannot be taken
// it changes nothing and returns an *[UpdateError] that says which one, and why. Apply has a back-end's powers: updates
// may be commands.
func (d *Dispatcher) Apply(sender ID, updates ...Update) error {
	d.controller.lock()
	defer d.controller.unlock()
	if err := d.check(updates); err != nil {
		return err
	}
	d.controller.passAll(sender, updates...)
	return nil
}

// Publish is [Dispatcher.Apply] with a client's powers: every path must be one that the client was permitted to publish
// at, and none may be a command.
func (d *Dispatcher) Publish(client ID, updates ...Update) error {
	d.controller.lock()
	defer d.controller.unlock()
	m := d.controller.member(client)
	if m == nil {
		return ErrUnknownID
	}
	for i, u := range updates {
		if !d.mayPublish(m, u.Path) {
			return &UpdateError{i, u.Path, ErrNotPermitted}
		}
	}
	d.controller.passAll(client, updates...)
	return nil
}

// mayPublish tells whether a permit of m covers path. No permit covers a command, whatever its pattern.
func (d *Dispatcher) mayPublish(m *member, path Path) bool {
	matches := func(p Pattern) bool { return p.Matches(path) }
	return !path.System() && slices.ContainsFunc(d.permits[m], matches)
}

// deliver tells msg to every component connected to path, once. It is the work that rootsd exists for. Where they are
// very many, most of them are told in later turns.
func (d *Dispatcher) deliver(sender ID, path Path, msg *Message) {
	d.matched = d.tree.match(path, d.matched[:0])
	var except *member
	if msg.options.Except != "" && !planted("tell-excepted") {
		except = d.controller.member(msg.options.Except)
	}
	if !d.controller.backlog.short(d.matched) {
		d.controller.fanOut(&fanOut{
			sender: sender, path: path, msg: msg, except: except, topics: slices.Clone(d.matched),
		})
		return
	}
	if len(d.matched) == 1 {
		d.matched[0].tell(except.place(d.matched[0]), sender, path, msg)
		return
	}
	d.delivered++
	for _, top := range d.matched {
		for i := range top.count() {
			if m := top.at(i).member; m != except && m.fresh(d.delivered) {
				m.component.Update(sender, path, msg)
			}
		}
	}
}

// tell tells one component, after all that it was to be told before.
func (d *Dispatcher) tell(m *member, sender ID, path Path, msg *Message) {
	d.controller.backlog.catchUp(m)
	m.component.Update(sender, path, msg)
}

// obey does what a command says, and then tells it to those who are connected to its path.
func (d *Dispatcher) obey(sender ID, path Path, msg *Message) {
	switch path {
	case PathGone:
		d.gone(msg)
	case PathKick:
		if !d.kick(sender, msg) {
			return
		}
	case PathConnect, PathDisconnect, PathPermit, PathForbid:
		o, err := parseOrder(msg)
		m := d.controller.member(o.id)
		if err != nil || m == nil || !d.obeyOrder(sender, m, o.pattern, path, msg.options.For) {
			return
		}
	default:
		id, ok := strings.CutPrefix(string(path), pathTo)
		if m := d.controller.member(ID(id)); ok && m != nil {
			d.tell(m, sender, path, msg)
		}
		return
	}
	if d.observer != nil {
		d.observer.Update(sender, path, msg)
	}
	d.deliver(sender, path, msg)
}

func (d *Dispatcher) obeyOrder(sender ID, m *member, pattern Pattern, path Path, term time.Duration) (done bool) {
	switch path {
	case PathConnect:
		return d.connect(sender, m, pattern, term)
	case PathDisconnect:
		return d.disconnect(m, pattern)
	case PathPermit:
		return d.permit(m, pattern, term)
	default:
		return d.forbid(m, pattern)
	}
}

// connect connects m to pattern and confirms it with a blank message, also where it was connected before: the blank one
// says that the view starts afresh.
func (d *Dispatcher) connect(sender ID, m *member, pattern Pattern, term time.Duration) bool {
	top := d.tree.find(pattern)
	added := m.find(top) < 0
	if added {
		if d.limits.Paths > 0 && m.count() >= d.limits.Paths || d.full() {
			return false
		}
		if top == nil {
			top = d.tree.add(pattern)
		}
		d.join(m, top, d.stamps.make(sender, d.controller.is(m, sender)))
		if isMembers(pattern) {
			d.watchers++
		}
	}
	// The topic's own text is all that is kept of the pattern: the command's may be part of a longer one.
	pattern = top.pattern()
	d.leases.set(lease{m, pattern, PathDisconnect}, term)
	if !planted("no-blank") {
		d.tell(m, d.controller.id, Path(pattern), blank)
	}
	if added {
		d.announce("enter", m, pattern)
	}
	d.tellHere(m, pattern)
	return true
}

// full tells whether there are as many connections as there may be.
func (d *Dispatcher) full() bool {
	return d.limits.Subscriptions > 0 && d.joined >= d.limits.Subscriptions
}

// join connects m to top. No update that was given before is for it.
func (d *Dispatcher) join(m *member, top *topic, made stamp) {
	b := &d.controller.backlog
	b.catchUp(m)
	m.join(top, made)
	d.joined++
	b.note(m)
}

// leave takes the i-th connection of m away, after m is told of what was given before, and so is the one that takes its
// place.
func (d *Dispatcher) leave(m *member, i int) {
	b, top := &d.controller.backlog, m.at(i).topic
	b.catchUp(m)
	b.catchUp(top.at(top.count() - 1).member)
	m.leave(i)
	d.joined--
	b.note(m)
}

// disconnect undoes connect and tells m of it.
func (d *Dispatcher) disconnect(m *member, pattern Pattern) bool {
	i := m.find(d.tree.find(pattern))
	if i < 0 {
		return false
	}
	if !planted("after-disconnect") {
		d.sever(m, i)
	}
	d.tell(m, d.controller.id, PathDisconnected, TextMessage(string(pattern), Options{}))
	d.announce("leave", m, pattern)
	return true
}

// sever takes the i-th connection of m away.
func (d *Dispatcher) sever(m *member, i int) {
	top := m.at(i).topic
	if d.leave(m, i); top.count() == 0 {
		d.tree.remove(top)
	}
	if isMembers(top.pattern()) {
		d.watchers--
	}
	d.leases.set(lease{m, top.pattern(), PathDisconnect}, 0)
}

func (d *Dispatcher) permit(m *member, pattern Pattern, term time.Duration) bool {
	permits := d.permits[m]
	if !slices.Contains(permits, pattern) {
		if d.limits.Permits > 0 && len(permits) >= d.limits.Permits {
			return false
		}
		d.permits[m] = append(permits, pattern)
	}
	d.leases.set(lease{m, pattern, PathForbid}, term)
	return true
}

func (d *Dispatcher) forbid(m *member, pattern Pattern) bool {
	permits := d.permits[m]
	i := slices.Index(permits, pattern)
	if i < 0 {
		return false
	}
	if d.permits[m] = slices.Delete(permits, i, i+1); len(permits) == 1 {
		delete(d.permits, m)
	}
	d.leases.set(lease{m, pattern, PathForbid}, 0)
	return true
}

// kick tells the component that it is to end. The Controller forgets it once all delegates have seen the command.
func (d *Dispatcher) kick(sender ID, msg *Message) bool {
	id, ok := msg.Text()
	m := d.controller.member(ID(id))
	if !ok || m == nil {
		return false
	}
	d.tell(m, sender, PathKick, msg)
	return true
}

// gone undoes all that a component had here. Those who watch a path's members hear it of each path it was connected to;
// the component itself, which may have watched, is told of nothing more.
func (d *Dispatcher) gone(msg *Message) {
	id, _ := msg.Text()
	m := d.controller.member(ID(id))
	if m == nil {
		return
	}
	var left []Pattern
	for last := m.count() - 1; last >= 0; last-- {
		if d.watchers > 0 {
			left = append(left, m.at(last).topic.pattern())
		}
		d.sever(m, last)
	}
	d.controller.backlog.forget(m)
	for _, pattern := range left {
		d.announce("leave", m, pattern)
	}
	for _, pattern := range d.permits[m] {
		d.leases.set(lease{m, pattern, PathForbid}, 0)
	}
	delete(d.permits, m)
}
