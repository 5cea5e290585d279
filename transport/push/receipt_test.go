package push

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// twoMatched makes a receipt that wants to be settled once more than it is by the session under test, so that settling
// twice shows.
func twoMatched() *dispatch.Receipt {
	r := dispatch.NewReceipt()
	r.Match()
	r.Match()
	r.Close()
	return r
}

// settledOnce wants a receipt made by twoMatched to be settled once.
func settledOnce(r *dispatch.Receipt) error {
	if closed(r.Done()) {
		return fmt.Errorf("settled twice: %+v", r.Counts())
	}
	if r.Settle(); !closed(r.Done()) {
		return fmt.Errorf("not settled: %+v", r.Counts())
	}
	return nil
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// TestReceipts goes through every way in which an update can end. Each begins with a client that is connected to a and
// was told nothing, and an update at a.
func TestReceipts(t *testing.T) {
	poll := func(r *rig, token string) string {
		time.Sleep(r.made.Bundle)
		return r.do("GET", "/"+token, "").ReconnectWith
	}
	for _, test := range []struct {
		name   string
		latest bool
		then   func(r *rig, id dispatch.ID, token string)
		want   dispatch.Counts // without the one that twoMatched adds
		open   bool            // not settled yet
	}{
		{name: "waits", then: func(*rig, dispatch.ID, string) {}, want: dispatch.Counts{Matched: 1}, open: true},
		{name: "delivered", then: func(r *rig, _ dispatch.ID, token string) { poll(r, token) },
			want: dispatch.Counts{Matched: 1, Delivered: 1}, open: true},
		{name: "delivered twice", then: func(r *rig, _ dispatch.ID, token string) { poll(r, token); poll(r, token) },
			want: dispatch.Counts{Matched: 1, Delivered: 1}, open: true},
		{name: "confirmed", then: func(r *rig, _ dispatch.ID, token string) { poll(r, poll(r, token)) },
			want: dispatch.Counts{Matched: 1, Delivered: 1, Confirmed: 1}},
		{name: "confirmed before the writer came to say that it wrote", want: dispatch.Counts{Matched: 1, Delivered: 1, Confirmed: 1},
			then: func(r *rig, id dispatch.ID, token string) {
				s, w := r.session(id), newPoller()
				t, _ := parseToken(token)
				s.Park(t.cursor, Poll, w, time.Now())
				_, seq, _ := s.Take(nil, w, time.Now())
				s.Park(seq, Poll, w, time.Now())
				s.Wrote(seq, time.Now())
			}},
		{name: "overflow", want: dispatch.Counts{Matched: 1, Gapped: 1}, then: func(r *rig, _ dispatch.ID, _ string) {
			for range r.made.Queue.Messages {
				r.update("a", "1")
			}
		}},
		{name: "overflow after it was delivered", want: dispatch.Counts{Matched: 1, Delivered: 1},
			then: func(r *rig, _ dispatch.ID, token string) {
				token = poll(r, token)
				for range r.made.Queue.Messages {
					r.update("a", "1")
				}
				poll(r, token)
			}},
		{name: "age", want: dispatch.Counts{Matched: 1, Gapped: 1}, then: func(r *rig, _ dispatch.ID, token string) {
			config := r.made
			config.Queue.Age = time.Second
			r.SetConfig(config)
			time.Sleep(time.Second + 1)
			poll(r, token)
		}},
		{name: "superseded", latest: true, want: dispatch.Counts{Matched: 1}, then: func(r *rig, _ dispatch.ID, _ string) {
			r.apply(newUpdate("a", "2", dispatch.Options{Latest: true}))
		}},
		{name: "superseded from afar", latest: true, want: dispatch.Counts{Matched: 1}, then: func(r *rig, _ dispatch.ID, token string) {
			for range lookBack {
				r.update("a", "1")
			}
			r.apply(newUpdate("a", "2", dispatch.Options{Latest: true}))
			poll(r, token)
		}},
		{name: "expired", want: dispatch.Counts{Matched: 1}, then: func(r *rig, _ dispatch.ID, _ string) {
			time.Sleep(r.made.Expire + r.wheel.tick)
		}},
		{name: "left", want: dispatch.Counts{Matched: 1}, then: func(r *rig, _ dispatch.ID, token string) { r.do("DELETE", "/"+token, "") }},
		{name: "kicked", want: dispatch.Counts{Matched: 1}, then: func(r *rig, id dispatch.ID, _ string) { r.apply(dispatch.Kick(id)) }},
		{name: "kicked after it was delivered", want: dispatch.Counts{Matched: 1, Delivered: 1},
			then: func(r *rig, id dispatch.ID, token string) { poll(r, token); r.apply(dispatch.Kick(id)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				id, token := r.open("a")
				receipt := dispatch.NewReceipt()
				receipt.Match()
				r.apply(newUpdate("a", `"x"`, dispatch.Options{Latest: test.latest, Receipt: receipt}))
				receipt.Close()
				test.then(r, id, token)
				synctest.Wait()
				got := receipt.Counts()
				if got.Matched--; got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
				if err := settledOnce(receipt); (err != nil) != test.open {
					t.Error(err)
				}
			}, func(c *Config) { c.Queue.Messages = 2 * lookBack })
		})
	}
}

// A session that has ended and is not unregistered yet takes no more.
func TestReceiptOfTheEnded(t *testing.T) {
	inBubble(t, func(r *rig) {
		id, _ := r.open("a")
		s := r.session(id)
		s.end()
		receipt := dispatch.NewReceipt()
		r.apply(newUpdate("a", "1", dispatch.Options{Receipt: receipt}))
		receipt.Close()
		if !closed(receipt.Done()) || receipt.Counts() != (dispatch.Counts{}) {
			t.Errorf("%+v, want nothing matched, and done", receipt.Counts())
		}
		r.forget(s, "left")
		r.controller.Unregister(id)
	})
}
