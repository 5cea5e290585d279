package dispatch_test

import (
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

func TestReceipt(t *testing.T) {
	tests := []struct {
		name  string
		steps string // the methods, by their first letters; "C" is Confirm and "c" Close
		want  dispatch.Counts
		done  bool
	}{
		{"nothing yet", "", dispatch.Counts{}, false},
		{"nobody matched", "c", dispatch.Counts{}, true},
		{"matched and not settled", "mc", dispatch.Counts{Matched: 1}, false},
		{"delivered is not the end", "mcd", dispatch.Counts{Matched: 1, Delivered: 1}, false},
		{"confirmed", "mcdC", dispatch.Counts{Matched: 1, Delivered: 1, Confirmed: 1}, true},
		{"delivered twice, by a retry", "mcddC", dispatch.Counts{Matched: 1, Delivered: 2, Confirmed: 1}, true},
		{"gapped", "mcg", dispatch.Counts{Matched: 1, Gapped: 1}, true},
		{"session ended", "mcs", dispatch.Counts{Matched: 1}, true},
		{"delivered, and session ended", "mcds", dispatch.Counts{Matched: 1, Delivered: 1}, true},
		{"settled before close", "mC", dispatch.Counts{Matched: 1, Confirmed: 1}, false},
		{"close after all have settled", "mCc", dispatch.Counts{Matched: 1, Confirmed: 1}, true},
		{"one settles while others still match", "mCmc", dispatch.Counts{Matched: 2, Confirmed: 1}, false},
		{"all ends", "mmmmcdCgs", dispatch.Counts{Matched: 4, Delivered: 1, Confirmed: 1, Gapped: 1}, false},
		{"all ends, and the last", "mmmmcdCgsg", dispatch.Counts{Matched: 4, Delivered: 1, Confirmed: 1, Gapped: 2}, true},
		{"closed twice", "mccCcC", dispatch.Counts{Matched: 1, Confirmed: 2}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := dispatch.NewReceipt()
			methods := map[rune]func(){
				'm': r.Match, 'd': r.Deliver, 'C': r.Confirm, 'g': r.Gap, 's': r.Settle, 'c': r.Close,
			}
			for _, step := range test.steps {
				methods[step]()
			}
			if got := r.Counts(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if got := isDone(r); got != test.done {
				t.Errorf("done = %v, want %v", got, test.done)
			}
		})
	}
}

func isDone(r *dispatch.Receipt) bool {
	select {
	case <-r.Done():
		return true
	default:
		return false
	}
}

// Sessions settle from goroutines of their own while the update is still passed on.
func TestReceiptInManyGoroutines(t *testing.T) {
	for range rounds {
		r := dispatch.NewReceipt()
		for range writers {
			r.Match()
		}
		each(func(writer int) {
			if writer == 0 {
				r.Close()
			}
			if r.Deliver(); writer%2 == 0 {
				r.Confirm()
			} else {
				r.Gap()
			}
		})
		<-r.Done()
		want := dispatch.Counts{Matched: writers, Delivered: writers, Confirmed: writers / 2, Gapped: writers / 2}
		if got := r.Counts(); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}
