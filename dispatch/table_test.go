package dispatch

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// check tells whether every entry of a table is where it is looked for, and whether the table is as large as it should.
func (t *table[T, P]) check() error {
	count := 0
	for i := range t.buckets {
		for b := t.at(i); b != nil; b = b.over {
			if err := t.checkBucket(b, i); err != nil {
				return err
			}
			count += int(b.count)
		}
	}
	all := 0
	for range t.all() {
		all++
	}
	if count != t.count || all != t.count {
		return fmt.Errorf("there are %d entries, %d in all, and %d are counted", count, all, t.count)
	}
	buckets := int(t.buckets)
	if count > buckets*usualFill || buckets > segmentSize && count < buckets*usualFill/2 {
		return fmt.Errorf("there are %d buckets for %d entries", buckets, count)
	}
	if want := (buckets + segmentSize - 1) / segmentSize; len(t.segments) != want {
		return fmt.Errorf("there are %d segments for %d buckets, want %d", len(t.segments), buckets, want)
	}
	return nil
}

// checkBucket is check for bucket i, or one behind it.
func (t *table[T, P]) checkBucket(b *bucket[T], i uint32) error {
	if b != t.at(i) && b.count == 0 {
		return fmt.Errorf("an empty bucket stands behind bucket %d of %d", i, t.buckets)
	}
	for n, e := range b.entries {
		switch {
		case n >= int(b.count) && e != nil:
			return fmt.Errorf("bucket %d of %d keeps an entry behind its %d", i, t.buckets, b.count)
		case n < int(b.count) && (t.bucket(P(e).hash()) != t.at(i) || b.tags[n] != tagOf(P(e).hash())):
			return fmt.Errorf("an entry of the hash %x is in bucket %d of %d", P(e).hash(), i, t.buckets)
		}
	}
	return nil
}

// word is an entry of a table for tests. Its hash is as bad as the test wants it.
type word struct {
	sum uint64
	key int
}

func (w *word) hash() uint64 { return w.sum }

func findWord(t *table[word, *word], hash uint64, key int) *word {
	return t.find(hash, func(w *word) bool { return w.key == key })
}

// TestTableAgainstMap adds and removes entries in runs, so that the table grows and shrinks over its segments, and
// compares it with a map.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.SampledFrom([]func(int) uint64{
			func(key int) uint64 { return uint64(key) },
			func(key int) uint64 { return uint64(key) * 0x9e3779b97f4a7c15 },
			func(key int) uint64 { return uint64(key) << 24 },
			func(key int) uint64 { return uint64(key) % 3 },
		}).Draw(t, "hash")
		keys, runs := rapid.IntRange(0, 400), rapid.IntRange(1, 150)
		var tab table[word, *word]
		model := make(map[int]*word)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				from, run := keys.Draw(t, "from"), runs.Draw(t, "run")
				for key := from; key < from+run; key++ {
					if model[key] == nil {
						model[key] = &word{hash(key), key}
						tab.add(model[key])
					}
				}
			},
			"remove": func(t *rapid.T) {
				from, run := keys.Draw(t, "from"), runs.Draw(t, "run")
				for key := from; key < from+run; key++ {
					if w := model[key]; w != nil {
						tab.remove(w)
						delete(model, key)
					}
				}
			},
			"": func(t *rapid.T) {
				if err := tab.check(); err != nil || tab.count != len(model) {
					t.Fatalf("%d entries, want %d: %v", tab.count, len(model), err)
				}
				for key := range 600 {
					if got := findWord(&tab, hash(key), key); got != model[key] {
						t.Fatalf("find(%d) = %v, want %v", key, got, model[key])
					}
				}
			},
		})
	})
}

// A walk over a table that is changed all the while, and may be many times as large at the end as it was at the beginning
// or the other way round, finds what stays exactly once, and nothing twice.
func TestTableVisitAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.SampledFrom([]func(int) uint64{
			func(key int) uint64 { return uint64(key) },
			func(key int) uint64 { return uint64(key) * 0x9e3779b97f4a7c15 },
			func(key int) uint64 { return uint64(key) % 3 },
		}).Draw(t, "hash")
		sizes := rapid.IntRange(0, 3000)
		var tab table[word, *word]
		words := make([]*word, 3000)
		resize := func(from, to int) { // keys below 50 stay
			for key := from; key < to; key++ {
				words[key] = &word{hash(key), key}
				tab.add(words[key])
			}
			for key := from - 1; key >= max(to, 50); key-- {
				tab.remove(words[key])
			}
		}
		size := 50 + sizes.Draw(t, "size")*59/60
		resize(0, size)
		found := make(map[int]int)
		for place := uint64(0); place < walkEnd; {
			place = tab.visit(place, func(w *word) { found[w.key]++ })
			if rapid.IntRange(0, 9).Draw(t, "change") == 0 {
				next := 50 + sizes.Draw(t, "next")*59/60
				resize(size, next)
				size = next
			}
		}
		for key := range 3000 {
			if n := found[key]; n > 1 || key < 50 && n != 1 {
				t.Fatalf("%d was found %d times", key, n)
			}
		}
	})
}

// However many entries there were, hardly anything is left of the table when they are gone.
func TestTableShrinks(t *testing.T) {
	const entries = 100_000
	var tab table[word, *word]
	words := make([]word, entries)
	for i := range words {
		words[i] = word{uint64(i) * 0x9e3779b97f4a7c15, i}
		tab.add(&words[i])
	}
	if err := tab.check(); err != nil || len(tab.segments) != entries/usualFill/segmentSize {
		t.Fatalf("%d segments for %d entries: %v", len(tab.segments), entries, err)
	}
	for i := range words {
		tab.remove(&words[i])
	}
	if err := tab.check(); err != nil || len(tab.segments) != 1 {
		t.Errorf("%d segments are left, want 1: %v", len(tab.segments), err)
	}
}

func TestTableOfNothing(t *testing.T) {
	var tab table[word, *word]
	if findWord(&tab, 0, 0) != nil || tab.check() != nil {
		t.Errorf("a table of nothing has %v: %v", findWord(&tab, 0, 0), tab.check())
	}
}
