package main

import "fmt"

// ledger is what one client must hear: promise 1 of the protocol, for one client. It is told all that the client is told,
// in order, and finds what should not be.
type ledger struct {
	world  *world
	topics []*topic
	wants  []want // those of the topics' paths, one after the other
	heard  int    // how many updates the client was told, blank ones and marks included
	marks  int    // how many gap marks
	twice  int    // updates that came twice because their call had to be sent twice
}

// want is how far a client is at one path.
type want struct {
	path int32
	last int32 // number of the last update that was heard; none with a lower one may follow
	most int32 // the next one must not have a higher number; 0: nothing must come, as far as is known
	on   bool  // connected, as far as the client was told

	// An update that came before it was: its number, or 0. The confirmation may have become a gap mark, which comes later.
	early int32
}

func newLedger(w *world, topics []*topic) ledger {
	l := ledger{world: w, topics: topics}
	for _, t := range topics {
		for _, path := range t.paths {
			l.wants = append(l.wants, want{path: path})
		}
	}
	return l
}

// forget says that the client has a new session, which is connected to nothing.
func (l *ledger) forget() {
	for i := range l.wants {
		l.wants[i].on, l.wants[i].most, l.wants[i].early = false, 0, 0
	}
}

// of returns the wants of the topic with this index.
func (l *ledger) of(index int) []want {
	first := 0
	for _, t := range l.topics[:index] {
		first += len(t.paths)
	}
	return l.wants[first : first+len(l.topics[index].paths)]
}

// stands says that a connect was answered: what is published from now on must come.
func (l *ledger) stands(index int) {
	for i := range l.of(index) {
		if w := &l.of(index)[i]; w.most == 0 {
			w.most = l.world.paths[w.path].next
		}
	}
}

// flaw is a promise that was broken; "" if none was.
type flaw string

// The kinds of flaws.
const (
	flawAgain    flaw = "repeated, or out of order"
	flawHole     flaw = "hole without a gap mark"
	flawStranger flaw = "heard without being connected"
	flawUnread   flaw = "unreadable"
	flawLost     flaw = "never came"
	flawStatus   flaw = "unexpected answer"
	flawChanged  flaw = "not as it was before the restart"
)

// pathDisconnected is where a client is told that it is connected to a pattern no more.
const pathDisconnected = "::+::disconnect"

// hear takes what the client is told next. It returns what is wrong with it, and the topics that the client has to ask for
// again.
func (l *ledger) hear(u *update) (f flaw, detail string, again []int) {
	l.heard++
	if u.gap != nil {
		l.marks++
	}
	if string(u.path) == pathDisconnected && u.gap == nil {
		return "", "", l.disconnected(u.text())
	}
	if u.blank() {
		again = l.afresh(u)
		f, detail = l.unmarked(u)
		return f, detail, again
	}
	number, _, ok := u.stamp()
	if !ok {
		return flawUnread, fmt.Sprintf("%s %s", u.path, u.message), nil
	}
	f, detail = l.numbered(u, number)
	return f, detail, nil
}

// numbered takes an update.
func (l *ledger) numbered(u *update, number int32) (flaw, string) {
	w := l.find(u.path)
	if w == nil {
		return flawStranger, fmt.Sprintf("%s: number %d", u.path, number)
	}
	if !w.on && w.early == 0 {
		w.early = number
	}
	p := &l.world.paths[w.path]
	last, most := w.last, w.most
	w.last, w.most = max(last, number), max(last, number)+1
	switch {
	case number <= last && p.unsure[number]:
		l.twice++
	case number <= last:
		return flawAgain, fmt.Sprintf("%s: number %d after %d", u.path, number, last)
	case most != 0 && number > most && !p.latest:
		return flawHole, fmt.Sprintf("%s: number %d after %d, at most %d was due", u.path, number, last, most)
	}
	return "", ""
}

// unmarked finds what came before its client was connected, and was followed by a confirmation that is no mark.
func (l *ledger) unmarked(u *update) (flaw, string) {
	for i := range l.wants {
		w := &l.wants[i]
		if w.early == 0 || !w.on {
			continue
		}
		early := w.early
		if w.early = 0; u.gap == nil {
			return flawStranger, fmt.Sprintf("%s: number %d", l.world.paths[w.path].name, early)
		}
	}
	return "", ""
}

// find returns the want of a path; nil if there is none.
func (l *ledger) find(path []byte) *want {
	index, ok := l.world.index[string(path)]
	for i := range l.wants {
		if ok && l.wants[i].path == index {
			return &l.wants[i]
		}
	}
	return nil
}

// afresh takes a blank message: the confirmation of a connect, or a gap mark, after which what is published from now on
// must come. A connect that stood already leaves no hole. A mark that may stand for the end of a lease does not say of
// which: these topics are asked for again, and nothing must come there until that is answered.
func (l *ledger) afresh(u *update) (again []int) {
	ended := u.gap != nil && (string(u.path) == pathDisconnected || string(u.path) == "**")
	for i, t := range l.topics {
		if ended && t.lease > 0 {
			again = append(again, i)
		}
		wants := l.of(i)
		for k := range wants {
			w := &wants[k]
			p := &l.world.paths[w.path]
			switch {
			case ended && t.lease > 0:
				w.on, w.most = true, 0
			case !t.covers(u.path) && p.name != string(u.path):
			default:
				if u.gap != nil || w.most == 0 {
					w.most = p.next
				}
				w.on = true
			}
		}
	}
	return again
}

// disconnected takes the end of a lease, and returns whose.
func (l *ledger) disconnected(pattern string) []int {
	for i, t := range l.topics {
		if t.pattern != pattern {
			continue
		}
		wants := l.of(i)
		for k := range wants {
			wants[k].on, wants[k].most = false, 0
		}
		return []int{i}
	}
	return nil
}

// missing returns what must have come by now and has not, when all is quiet; "" if there is nothing.
func (l *ledger) missing() string {
	for i := range l.wants {
		w := &l.wants[i]
		p := &l.world.paths[w.path]
		if w.early != 0 {
			return fmt.Sprintf("%s: number %d came without a connect that was confirmed", p.name, w.early)
		}
		if newest := p.next - 1; w.most != 0 && newest >= w.most {
			return fmt.Sprintf("%s: number %d never came after %d", p.name, newest, w.last)
		}
	}
	return ""
}

// connected tells whether the client was told that it is connected to everything that has no lease.
func (l *ledger) connected() bool {
	for i, t := range l.topics {
		if t.lease == 0 && !l.of(i)[0].on {
			return false
		}
	}
	return true
}
