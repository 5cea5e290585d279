package load

import "slices"

// verdict is what a delivery is.
type verdict int

const (
	fresh    verdict = iota // it was missing, and none after it has come
	late                    // it was missing, and a later one came before
	repeated                // it had come
)

// tally keeps which messages of one path, numbered from 0, a client has been given. Its zero value has none.
type tally struct {
	next  int    // one more than the highest that has come
	holes []span // what is missing below that, in order
}

// span is the numbers from first to before last.
type span struct{ first, last int }

func (t *tally) reset() { *t = tally{holes: t.holes[:0]} }

// take notes a delivery.
func (t *tally) take(seq int) verdict {
	if seq >= t.next {
		if seq > t.next {
			t.holes = append(t.holes, span{t.next, seq})
		}
		t.next = seq + 1
		return fresh
	}
	for i, hole := range t.holes {
		if hole.first <= seq && seq < hole.last {
			t.fill(i, seq)
			return late
		}
	}
	return repeated
}

// fill takes a number out of a hole.
func (t *tally) fill(i, seq int) {
	hole := t.holes[i]
	var parts []span
	for _, part := range []span{{hole.first, seq}, {seq + 1, hole.last}} {
		if part.first < part.last {
			parts = append(parts, part)
		}
	}
	t.holes = slices.Replace(t.holes, i, i+1, parts...)
}
