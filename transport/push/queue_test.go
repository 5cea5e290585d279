package push

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// String writes the entries as "seq:path=message", "seq:path#gap" for marks.
func (q *queue) String() string {
	if q.held == nil {
		return ""
	}
	texts := make([]string, len(q.held.entries))
	for i, e := range q.held.entries {
		texts[i] = fmt.Sprintf("%d:%s=%s", e.seq, e.path, e.message.JSON())
		if e.mark() {
			texts[i] = fmt.Sprintf("%d:%s#%s", e.seq, e.path, e.message.Gap())
		}
	}
	return strings.Join(texts, " ")
}

// check finds what can never be so in a queue.
func (q *queue) check() error {
	b := q.held
	if b == nil {
		return nil
	}
	bytes, seq := 0, q.confirmed
	for i := range b.entries {
		e := &b.entries[i]
		if e.seq <= seq || e.seq > b.last {
			return fmt.Errorf("entry %d has the number %d after %d; the last given was %d", i, e.seq, seq, b.last)
		}
		if i < b.faded && (e.seq > b.sent || !e.message.Blank()) {
			return fmt.Errorf("entry %d has faded, and is no mark or was not sent", i)
		}
		seq = e.seq
		bytes += e.size()
	}
	if bytes != b.bytes {
		return fmt.Errorf("bytes = %d, want %d", b.bytes, bytes)
	}
	if q.confirmed > b.given || b.given > b.sent || b.written > b.sent || b.sent > b.last {
		return fmt.Errorf("confirmed %d, given %d, written %d, sent %d, last %d: out of order", q.confirmed, b.given, b.written, b.sent, b.last)
	}
	if seq != b.last {
		return fmt.Errorf("the last entry is %d, the last that was given %d", seq, b.last)
	}
	return nil
}

// script runs steps on a queue: "a=1" puts 1 at a, "a!1" the same as Latest, "take" takes all, "confirm 3" confirms,
// "write 3" says that was written, "again" has another waiter come, "keep 4" keeps 4 messages that were written; "trim 4"
// trims to 4 messages, "bytes 200" to 200 bytes, "age 2s" expires what is older; "sleep 1s" lets time pass.
func (q *queue) script(t *testing.T, steps string, patterns ...dispatch.Pattern) (lost int) {
	t.Helper()
	for step := range strings.SplitSeq(steps, "; ") {
		word, rest, _ := strings.Cut(step, " ")
		var n int
		fmt.Sscan(rest, &n)
		d, _ := time.ParseDuration(rest)
		switch word {
		case "take":
			q.take(nil, everyEntry)
		case "write":
			q.wrote(uint64(n), func(*dispatch.Message) {})
		case "again":
			q.again()
		case "keep":
			q.held.keep(n, q.held.written, QueueLimits{Messages: 1000, Bytes: 1 << 20}, patterns)
		case "confirm":
			q.confirm(uint64(n))
		case "trim":
			lost += q.held.trim(QueueLimits{Messages: n, Bytes: 1 << 20}, patterns)
		case "bytes":
			lost += q.held.trim(QueueLimits{Messages: 1000, Bytes: n}, patterns)
		case "age":
			lost += q.expire(QueueLimits{Messages: 1000, Bytes: 1 << 20, Age: d}, patterns, time.Now())
		case "sleep":
			time.Sleep(d)
		default:
			i := strings.IndexAny(step, "=!")
			message := newMessage(step[i+1:], dispatch.Options{Latest: step[i] == '!'})
			q.put(dispatch.Path(step[:i]), message)
		}
		if err := q.check(); err != nil {
			t.Fatalf("after %q: %v", step, err)
		}
	}
	return lost
}

