package ingest

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// waiting is a request that waits for receipts.
type waiting struct {
	t      *testing.T
	answer chan *httptest.ResponseRecorder
	leave  context.CancelFunc
	begun  time.Time
}

// wait has the Ingest serve body at /update and returns when the request waits, or is answered.
func (h *house) wait(t *testing.T, body string) *waiting {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &waiting{t, make(chan *httptest.ResponseRecorder, 1), cancel, time.Now()}
	r := h.request("POST", "/update", body).WithContext(ctx)
	go func() {
		answer := httptest.NewRecorder()
		h.ingest.ServeHTTP(answer, r)
		w.answer <- answer
	}()
	synctest.Wait()
	return w
}

// waits checks that there is no answer yet.
func (w *waiting) waits() {
	w.t.Helper()
	synctest.Wait()
	select {
	case answer := <-w.answer:
		w.t.Fatalf("answered already: %s", answer.Body)
	default:
	}
}

// want checks the answer, and how long after the request it came.
func (w *waiting) want(body string, after time.Duration) {
	w.t.Helper()
	answer := <-w.answer
	if got := answer.Body.String(); answer.Code != 200 || got != body+"\n" {
		w.t.Errorf("got %d %s, want %s", answer.Code, got, body)
	}
	if got := time.Since(w.begun); got != after {
		w.t.Errorf("answered after %v, want %v", got, after)
	}
	w.leave()
}

// session registers a keeper that is connected to path.
func (h *house) session(path dispatch.Pattern) *keeper {
	h.t.Helper()
	k := &keeper{}
	if err := h.dispatcher.Apply("", dispatch.Command(dispatch.PathConnect, h.controller.Register(k), path, 0)); err != nil {
		h.t.Fatal(err)
	}
	k.take()
	return k
}

// inHouse runs test in a bubble of its own time.
func inHouse(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newHouse(t)) })
}

func TestReceiptConfirmed(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		one, two := h.session("a"), h.session("a")
		w := h.wait(t, `{"path":"a","message":1,"wait":"10s"}`)
		receipt := one.kept()[0]
		if receipt == nil || two.kept()[0] != receipt {
			t.Fatal("the receipt is not the update's")
		}
		receipt.Deliver()
		receipt.Deliver()
		time.Sleep(time.Second)
		receipt.Confirm()
		w.waits()
		time.Sleep(time.Second)
		receipt.Gap()
		w.want(`{"matched":2,"delivered":2,"confirmed":1,"gapped":1}`, 2*time.Second)
	})
}

func TestReceiptAtOnce(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		const none = `{"matched":0,"delivered":0,"confirmed":0,"gapped":0}`
		h.wait(t, `{"path":"nobody","message":1,"wait":"10s"}`).want(none, 0)
		h.wait(t, `[{"path":"nobody","message":1,"wait":"10s"}]`).want("["+none+"]", 0)
		h.wait(t, "{\"path\":\"nobody\",\"message\":1,\"wait\":\"10s\"}\n").want(none, 0)
		h.wait(t, `{"path":"nobody","message":1}`).want(`{"accepted":1}`, 0)
	})
}

func TestReceiptTimesOut(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		s := h.session("a")
		w := h.wait(t, `{"path":"a","message":1,"wait":"1500ms"}`)
		s.kept()[0].Deliver()
		w.want(`{"matched":1,"delivered":1,"confirmed":0,"gapped":0}`, 1500*time.Millisecond)
		// What comes after that disturbs nobody.
		s.kept()[0].Confirm()
	})
}

// Of several updates, those that wait are waited for, up to the longest of their times.
func TestReceiptsOfSome(t *testing.T) {
	for _, tt := range []struct{ open, between, end string }{{"[", ",", "]"}, {"", "\n", ""}} {
		inHouse(t, func(t *testing.T, h *house) {
			s := h.session("a")
			w := h.wait(t, tt.open+`{"path":"a","message":0}`+tt.between+`{"path":"a","message":1,"wait":"5s"}`+tt.between+
				`{"path":"a","message":2}`+tt.between+`{"path":"a","message":3,"wait":"9s"}`+tt.end)
			kept := s.kept()
			if len(kept) != 4 || kept[0] != nil || kept[2] != nil {
				t.Fatalf("told %q with %v", s.take(), kept)
			}
			kept[3].Confirm()
			w.waits()
			time.Sleep(6 * time.Second) // longer than the first would wait alone
			w.waits()
			kept[1].Confirm()
			const one = `{"matched":1,"delivered":0,"confirmed":1,"gapped":0}`
			w.want("[null,"+one+",null,"+one+"]", 6*time.Second)
		})
	}
}

func TestReceiptsTimeOutTogether(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		s := h.session("a")
		w := h.wait(t, `[{"path":"a","message":1,"wait":"5s"},{"path":"a","message":2,"wait":"9s"}]`)
		s.kept()[1].Confirm()
		w.want(`[{"matched":1,"delivered":0,"confirmed":0,"gapped":0},{"matched":1,"delivered":0,"confirmed":1,"gapped":0}]`, 9*time.Second)
	})
}

// A session that ends, or whose message another replaced, is not waited for.
func TestReceiptSettles(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		s := h.session("a")
		w := h.wait(t, `{"path":"a","message":1,"wait":"10s"}`)
		s.kept()[0].Settle()
		w.want(`{"matched":1,"delivered":0,"confirmed":0,"gapped":0}`, 0)
	})
}

func TestDrainEndsWaiting(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		h.session("a")
		first := h.wait(t, `{"path":"a","message":1,"wait":"10s"}`)
		second := h.wait(t, `[{"path":"a","message":2,"wait":"10s"}]`)
		time.Sleep(time.Second)
		first.waits()
		h.ingest.Drain()
		h.ingest.Drain()
		const one = `{"matched":1,"delivered":0,"confirmed":0,"gapped":0}`
		first.want(one, time.Second)
		second.want("["+one+"]", time.Second)
		// The daemon still takes updates, and has nobody wait for them.
		h.wait(t, `{"path":"a","message":3,"wait":"10s"}`).want(one, 0)
	})
}

func TestClientLeavesWhileWaiting(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		s := h.session("a")
		w := h.wait(t, `{"path":"a","message":1,"wait":"10s"}`)
		w.waits()
		w.leave()
		<-w.answer
		if got := time.Since(w.begun); got != 0 {
			t.Errorf("waited %v for nobody", got)
		}
		s.kept()[0].Confirm()
	})
}

// A body in which one entry is bad has nothing done, and nobody waits.
func TestReceiptsRefused(t *testing.T) {
	inHouse(t, func(t *testing.T, h *house) {
		s := h.session("a")
		for _, bad := range []string{`{"path":"a","message":2,"wait":"61s"}`, `{"path":"::to/x","message":1}`} {
			w := h.wait(t, `[{"path":"a","message":1,"wait":"10s"},`+bad+`]`)
			answer := <-w.answer
			if answer.Code/100 != 4 || time.Since(w.begun) != 0 {
				t.Errorf("got %d %s after %v", answer.Code, answer.Body, time.Since(w.begun))
			}
			w.leave()
		}
		if got := s.take(); got != "" {
			t.Errorf("told %q", got)
		}
	})
}

// MaxWait is what the configuration says when the request comes.
func TestMaxWaitChanges(t *testing.T) {
	h := newHouse(t)
	config := testConfig
	config.MaxWait = time.Second
	h.ingest.SetConfig(config)
	if got, want := sayProblem(t, h.post("/update", `{"path":"a","message":1,"wait":"2s"}`)), "400 bad_body entry 0 field wait offset 31"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
