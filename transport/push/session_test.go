package push

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// These tests speak to a session as its transports do.

// bell is a Waiter that counts.
type bell struct{ rung int }

func (b *bell) Wake() { b.rung++ }

func TestSessionSuperseded(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, _ := r.open()
		s, now := r.session(id), time.Now()
		older, newer := new(bell), new(bell)
		if err := s.Park(0, Poll, older, now); err != nil {
			t.Fatal(err)
		}
		if err := s.Park(0, Poll, newer, now); err != nil {
			t.Fatal(err)
		}
		if older.rung != 1 || newer.rung != 0 {
			t.Errorf("woken %d and %d times, want the older once", older.rung, newer.rung)
		}
		if state, _ := s.Ready(older, now); state != Superseded {
			t.Errorf("the older is told %d, want Superseded", state)
		}
		s.Update("", "a", newMessage("1", dispatch.Options{}))
		if _, _, ok := s.Take(nil, older, now); ok {
			t.Error("the older took the answer")
		}
		s.Unpark(older, now)
		if state, _ := s.Ready(newer, now); state != Answer || newer.rung != 1 {
			t.Errorf("the newer is told %d and woken %d times, want Answer and once", state, newer.rung)
		}
		if _, seq, ok := s.Take(nil, newer, now); !ok || seq != 1 {
			t.Errorf("the newer takes %d, %v", seq, ok)
		}
		if _, _, ok := s.Take(nil, newer, now); ok {
			t.Error("it takes twice")
		}
		if n := r.stats.Parked.Load(); n != 0 {
			t.Errorf("%d parked", n)
		}
	})
}

func TestSessionEnded(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, _ := r.open()
		s, w, now := r.session(id), new(bell), time.Now()
		s.Park(0, Poll, w, now)
		r.leave(s)
		r.leave(s)
		r.Push.look(s, now)
		s.Update("", dispatch.PathKick, dispatch.TextMessage("", dispatch.Options{}))
		if n := r.stats.Ended.Counts(); fmt.Sprint(n) != "map[left:1]" || r.places.Load() != 0 || r.stats.Parked.Load() != 0 || w.rung != 1 {
			t.Errorf("ended %v, %d places, %d parked, woken %d times", n, r.places.Load(), r.stats.Parked.Load(), w.rung)
		}
		if state, _ := s.Ready(w, now); state != Ended {
			t.Errorf("Ready = %d, want Ended", state)
		}
		if _, _, ok := s.Take(nil, w, now); ok {
			t.Error("there is something to take")
		}
		if err := s.Park(0, Poll, w, now); err != ErrEnded {
			t.Errorf("Park: %v, want ErrEnded", err)
		}
		s.Unpark(w, now)
		s.Wrote(1, now)
		if n := r.stats.Parked.Load(); n != 0 {
			t.Errorf("%d parked", n)
		}
	})
}

// What is lost is counted by why; what a stream was sent is not lost.
func TestGapsByReason(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open("a", "b")
		describe := func() string {
			text, err := json.Marshal(r.session(id))
			if err != nil {
				t.Fatal(err)
			}
			_, gapped, _ := strings.Cut(string(text), `,"gapped":`)
			return gapped
		}
		want := func(want string) {
			t.Helper()
			if got := describe(); got != want+"}" {
				t.Errorf("got %s, want %s}", got, want)
			}
		}
		want(`0`)
		for range 5 {
			r.update("a", "1")
		}
		time.Sleep(r.made.Queue.Age + r.wheel.tick)
		r.do("GET", "/"+token, "")
		want(`5,"gaps":{"age":5}`)
		for range r.made.Queue.Messages {
			r.update("b", "1")
		}
		lost := r.stats.Gapped.Load() - 5
		want(fmt.Sprintf(`%d,"gaps":{"overflow":%d,"age":5}`, lost+5, lost))
		if lost == 0 {
			t.Error("nothing was lost")
		}
	}, func(c *Config) { c.Expire = time.Hour })
}

// A poll that finds its session ended between being looked up and being parked opens a new one.
func TestSessionEndsUnderPoll(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, token := r.open()
		s := r.session(id)
		s.end()
		if a := r.do("GET", "/"+token, ""); a.code != http.StatusOK || a.id() == id {
			t.Errorf("answered %d with ID %q", a.code, a.id())
		}
		r.forget(s, "left")
	})
}

// Sessions that have ended are not kept until the wheel would have looked at them: clients that come and go at once
// would fill the memory.
func TestEndedSessionsAreForgotten(t *testing.T) {
	inBubble(t, func(r *rig) {
		for i := range 500 {
			id, token := r.open("a")
			if i%2 == 0 {
				r.apply(dispatch.Kick(id))
			} else {
				r.do("DELETE", "/"+token, "")
			}
		}
		synctest.Wait()
		kept := len(r.wheel.all())
		if components, _ := r.dispatcher.Counts(); kept != 0 || r.Sessions() != 0 || components != 0 || r.places.Load() != 0 {
			t.Errorf("kept: %d in the wheel, %d sessions, %d components, %d places", kept, r.Sessions(), components, r.places.Load())
		}
	})
}