func TestQueue(t *testing.T) {
	for _, test := range []struct {
		name, steps, want string
		patterns          []dispatch.Pattern
		lost              int
	}{
		{name: "in order", steps: "a=1; b=2; a=3", want: "1:a=1 2:b=2 3:a=3"},
		{name: "confirm all", steps: "a=1; b=2; take; confirm 2", want: ""},
		{name: "confirm none", steps: "a=1; b=2; take; confirm 0", want: "1:a=1 2:b=2"},
		{name: "confirm in the middle", steps: "a=1; take; b=2; c=3; take; confirm 1", want: "2:b=2 3:c=3"},
		{name: "confirm in a hole", steps: "a=1; a!2; a!3; take; confirm 2", want: "3:a=3"},
		{name: "numbers go on after all was confirmed", steps: "a=1; take; confirm 1; b=2", want: "2:b=2"},

		{name: "latest replaces", steps: "a!1; a!2", want: "2:a=2"},
		{name: "latest replaces across others", steps: "a!1; b=2; a!3", want: "2:b=2 3:a=3"},
		{name: "latest replaces one of its path only", steps: "a!1; b!2; a!3", want: "2:b=2 3:a=3"},
		{name: "latest does not replace an ordinary one", steps: "a=1; a!2", want: "1:a=1 2:a=2"},
		{name: "an ordinary one replaces none", steps: "a!1; a=2", want: "1:a=1 2:a=2"},
		{name: "latest looks beyond an ordinary one", steps: "a!1; a=2; a!3", want: "2:a=2 3:a=3"},
		{name: "latest replaces nothing that was sent", steps: "a!1; take; a!2; a!3", want: "1:a=1 3:a=3"},

		{name: "within limits", steps: "a=1; b=2; trim 2", want: "1:a=1 2:b=2"},
		{name: "overflow of one path", steps: "a=1; a=2; a=3; trim 2", want: "4:a#overflow", lost: 3},
		{name: "the oldest paths go, until half is left", steps: "a=1; a=2; a=3; b=4; b=5; c=6; d=7; a=8; trim 7", lost: 6,
			want: "6:c=6 7:d=7 9:a#overflow 10:b#overflow"},
		{name: "one mark a path", steps: "a=1; a=2; a=3; a=4; a=5; trim 4; a=6; a=7; a=8; b=9; trim 4", lost: 8,
			want: "10:b=9 11:a#overflow"},
		{name: "a mark stays where it is while newer ones of its path are kept", lost: 4, want: "5:a#overflow 6:a=5 7:b=6",
			steps: "a=1; a=2; a=3; a=4; trim 3; a=5; b=6; trim 3"},
		{name: "what was sent goes too", steps: "a=1; a=2; a=3; take; b=4; trim 3", lost: 3, want: "3:a#overflow 4:b=4"},
		{name: "it is confirmed like what was sent", steps: "a=1; a=2; a=3; take; b=4; trim 3; confirm 3", lost: 3, want: "4:b=4"},
		{name: "what was written is not known to be lost", steps: "a=1; a=2; a=3; take; write 2; b=4; trim 3", lost: 1,
			want: "3:a#overflow 4:b=4"},
		{name: "what was sent goes first", lost: 5, want: "2:a#overflow 5:b#overflow 6:c=6 7:a=7 8:e=8 9:f=9",
			steps: "a=1; a=2; b=3; b=4; b=5; take; c=6; a=7; e=8; f=9; trim 8"},
		{name: "only as much of it as has to", lost: 5, want: "4:a#overflow 5:b#overflow 6:a=6 7:a=7 8:a=8 9:a=9",
			steps: "a=1; a=2; b=3; a=4; b=5; a=6; a=7; a=8; take; a=9; trim 8"},
		{name: "what was sent, and then what was not", lost: 8,
			want:  "2:a#overflow 9:e=9 10:f=10 11:g=11 12:h=12 13:i=13 14:c#overflow 15:d#overflow",
			steps: "a=1; a=2; take; c=3; d=4; c=5; d=6; c=7; d=8; e=9; f=10; g=11; h=12; i=13; trim 12"},
		{name: "a mark for everything stands for what has faded too", lost: 3, want: "4:c=4 5:d=5 7:**#overflow",
			steps: "a=1; b=2; take; a=3; c=4; d=5; trim 4"},
		{name: "faded marks fold to a pattern", patterns: []dispatch.Pattern{"x/*"}, lost: 6,
			want: "6:x/*#overflow 7:y=7 8:y=8 9:y=9", steps: "x/1=1; x/2=2; x/3=3; x/4=4; x/5=5; x/6=6; y=7; take; y=8; y=9; trim 7"},
		{name: "faded marks fold to everything", lost: 6,
			want: "6:**#overflow 7:y=7 8:y=8 9:y=9", steps: "x/1=1; x/2=2; x/3=3; x/4=4; x/5=5; x/6=6; y=7; take; y=8; y=9; trim 7"},
		{name: "a stream keeps what was written last", steps: "a=1; a=2; a=3; b=4; a=5; take; write 5; keep 5; keep 4",
			want: "2:a#resume 3:a=3 4:b=4 5:a=5"},
		{name: "what fades again", steps: "a=1; a=2; a=3; a=4; b=5; take; write 5; keep 4; c=6; c=7; take; write 7; keep 4",
			want: "4:a#resume 5:b=5 6:c=6 7:c=7"},
		{name: "none is kept", steps: "a=1; b=2; take; write 2; keep 0; c=3; take; write 3; keep 0", want: "3:**#resume"},
		{name: "what was not given again does not fade", steps: "a=1; a=2; a=3; take; write 3; again; keep 1", want: "1:a=1 2:a=2 3:a=3"},
		{name: "what was not written does not fade", steps: "a=1; a=2; a=3; take; write 1; keep 1", want: "1:a=1 2:a=2 3:a=3"},
		{name: "a confirmation of a connect stays one", steps: `a=""; a=1; b=""; take; write 3; keep 0`, want: `3:**#resume`},
		{name: "it stays one alone", steps: `b=""; a=1; take; write 2; keep 1`, want: `1:b="" 2:a=1`},
		{name: "marks of what has faded are confirmed", steps: "a=1; b=2; a=3; take; write 3; keep 2; confirm 1", want: "2:b=2 3:a=3"},
		{name: "marks fold to a pattern", patterns: []dispatch.Pattern{"x/*"}, lost: 4,
			want:  "5:x/5=5 6:y=6 7:y=7 12:x/*#overflow",
			steps: "x/1=1; x/2=2; x/3=3; x/4=4; x/5=5; y=6; y=7; trim 6"},
		{name: "marks fold to the first pattern that covers", patterns: []dispatch.Pattern{"z/*", "x/**", "x/*"}, lost: 3,
			want: "4:x/4=4 5:y=5 9:x/**#overflow", steps: "x/1=1; x/2=2; x/3=3; x/4=4; y=5; trim 4"},
		{name: "marks fold to everything", lost: 4, patterns: []dispatch.Pattern{"z/*"},
			want:  "5:x/5=5 6:y=6 7:y=7 12:**#overflow",
			steps: "x/1=1; x/2=2; x/3=3; x/4=4; x/5=5; y=6; y=7; trim 6"},
		{name: "marks of system paths do not fold to patterns", patterns: []dispatch.Pattern{"*/*", "*"}, lost: 4,
			want: "5:x=5 6:y=6 11:**#overflow", steps: "::members/a=1; ::members/b=2; ::members/c=3; ::+::disconnect=4; x=5; y=6; trim 4"},
		{name: "pattern marks fold to everything", patterns: []dispatch.Pattern{"x/*", "y/*"}, lost: 8, want: "9:v=9 20:**#overflow",
			steps: "x/1=1; x/2=2; x/3=3; y/1=4; y/2=5; y/3=6; w=7; z=8; v=9; trim 2"},
		{name: "the limit is two at least", steps: "a=1; b=2; trim 1; c=3; trim 1", lost: 2, want: "3:c=3 6:**#overflow"},

		{name: "bytes", steps: `a="` + strings.Repeat("x", 100) + `"; b="12345"; c=1; bytes 300`, lost: 1,
			want: `2:b="12345" 3:c=1 4:a#overflow`},
		{name: "one that is too large", steps: `a="` + strings.Repeat("x", 300) + `"; bytes 300`, lost: 1, want: "2:a#overflow"},
		{name: "one that is too large beside others", steps: `b=1; a="` + strings.Repeat("x", 300) + `"; bytes 300`, lost: 2,
			want: "3:b#overflow 4:a#overflow"},

		{name: "age", steps: "a=1; b=2; sleep 5s; c=3; age 4s", lost: 2, want: "3:c=3 4:a#age 5:b#age"},
		{name: "age takes the newer of the path too", steps: "a=1; sleep 5s; a=2; b=3; age 4s", lost: 2, want: "3:b=3 4:a#age"},
		{name: "age takes no mark again", steps: "a=1; sleep 5s; age 4s; sleep 5s; age 4s; b=1", lost: 1, want: "2:a#age 3:b=1"},
		{name: "exactly as old as may be", steps: "a=1; sleep 4s; age 4s", want: "1:a=1"},
		{name: "age after latest", steps: "a!1; b=2; sleep 5s; a!3; age 4s", lost: 1, want: "3:a=3 4:b#age"},
		{name: "age of what was sent", steps: "a=1; b=2; a=3; take; sleep 5s; a=4; age 4s", lost: 3, want: "2:b#age 3:a#age 4:a=4"},
		{name: "age of what was sent and what was not", steps: "a=1; take; a=2; sleep 5s; b=3; age 4s", lost: 2, want: "1:a#age 3:b=3 4:a#age"},
		{name: "age of confirmations that were sent", steps: `a=""; b=1; c=""; take; sleep 5s; age 4s`, lost: 1, want: `1:a="" 2:b#age 3:c=""`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var q queue
				lost := q.script(t, test.steps, test.patterns...)
				if got := q.String(); got != test.want || lost != test.lost {
					t.Errorf("%s\ngot  %s, %d lost\nwant %s, %d lost", test.steps, got, lost, test.want, test.lost)
				}
			})
		})
	}
}

