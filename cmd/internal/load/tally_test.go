package load

import (
	"testing"

	"pgregory.net/rapid"
)

// The tally is compared with one that remembers every number.
func TestTally(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got tally
		had, highest := map[int]bool{}, -1
		for _, seq := range rapid.SliceOf(rapid.IntRange(0, 40)).Draw(t, "numbers") {
			want := fresh
			switch {
			case had[seq]:
				want = repeated
			case seq < highest:
				want = late
			}
			had[seq], highest = true, max(highest, seq)
			if v := got.take(seq); v != want {
				t.Fatalf("%d is %v, want %v; %+v", seq, v, want, got)
			}
		}
	})
}
