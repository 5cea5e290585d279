package main

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// Tally counts pairs of a session and an update that was for it, and receipts.
type Tally struct {
	Delivered  int // the client saw it
	Gapped     int // a mark stood for it
	Superseded int // a later "latest" update took its place
	Receipts   int // and receipts
}

// total is how many pairs are accounted for.
func (t Tally) total() int { return t.Delivered + t.Gapped + t.Superseded }

func (t *Tally) add(o Tally) {
	t.Delivered += o.Delivered
	t.Gapped += o.Gapped
	t.Superseded += o.Superseded
	t.Receipts += o.Receipts
}

// judge compares what was seen with what has to be. It is for a History to which nothing is added any more.
func judge(h *History) ([]Violation, Tally) {
	var found []Violation
	var tally Tally
	for _, s := range h.Sessions {
		j := &judgement{h: h, s: s}
		tally.add(j.session())
		found = append(found, j.found...)
	}
	found = append(found, judgeOrder(h)...)
	for _, u := range h.Updates {
		if u.Slip != nil {
			tally.Receipts++
			found = append(found, judgeReceipt(h, u)...)
		}
	}
	// What the model says tells more than that a client waits for ever.
	return append(found, h.Found...), tally
}

// judgement is about one session.
type judgement struct {
	h     *History
	s     *Session
	found []Violation
}

func (j *judgement) violated(at time.Duration, what, want, got string, args ...any) {
	j.found = append(j.found, Violation{j.s, what, want, fmt.Sprintf(got, args...), at})
}

func (j *judgement) session() Tally {
	var tally Tally
	last := j.s.Last
	if last == nil && len(j.s.Gots) > 0 {
		last = j.s.Gots[len(j.s.Gots)-1]
	}
	for _, end := range j.s.ends() {
		w := j.newWay(end)
		w.final = j.s.Final && end == last
		w.judge()
		if end == last {
			tally = w.tally
		}
		if len(j.found) > 0 {
			return tally // the other ways would say the same again
		}
	}
	j.forks()
	j.refusals()
	j.resumed()
	return tally
}

// way is one that the session's client went: what it had been given, in order.
type way struct {
	*judgement
	items    []item
	place    map[*Update]int
	paths    map[string][]int // where updates of a path stand
	blanks   []int            // where blank messages stand
	ended    []time.Duration  // the earliest end of an update from there on
	until    time.Duration    // what was over by then has to be accounted for
	complete bool             // what was pending when the last part was taken is in it
	final    bool
	tally    Tally
}

func (j *judgement) newWay(end *Got) *way {
	w := &way{judgement: j, items: j.h.way(end), place: make(map[*Update]int), paths: make(map[string][]int)}
	w.complete = end.Came.Form == formPoll && end.Parent != nil
	return w
}

func (w *way) judge() {
	if w.read(); len(w.found) > 0 {
		return
	}
	w.prepare()
	w.inOrder()
	w.connected()
	w.accounted()
	w.confirmed()
	w.toldOfRestarts()
	w.marks()
}

// read looks at each entry alone: it must be an update that was given, and given to this session, and come once.
func (w *way) read() {
	for i, it := range w.items {
		switch u := it.update; {
		case it.Gap == gapRestart:
			w.restarted(i)
		case it.blank:
			w.blanks = append(w.blanks, i)
			w.asked(i)
		case it.notice != "":
			w.asked(i)
		case it.Path == "::to/"+w.s.ID:
		case u == nil || u.Fate == refused:
			w.violated(it.got.At, "something came that nobody gave", "an update as it was accepted", "%s", it.Raw)
		case w.has(u):
			w.violated(it.got.At, "an update came twice", "it comes once", "%s, at %d and %d", it.Raw, w.place[u], i)
		case u.Except == w.s.ID:
			w.violated(it.got.At, "an update came to the one left out", "it is for all but "+u.Except, "%s", it.Raw)
		case !w.s.possibly(u):
			w.violated(it.got.At, "an update came to one who was not connected", "nothing between a disconnect and a connect",
				"%s", it.Raw)
		default:
			w.place[u] = i
			w.paths[u.Path] = append(w.paths[u.Path], i)
			w.tally.Delivered++
		}
	}
}

// asked wants a connect for each confirmation, and a disconnect or a lapse for each notice.
func (w *way) asked(i int) {
	it, verb := w.items[i], "connect"
	pattern := it.Path
	if it.notice != "" {
		verb, pattern = "disconnect", it.notice
	}
	told, given := 0, 0
	for _, o := range w.items[:i+1] {
		if o.Raw == it.Raw {
			told++
		}
	}
	for _, o := range w.s.Ops {
		if o.gives(verb, pattern) && o.When.from <= it.got.At || verb == "disconnect" && o.gives("connect", pattern) &&
			o.For > 0 && o.lapsedBy(it.got.At) {
			given++
		}
	}
	if it.Gap == "" && told > given {
		w.violated(it.got.At, "a "+verb+" was told that nobody asked for", fmt.Sprintf("%d times at most", given), "%s",
			it.Raw)
	}
}