// A Latest message further back than lookBack is replaced no later than when the client would see both.
func TestQueueLatestFarBack(t *testing.T) { synctest.Test(t, testQueueLatestFarBack) }

func testQueueLatestFarBack(t *testing.T) {
	settled := dispatch.NewReceipt()
	fill := func(q *queue) {
		q.put("a", newMessage("1", dispatch.Options{Latest: true, Receipt: settled}))
		time.Sleep(time.Minute)
		for range lookBack {
			q.put("b", newMessage("2", dispatch.Options{}))
		}
		q.put("a", newMessage("3", dispatch.Options{Latest: true}))
	}
	settled.Match()
	settled.Close()

	var q queue
	fill(&q)
	entries, cursor := q.take(nil, everyEntry)
	if len(entries) != lookBack+1 || entries[0].path != "b" || cursor != lookBack+2 {
		t.Errorf("took %d entries from %s on, cursor %d; want %d from b on, cursor %d", len(entries), entries[0].path, cursor, lookBack+1, lookBack+2)
	}
	if err := q.check(); err != nil {
		t.Error(err)
	}
	select {
	case <-settled.Done():
	default:
		t.Error("the receipt of the one that was replaced is not settled")
	}

	settled = nil
	var trimmed queue
	fill(&trimmed)
	if lost := trimmed.held.trim(QueueLimits{Messages: lookBack + 1, Bytes: 1 << 20}, nil); lost != lookBack {
		t.Errorf("trim lost %d, want the %d at b alone", lost, lookBack)
	}
	if got := trimmed.String(); got != "66:a=3 67:b#overflow" {
		t.Errorf("after trim: %s", got)
	}

	var expired queue
	fill(&expired)
	if lost := expired.expire(QueueLimits{Messages: 1000, Bytes: 1 << 20, Age: time.Second}, nil, time.Now()); lost != 0 {
		t.Errorf("expire lost %d, though the old one had been replaced", lost)
	}
}

