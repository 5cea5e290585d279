package dispatch

import (
	"hash/maphash"
	"iter"
	"math/bits"
)

// table is a hash table that never stops to grow: adding to it costs about the same every time, at a million entries as
// at ten. It does linear hashing. An addition makes at most one bucket more, and divides just the one bucket that the
// new one takes after; a removal undoes that twice at most. So there is no moment at which all entries are moved.
//
// It holds pointers to entries, which keep their keys themselves: 16 bytes an entry, and up to 32 after many removals. A
// bucket is one line of a processor's cache and says by a byte of the hash which of its entries to look at, so that a
// lookup reads two places in memory where it finds something, and one where it does not. The zero table is empty. It is
// not safe for concurrent use, but several may read it while nobody writes.
type table[T any, P hashed[T]] struct {
	segments []*segment[T]
	buckets  uint32 // how many there are; 0 before the first addition
	mask     uint32 // 2^n-1, where 2^n is the first power of two that is not below buckets
	count    int    // entries
}

// hashed is what an entry has to be able to: tell the hash of its key, which stays what it is.
type hashed[T any] interface {
	*T
	hash() uint64
}

// bucket is a place for entries: 64 bytes.
type bucket[T any] struct {
	count   uint8
	tags    [bucketSize]uint8 // a byte of each entry's hash
	entries [bucketSize]*T
	over    *bucket[T] // for what finds no room here; nil for most
}

// segment is as many buckets as Go allocates without any room that is left over. Segments are not moved.
type segment[T any] [segmentSize]bucket[T]

const (
	bucketSize  = 6
	segmentSize = 8
	usualFill   = 4 // there are at most so many entries a bucket, and at least half as many, over the whole table
)

// seed makes it impossible to choose texts of the same hash.
var seed = maphash.MakeSeed()

func hashText(text string) uint64 { return maphash.String(seed, text) }

// tagOf returns the byte of a hash that a bucket keeps. It has no part in which bucket that is.
func tagOf(hash uint64) uint8 { return uint8(hash >> 56) }

// find returns the entry with this hash that is the one, or nil.
func (t *table[T, P]) find(hash uint64, isIt func(*T) bool) *T {
	if t.buckets == 0 {
		return nil
	}
	tag := tagOf(hash)
	for b := t.bucket(hash); b != nil; b = b.over {
		for i := range b.tags {
			if b.tags[i] == tag && i < int(b.count) && isIt(b.entries[i]) {
				return b.entries[i]
			}
		}
	}
	return nil
}

// add puts e in. Nothing of its key may be there yet.
func (t *table[T, P]) add(e P) {
	if t.count >= int(t.buckets)*usualFill {
		t.grow()
	}
	t.push(e)
	t.count++
}

// remove takes e out, which must be there.
func (t *table[T, P]) remove(e P) {
	t.bucket(e.hash()).remove(e)
	t.count--
	for t.buckets > segmentSize && t.count < int(t.buckets)*usualFill/2 {
		t.shrink()
	}
}

// all yields every entry, in no order. The table must not be changed before it has ended.
func (t *table[T, P]) all() iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := range t.buckets {
			for b := t.at(i); b != nil; b = b.over {
				for _, e := range b.entries[:b.count] {
					if !yield(e) {
						return
					}
				}
			}
		}
	}
}

// walkEnd is the place behind the last one of [table.visit].
const walkEnd = 1 << 32

// visit calls yield with the entries of one bucket, and returns where to go on. The first place is 0; at walkEnd there is
// no more. Between two calls the table may be changed, and grow and shrink: what is there all the time is yielded exactly
// once, and nothing twice.
//
// Places are the low half of hashes with their bits in reverse order. Which bucket a hash belongs to is said by its lowest
// bits, so the hashes of one bucket are a stretch of places, however many buckets there are. When a bucket is divided, so
// is its stretch; when two are made one, the first part of it may have been walked already, and is passed over.
func (t *table[T, P]) visit(place uint64, yield func(*T)) (next uint64) {
	if t.buckets == 0 {
		return walkEnd
	}
	i, width := bits.Reverse32(uint32(place))&t.mask, bits.Len32(t.mask)
	if half := t.mask>>1 + 1; i|half >= t.buckets { // the bucket is not divided yet
		i &^= half
		width--
	}
	begin := uint64(bits.Reverse32(i))
	for b := t.at(i); b != nil; b = b.over {
		for _, e := range b.entries[:b.count] {
			if begin == place || placeOf(P(e).hash()) >= place {
				yield(e)
			}
		}
	}
	return begin + walkEnd>>width
}

// placeOf returns the place of a hash in a walk by visit.
func placeOf(hash uint64) uint64 { return uint64(bits.Reverse32(uint32(hash))) }

// bucket returns where entries of this hash are. As long as a bucket is not there, they are in the one that it will
// take after.
func (t *table[T, P]) bucket(hash uint64) *bucket[T] {
	i := uint32(hash) & t.mask
	if i >= t.buckets {
		i &= t.mask >> 1
	}
	return t.at(i)
}

func (t *table[T, P]) at(i uint32) *bucket[T] { return &t.segments[i/segmentSize][i%segmentSize] }

func (t *table[T, P]) push(e P) {
	hash := e.hash()
	t.bucket(hash).add(e, tagOf(hash))
}

// grow makes one bucket more, or the first segment of them, and moves there what belongs there.
func (t *table[T, P]) grow() {
	last := t.buckets
	if last%segmentSize == 0 {
		t.segments = append(t.segments, new(segment[T]))
	}
	if last == 0 {
		t.setBuckets(segmentSize)
		return
	}
	t.setBuckets(last + 1)
	t.spread(last &^ (1 << (bits.Len32(last) - 1))) // the same number without its highest bit
}

// shrink undoes grow.
func (t *table[T, P]) shrink() {
	last := t.buckets - 1
	t.setBuckets(last)
	t.spread(last)
	if last%segmentSize == 0 {
		t.segments[len(t.segments)-1] = nil
		t.segments = t.segments[:len(t.segments)-1]
	}
}

func (t *table[T, P]) setBuckets(n uint32) {
	t.buckets = n
	t.mask = 1<<bits.Len32(n-1) - 1
}

// spread puts the entries of bucket i where they belong now.
func (t *table[T, P]) spread(i uint32) {
	old := *t.at(i)
	*t.at(i) = bucket[T]{}
	for b := &old; b != nil; b = b.over {
		for _, e := range b.entries[:b.count] {
			t.push(e)
		}
	}
}

// add puts e into b, or into a bucket behind it.
func (b *bucket[T]) add(e *T, tag uint8) {
	for b.count == bucketSize {
		if b.over == nil {
			b.over = new(bucket[T])
		}
		b = b.over
	}
	b.entries[b.count], b.tags[b.count] = e, tag
	b.count++
}

// remove takes e out of b, or out of a bucket behind it, which goes too if it is empty then.
func (b *bucket[T]) remove(e *T) {
	before := b
	for !b.drop(e) {
		before, b = b, b.over
	}
	if b.count == 0 && b != before {
		before.over = b.over
	}
}

// drop takes e out of b and has the last entry take its place. It reports whether e was there.
func (b *bucket[T]) drop(e *T) bool {
	for i := range b.count {
		if b.entries[i] == e {
			b.count--
			b.entries[i], b.tags[i] = b.entries[b.count], b.tags[b.count]
			b.entries[b.count] = nil
			return true
		}
	}
	return false
}
