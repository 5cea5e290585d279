package dispatch

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

// The sizes are what a million clients are multiplied with, and some have to be just what Go allocates.
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("only where a pointer has 8 bytes")
	}
	tests := []struct {
		name      string
		got, want uintptr
	}{
		{"member", unsafe.Sizeof(member{}), 80},
		{"topic, without its text", unsafe.Sizeof(topic{}), 24},
		{"topic with a text of up to 26 bytes", unsafe.Sizeof(longTopic[[24]byte]{}), 48},
		{"bucket", unsafe.Sizeof(bucket[topic]{}), 64},
		{"segment", unsafe.Sizeof(segment[topic]{}), 512},
		{"shard", unsafe.Sizeof(shard{}), 128},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("%s: %d bytes, want %d", test.name, test.got, test.want)
		}
	}
}

func TestTopicHasItsText(t *testing.T) {
	text := strings.Repeat("0123456789abcdefghijklm/", MaxPath/24+1)
	for length := 1; length <= MaxPath; length++ {
		want := Pattern(text[:length])
		if top := newTopic(want); top.pattern() != want || top.count() != 0 {
			t.Fatalf("got the topic %q with %d subscribers, want %q with none", top.pattern(), top.count(), want)
		}
	}
}

// Subscribers of several blocks come and go in any order, some of them connected to more: each is told once, and when
// most have gone so has the room for them. Slices end within blocks and go over their ends.
func TestCrowd(t *testing.T) {
	for _, slice := range []int{100, blockSize, usualSlice, 4 * usualSlice} {
		t.Run(fmt.Sprintf("slice=%d", slice), func(t *testing.T) { testCrowd(t, slice) })
	}
}

func testCrowd(t *testing.T, slice int) {
	random := rand.New(rand.NewPCG(7, 8))
	c := NewController("test")
	d := NewDispatcher(c)
	d.SetSlice(slice)
	tell := func(ids map[ID]*counter, except ID) {
		for _, component := range ids {
			component.told = 0
		}
		c.Update("", "news", TextMessage("hello", Options{Except: except}))
		d.Flush()
		for id, component := range ids {
			if want := map[bool]int{false: 1}[id == except]; component.told != want {
				t.Fatalf("%s was told %d times, want %d", id, component.told, want)
			}
		}
	}
	check := func(ids map[ID]*counter) {
		if err := d.Check(); err != nil {
			t.Fatal(err)
		}
		tell(ids, "")
		top := d.tree.find("news")
		for _, place := range []int{0, 1, blockSize, blockSize + 1, top.count() - 1} {
			if place < top.count() {
				tell(ids, c.idOf(top.at(place).member))
			}
		}
	}
	ids := make(map[ID]*counter)
	for i := range 3*blockSize + 1 {
		component := &counter{}
		id := c.Register(component)
		ids[id] = component
		connect(t, d, id, "news")
		if i%3 == 0 {
			connect(t, d, id, "weather")
		}
	}
	check(ids)
	connect(t, d, c.Register(&counter{}), "*")
	check(ids)
	for id := range ids {
		if random.IntN(10) > 0 {
			c.Unregister(id)
			delete(ids, id)
		}
	}
	check(ids)
	if top := d.tree.find("news"); len(top.crowd.blocks) != 1 {
		t.Errorf("%d blocks are left for %d subscribers, want 1", len(top.crowd.blocks), top.count())
	}
}