// gapRestart is the reason of the marks that a session is given where back-ends may have been refused, at all that it is
// connected to. They stand for what was not accepted, and for nothing else; unless marks for which a limit was met have
// become one with them.
const gapRestart = "restart"

// restarted looks at a mark of a restart.
func (w *way) restarted(i int) {
	it := &w.items[i]
	began := func(r span) bool { return r.from < it.got.At }
	if !slices.ContainsFunc(w.h.Restarts, began) {
		w.violated(it.got.At, "a mark has no reason", "this one after a restart alone", "%s", it.Raw)
	}
	if it.blank = w.anyLimit(it.got); it.blank {
		w.blanks = append(w.blanks, i)
	}
}

// toldOfRestarts wants a mark for each connection after each time in which back-ends may have been refused.
func (w *way) toldOfRestarts() {
	for _, r := range w.h.Restarts {
		if !w.s.Opened.before(r) || r.to > w.until {
			continue
		}
		rest := w.items[w.lastBefore(r)+1:]
		for _, p := range w.s.patterns("connect") {
			is := func(it item) bool { return string(it.Message) == `""` && standsFor(it.Path, p) && it.got.At >= r.from }
			if w.s.surelyHeld("connect", "disconnect", p, r) && !slices.ContainsFunc(rest, is) {
				w.violated(r.from, "a restart was not told", "a mark for what may have been refused",
					"none for %s and %v", p, r)
			}
		}
	}
}

func (w *way) has(u *Update) bool {
	_, ok := w.place[u]
	return ok
}

// prepare finds out up to when everything has to be accounted for: something that began later has come.
func (w *way) prepare() {
	w.ended = make([]time.Duration, len(w.items)+1)
	w.ended[len(w.items)] = never
	for i := len(w.items) - 1; i >= 0; i-- {
		w.ended[i] = w.ended[i+1]
		if u := w.items[i].update; u != nil {
			w.ended[i] = min(w.ended[i], u.When.to)
			w.until = max(w.until, u.When.from)
		}
	}
	switch {
	case w.final:
		w.until = never - 1
	case !w.complete:
		w.until = -1 // its marks may not have come
	}
}

// inOrder wants the order of paths, of batches and of time.
func (w *way) inOrder() {
	var latest time.Duration
	batches := make(map[int]int)
	numbers := make(map[string]int)
	for _, it := range w.items {
		u := it.update
		if u == nil {
			continue
		}
		if u.Number < numbers[u.Path] {
			w.violated(it.got.At, "updates of a path came in the wrong order", fmt.Sprintf("%d before %d", u.Number,
				numbers[u.Path]), "%s", it.Raw)
		}
		if u.Place < batches[u.Batch] {
			w.violated(it.got.At, "updates of a batch came in the wrong order", "as they stand in it", "%s", it.Raw)
		}
		if u.When.to <= latest {
			w.violated(it.got.At, "an update came after one that was given later", "what was accepted first comes first",
				"%s", it.Raw)
		}
		numbers[u.Path], batches[u.Batch], latest = u.Number, u.Place, max(latest, u.When.from)
	}
}

// connected wants that updates come between the confirmation of a connect and the notice of the disconnect. A mark may
// have taken the place of either: where it stands for a pattern, nobody knows. Where a confirmation became a mark, that
// stands later than the confirmation did.
func (w *way) connected() {
	open := make(map[string]bool)
	patterns := w.s.patterns("connect")
	for i, it := range w.items {
		switch {
		case it.blank && it.Gap == "":
			open[it.Path] = true
		case it.blank:
			for _, p := range patterns {
				open[p] = open[p] || it.Path == noticePath || standsFor(it.Path, p)
			}
		case it.notice != "":
			open[it.notice] = false
		case it.update != nil && !w.openFor(open, it.update) && w.certain() && !w.markedLater(i, patterns):
			w.violated(it.got.At, "an update came outside of its connection",
				"between the confirmation and the notice of the disconnect", "%s", it.Raw)
		}
	}
}

// certain tells whether a mark that was still to come when this way ended can be left out of account.
func (w *way) certain() bool { return w.final || w.complete }

func (w *way) openFor(open map[string]bool, u *Update) bool {
	for pattern, is := range open {
		if is && matches(pattern, u.Path) {
			return true
		}
	}
	return false
}

func (w *way) markedLater(i int, patterns []string) bool {
	return slices.ContainsFunc(w.blanks, func(b int) bool {
		it := w.items[b]
		return b > i && it.Gap != "" && slices.ContainsFunc(patterns, func(p string) bool {
			return matches(p, w.items[i].Path) && standsFor(it.Path, p)
		})
	})
}