// Many sensors that report their latest values stay within the limit without a gap, however much is reported.
func TestQueueLatestFlood(t *testing.T) {
	limits := QueueLimits{Messages: 1000, Bytes: 1 << 20}
	var q queue
	for i := range 100_000 {
		q.put(dispatch.Path(fmt.Sprintf("sensor/%d", i%500)), newMessage(fmt.Sprint(i), dispatch.Options{Latest: true}))
		if lost := q.held.trim(limits, nil); lost > 0 {
			t.Fatalf("%d lost after %d", lost, i)
		}
	}
	entries, _ := q.take(nil, everyEntry)
	if len(entries) != 500 || entries[0].message.JSON() != "99500" {
		t.Errorf("took %d entries from %s on, want 500 from 99500 on", len(entries), entries[0].message.JSON())
	}
}

// A client with very many patterns is told to load everything rather than have each looked through on the timeline.
func TestQueueFoldsFewPatterns(t *testing.T) {
	patterns := make([]dispatch.Pattern, maxFolds+1)
	for i := range patterns {
		patterns[i] = dispatch.Pattern(fmt.Sprintf("p%d/*", i))
	}
	var q queue
	for i := range 100 {
		q.put(dispatch.Path(fmt.Sprintf("p%d/%d", maxFolds, i)), newMessage("1", dispatch.Options{}))
	}
	q.held.trim(QueueLimits{Messages: 99, Bytes: 1 << 20}, patterns)
	if got, want := q.held.entries[len(q.held.entries)-1].path, dispatch.Path(everything); got != want {
		t.Errorf("the last mark is at %s, want %s", got, want)
	}
}

func TestQueueWrote(t *testing.T) {
	var seen []string
	note := func(m *dispatch.Message) { seen = append(seen, m.JSON()) }
	var q queue
	q.put("a", newMessage("1", dispatch.Options{}))
	q.put("b", newMessage("2", dispatch.Options{}))
	_, first := q.take(nil, everyEntry)
	q.put("c", newMessage("3", dispatch.Options{}))
	q.put("d", dispatch.GapMessage(gapAge))
	_, second := q.take(nil, everyEntry)
	q.wrote(first, note)
	q.wrote(first, note)
	q.wrote(second, note)
	if got := fmt.Sprint(seen); got != "[1 2 3]" {
		t.Errorf("seen %s, want each update once, and no mark", got)
	}
}
