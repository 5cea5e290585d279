package dispatch

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestFind(t *testing.T) {
	c := NewController("test")
	component := &counter{}
	for range 1000 {
		c.Register(&counter{})
	}
	id := c.Register(component)
	if got := c.Find(id); got != component {
		t.Errorf("Find(%s) = %v, want the component", id, got)
	}
	// Only the very text finds it.
	secret, last := string(id[5:27]), byte('0')
	if id[26] == '0' {
		last = '1'
	}
	for _, other := range []string{
		"", "t", "test", "test-", "test--", "test-" + secret, "test-" + secret + "-",
		"test-" + secret + "-01001", "test-" + secret + "-1002", "test-" + secret + "-1001 ",
		"test-" + secret + "-+1001",
		"test-" + secret + "--1001", "test-" + secret + "-281474976711657", "test-" + secret + "-18446744073709552617",
		"test-" + secret[:21] + string(last) + "-1001", "test-" + secret[:21] + "-1001", "test-" + secret + "0-1001",
		"Test-" + secret + "-1001", "tes-" + secret + "-1001", "test_" + secret + "-1001", "test-" + secret + "_1001",
		" " + string(id), string(id) + "0", string(c.ID()),
	} {
		if got := c.Find(ID(other)); got != nil {
			t.Errorf("Find(%q) = %v, want nil; there is %q", other, got, id)
		}
	}
	c.Unregister(id)
	if got := c.Find(id); got != nil {
		t.Errorf("Find(%s) = %v after Unregister, want nil", id, got)
	}
}

// A component may look another up while it is told, with the Controller's lock held.
func TestFindDoesNotWaitForUpdates(t *testing.T) {
	c := NewController("test")
	id := c.Register(&counter{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Find(id) == nil {
		t.Errorf("Find(%s) = nil", id)
	}
}

// Many look components up while others come and go: who is there is found, who has gone is not.
func TestFindWhileOthersComeAndGo(t *testing.T) {
	const stay, rounds, readers = 200, 3000, 4
	c := NewController("test")
	ids := make([]ID, stay)
	for i := range ids {
		ids[i] = c.Register(&counter{told: i})
	}
	var over atomic.Bool
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for i := 0; !over.Load(); i = (i + 1) % stay {
				if got, ok := c.Find(ids[i]).(*counter); !ok || got.told != i {
					t.Errorf("Find(%s) = %v, want number %d", ids[i], got, i)
					return
				}
			}
		})
	}
	var come []ID
	for i := range rounds {
		come = append(come, c.Register(&counter{told: -1}))
		if i >= rounds/2 {
			c.Unregister(come[0])
			if c.Find(come[0]) != nil {
				t.Errorf("%s is found and has gone", come[0])
			}
			come = come[1:]
		}
	}
	for _, id := range come {
		c.Unregister(id)
	}
	over.Store(true)
	group.Wait()
	if got := c.registry.count(); got != stay {
		t.Errorf("%d are registered, want %d", got, stay)
	}
}

// Find must not have its argument escape either: then the short text of these bytes needs no place on the heap.
func TestFindAllocatesNothing(t *testing.T) {
	c := NewController("a")
	text := []byte(c.Register(&counter{}))
	found := true
	n := testing.AllocsPerRun(100, func() {
		found = found && c.Find(ID(text)) != nil && c.Find(ID(text[1:])) == nil
	})
	if n != 0 || !found {
		t.Errorf("Find allocates %v times, found %v", n, found)
	}
}

// BenchmarkFind looks components up, one of few and one of a million, alone and from all processors at once.
func BenchmarkFind(b *testing.B) {
	for _, components := range []int{1000, million} {
		c := NewController("bench")
		ids := make([]ID, components)
		for _, at := range rand.New(rand.NewPCG(5, 6)).Perm(components) {
			ids[at] = ID(strings.Clone(string(c.Register(&counter{}))))
		}
		name := fmt.Sprintf("components=%d", components)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				findOne(b, c, ids[i%components])
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					findOne(b, c, ids[i%components])
				}
			})
		})
	}
}

func findOne(b *testing.B, c *Controller, id ID) {
	if c.Find(id) == nil {
		b.Error("not found")
	}
}