// accounted wants a reason for each update that the session was connected to and that did not come.
func (w *way) accounted() {
	for _, u := range w.h.Updates {
		if w.has(u) || u.Fate != done || u.Except == w.s.ID || !w.demanded(u) {
			continue
		}
		switch {
		case w.covered(u):
			w.tally.Gapped++
		case w.superseded(u):
			w.tally.Superseded++
		default:
			w.violated(u.When.from, "an update is lost", "it comes, or a mark that stands for it", "%s is not there; %s",
				u.Wire, w.around(u))
		}
	}
}

// demanded tells whether u must be accounted for: the session was connected when it was given, and something that was
// given later has come; or what was before and after it at its path has come, and nothing disconnected the session
// meanwhile.
func (w *way) demanded(u *Update) bool {
	before, after := w.neighbours(u)
	if u.When.to <= w.until && w.s.surely(u) {
		return true
	}
	return before != nil && (after != nil && w.certain() || w.final) && w.s.stayed(u.Path, before.When, u.When)
}

// neighbours returns what has come of u's path before and after it; nil for nothing.
func (w *way) neighbours(u *Update) (before, after *Update) {
	list := w.paths[u.Path]
	n := sort.Search(len(list), func(i int) bool { return w.items[list[i]].update.Number > u.Number })
	if n > 0 {
		before = w.items[list[n-1]].update
	}
	if n < len(list) {
		after = w.items[list[n]].update
	}
	return before, after
}

// covered tells whether a blank message stands for u: at its path, before what is newer there; or at a pattern. It
// stands after everything that was before u.
func (w *way) covered(u *Update) bool {
	before, after := w.neighbours(u)
	first := w.lastBefore(u.When)
	if before != nil {
		first = max(first, w.place[before])
	}
	return slices.ContainsFunc(w.blanks, func(i int) bool {
		it := w.items[i]
		if i <= first || it.got.At < u.When.from || !standsFor(it.Path, u.Path) {
			return false
		}
		if it.Path == u.Path {
			return after == nil || i < w.place[after]
		}
		return it.Gap != "" || it.Path != everything
	})
}

// lastBefore returns where the last update stands that was given before when; -1 for nowhere.
func (w *way) lastBefore(when span) int {
	n := sort.Search(len(w.items), func(i int) bool { return w.ended[i] > when.from })
	return n - 1
}

// superseded tells whether a later update may have taken u's place before it was sent. That one must be accounted for
// itself, if it is demanded.
func (w *way) superseded(u *Update) bool {
	if !u.Latest || w.everSent(u) {
		return false
	}
	return slices.ContainsFunc(w.h.Updates, func(v *Update) bool {
		return v.Latest && v.Path == u.Path && v.Number > u.Number && v.Fate != refused && v.Except != w.s.ID &&
			w.s.possibly(v)
	})
}

// everSent tells whether u came on another way: what was sent is not replaced any more.
func (w *way) everSent(u *Update) bool {
	for _, g := range w.s.Gots {
		for i := range g.Entries {
			if g.Entries[i].Raw == u.Wire {
				return true
			}
		}
	}
	return false
}

// confirmed wants a blank message for each connect, and a notice of each disconnect, or a mark that stands for it.
func (w *way) confirmed() {
	for i, o := range w.s.Ops {
		switch {
		case o.Fate != done || o.When.to > w.until:
		case o.Verb == "connect":
			w.told(o, func(it item) bool { return it.blank && standsFor(it.Path, o.Pattern) })
		case o.Verb == "disconnect" && w.surelyOpen(i):
			w.told(o, func(it item) bool {
				return it.notice == o.Pattern || it.blank && it.Gap != "" && standsFor(it.Path, noticePath)
			})
		}
	}
}

// surelyOpen tells whether the pattern of the i-th command was connected when it was given.
func (w *way) surelyOpen(i int) bool {
	o := w.s.Ops[i]
	return w.s.surelyHeld("connect", "disconnect", o.Pattern, span{o.When.from, o.When.from})
}

func (w *way) told(o *Op, is func(item) bool) {
	for _, it := range w.items[w.lastBefore(o.When)+1:] {
		if is(it) && it.got.At >= o.When.from {
			return
		}
	}
	w.violated(o.When.from, "a "+o.Verb+" was not told", "a blank message, a notice, or a mark that stands for it",
		"nothing for %s of %s at %v",
		o.Verb, o.Pattern, o.When)
}

// around tells what came of u's path before and after it.
func (w *way) around(u *Update) string {
	text := func(u *Update) string {
		if u == nil {
			return "nothing"
		}
		return fmt.Sprint(u.Number)
	}
	before, after := w.neighbours(u)
	return fmt.Sprintf("of its path came %s before and %s after it", text(before), text(after))
}
