package dispatch

import (
	"slices"
	"strings"
	"time"
)

// stamp says when a connection was made and by whom, in 4 bytes, as there may be millions: seconds since the Dispatcher
// began, and above them a number of who it was.
type stamp uint32

const (
	stampBits   = 27                    // of the time: four years, after which it stays what it is
	stampEnd    = 1<<stampBits - 1      // the latest time
	mostNumbers = 1 << (32 - stampBits) // how many numbers there are
)

// The numbers of who made a connection. Those from byFirst on are of senders by name.
const (
	byAnother = iota // somebody for whom there was no number, or who is not known
	byItself
	byFirst
)

// stamps knows what stamps mean. It is not safe for concurrent use; the Dispatcher's owner locks.
type stamps struct {
	began   time.Time
	senders []ID // of the numbers from byFirst on: the first who connected others; they are the daemon's own, and few
}

func (s *stamps) init() { s.began = time.Now() }

// make stamps what sender does now, for another component or for itself.
func (s *stamps) make(sender ID, itself bool) stamp {
	seconds := min(s.now(), stampEnd)
	return stamp(s.number(sender, itself)<<stampBits) | stamp(seconds)
}

// number returns the number of sender, and gives it one if it has none and there is one left.
func (s *stamps) number(sender ID, itself bool) int {
	if itself {
		return byItself
	}
	if i := slices.Index(s.senders, sender); i >= 0 {
		return byFirst + i
	}
	if sender == "" || byFirst+len(s.senders) == mostNumbers {
		return byAnother
	}
	s.senders = append(s.senders, ID(strings.Clone(string(sender))))
	return byFirst + len(s.senders) - 1
}

// stampAt stamps what was done so many seconds after the beginning, by whom the number says.
func stampAt(seconds int64, number int) stamp {
	return stamp(number<<stampBits) | stamp(min(max(seconds, 0), stampEnd))
}

// first returns the second in which s began, counted since 1970, by the clock as it is now.
func (s *stamps) first() int64 { return s.time(0).Unix() }

// reach has s begin earlier, so that it can stamp what was done in a second, counted since 1970, and returns by how
// many seconds. It goes back for half of the time that stamps can tell at most, or there would be none for what is to come.
func (s *stamps) reach(second int64) (earlier int64) {
	earlier = max(min(s.first()-second, stampEnd/2-s.now()), 0)
	s.began = s.began.Add(-time.Duration(earlier) * time.Second)
	return earlier
}

// later returns st of a beginning that is so many seconds earlier.
func (st stamp) later(seconds int64) stamp {
	return st&^stampEnd | stamp(min(int64(st&stampEnd)+seconds, stampEnd))
}

// now returns the seconds since s began, whatever was done to the clock since.
func (s *stamps) now() int64 { return int64(time.Since(s.began) / time.Second) }

// time returns when st was made, to the second, by the clock as it is now.
func (s *stamps) time(st stamp) time.Time {
	began := time.Now().Add(-time.Since(s.began)) // not s.began: the clock may have been set since
	return began.Add(time.Duration(st&stampEnd) * time.Second).Truncate(time.Second).UTC()
}

// sender returns who made st for the component itself, or "" if that is not known.
func (s *stamps) sender(st stamp, itself ID) ID {
	switch number := int(st >> stampBits); number {
	case byAnother:
		return ""
	case byItself:
		return itself
	default:
		return s.senders[number-byFirst]
	}
}
