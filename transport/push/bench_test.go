package push

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/rootsd/rootsd/dispatch"
)

// floods are what a client that has gone can be flooded with.
var floods = []struct {
	name    string
	paths   int
	latest  bool
	pattern dispatch.Pattern // that the client is connected to
}{
	{"one path", 1, false, "a"},
	{"100 paths", 100, false, "a"},
	{"100,000 paths", 100_000, false, "a"},
	{"100,000 paths of a pattern", 100_000, false, "flood/*"},
	{"100 latest", 100, true, "a"},
	{"700 latest", 700, true, "a"},
	{"100,000 latest", 100_000, true, "a"},
}

// flood makes updates for a flood. There are fewer messages than paths, as they do not matter.
func flood(n int, latest bool) (paths []dispatch.Path, messages []*dispatch.Message) {
	for i := range n {
		paths = append(paths, dispatch.Path(fmt.Sprintf("flood/%d", i)))
	}
	for i := range min(n, 1000) {
		messages = append(messages, newMessage(fmt.Sprintf(`{"number":%d}`, i), dispatch.Options{Latest: latest}))
	}
	return paths, messages
}

// A hundred times what a queue may hold leaves what it may hold, and bringing it back within its limits is work that
// comes seldom.
func TestFlood(t *testing.T) {
	for _, test := range floods {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			id, _ := r.open(test.pattern)
			s, limits := r.session(id), r.made.Queue
			paths, messages := flood(test.paths, test.latest)
			w := newPoller()
			s.Park(0, Poll, w, time.Now())
			trims, held := 0, 0
			for i := range 100*limits.Messages + 50 {
				s.Update("", paths[i%len(paths)], messages[i%len(messages)])
				n, bytes := s.queue.size()
				if n > limits.Messages || bytes > limits.Bytes || cap(s.queue.held.entries) > 2*limits.Messages {
					t.Fatalf("%d entries of %d bytes, and room for %d", n, bytes, cap(s.queue.held.entries))
				}
				if n < held {
					trims++
				}
				held = n
			}
			if most := 100 * 4; trims > most {
				t.Errorf("trimmed %d times in %d updates, want %d at most", trims, 100*limits.Messages, most)
			}
			s.Take(nil, w, time.Now())
			held, size := s.queue.size()
			if n, bytes := r.stats.Messages.Load(), r.stats.Bytes.Load(); n != int64(held) || bytes != int64(size) {
				t.Errorf("%d messages of %d bytes counted, %d of %d held", n, bytes, held, size)
			}
		})
	}
}

// An idle session is what there are most of.
func TestSessionSize(t *testing.T) {
	if size := unsafe.Sizeof(Session{}); size > 128 {
		t.Errorf("a Session takes %d bytes, want 128 at most, which is a size of the allocator's", size)
	}
}

// BenchmarkUpdate tells a session for which nobody waits of updates.
func BenchmarkUpdate(b *testing.B) {
	r := newRig(b, func(c *Config) { c.Expire = time.Hour })
	id, _ := r.open()
	s := r.session(id)
	paths, messages := flood(1, false)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%900 == 0 {
			if b := s.queue.held; b != nil {
				b.entries, b.bytes = b.entries[:0], 0
			}
		}
		s.Update("", paths[0], messages[0])
	}
}

// BenchmarkDelivery is one update from the Dispatcher to a parked client and its next poll, without HTTP.
func BenchmarkDelivery(b *testing.B) {
	r := newRig(b, func(c *Config) { c.Expire, c.Bundle = time.Hour, 0 })
	id, _ := r.open()
	s, w := r.session(id), newPoller()
	paths, messages := flood(1, false)
	dst, seq, now := make([]byte, 0, 1024), uint64(0), time.Now()
	s.Park(0, Poll, w, now)
	b.ReportAllocs()
	for b.Loop() {
		s.Update("", paths[0], messages[0])
		if state, _ := s.Ready(w, now); state != Answer {
			b.Fatal(state)
		}
		_, seq, _ = s.Take(dst, w, now)
		s.Wrote(seq, now)
		if err := s.Park(seq, Poll, w, now); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStream is one update from the Dispatcher to a parked stream, without HTTP.
func BenchmarkStream(b *testing.B) {
	for _, form := range []Form{Events, Frames} {
		for _, confirms := range []bool{false, true} {
			b.Run(fmt.Sprintf("%v/confirms=%v", form, confirms), func(b *testing.B) {
				r := newRig(b, func(c *Config) { c.Expire, c.Queue.Age = time.Hour, time.Hour })
				id, _ := r.open()
				s, w := r.session(id), newPoller()
				paths, messages := flood(10, false)
				dst, now := make([]byte, 0, 1024), time.Now()
				s.Park(0, form, w, now)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s.Update("", paths[i%10], messages[i%10])
					if state, _ := s.Ready(w, now); state != Answer {
						b.Fatal(state)
					}
					_, seq, _ := s.Take(dst, w, now)
					s.Wrote(seq, now)
					if confirms {
						s.Confirm(seq, now)
					}
				}
			})
		}
	}
}

// BenchmarkTake builds answers of various lengths.
func BenchmarkTake(b *testing.B) {
	for _, n := range []int{0, 1, 8, 9, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := newRig(b, func(c *Config) { c.Expire, c.Bundle = time.Hour, 0 })
			id, _ := r.open()
			s, w := r.session(id), newPoller()
			paths, messages := flood(1, false)
			for range n {
				s.Update("", paths[0], messages[0])
			}
			dst, now := make([]byte, 0, 1<<20), time.Now()
			b.ReportAllocs()
			for b.Loop() {
				s.Park(0, Poll, w, now)
				s.Take(dst, w, now)
			}
		})
	}
}

// BenchmarkFlood tells a session of updates that is always at its limits.
func BenchmarkFlood(b *testing.B) {
	for _, bench := range floods {
		b.Run(strings.ReplaceAll(bench.name, " ", "-"), func(b *testing.B) {
			r := newRig(b, func(c *Config) { c.Expire = time.Hour })
			id, _ := r.open(bench.pattern)
			s := r.session(id)
			paths, messages := flood(bench.paths, bench.latest)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Update("", paths[i%len(paths)], messages[i%len(messages)])
			}
		})
	}
}

// BenchmarkPoll is an update and the poll that fetches it, through the handler.
func BenchmarkPoll(b *testing.B) {
	r := newRig(b, func(c *Config) { c.Expire, c.Bundle = time.Hour, 0 })
	id, token := r.open("flood/0")
	s := r.session(id)
	paths, messages := flood(1, false)
	r.do("GET", "/"+token, "")
	request := httptest.NewRequest("GET", "/", nil)
	var buf []byte
	w := &countingWriter{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		r.controller.Update("", paths[0], messages[0])
		buf = s.appendToken(buf[:0], s.queue.sent())
		request.URL.Path = "/" + string(buf)
		r.ServeHTTP(w, request)
	}
	if w.written == 0 || r.stats.Gapped.Load() > 0 {
		b.Fatal("nothing was answered, or something lost")
	}
}

// countingWriter is the cheapest http.ResponseWriter.
type countingWriter struct {
	header  http.Header
	written int
}

func (w *countingWriter) Header() http.Header                { return w.header }
func (w *countingWriter) WriteHeader(int)                    {}
func (w *countingWriter) Write(p []byte) (int, error)        { w.written += len(p); return len(p), nil }
func (w *countingWriter) Flush()                             {}
func (w *countingWriter) SetWriteDeadline(t time.Time) error { return nil }

// BenchmarkIdle reports what idle sessions take: by themselves, and each connected to a path of its own.
func BenchmarkIdle(b *testing.B) {
	for _, connected := range []bool{false, true} {
		b.Run(fmt.Sprintf("connected=%v", connected), func(b *testing.B) {
			const n = 100_000
			r := newRig(b, func(c *Config) { c.MaxSessions, c.Expire = n, time.Hour })
			before := heap()
			for b.Loop() {
				for i := range n {
					s, err := r.Push.open(time.Now())
					if err != nil {
						b.Fatal(err)
					}
					if connected {
						r.apply(dispatch.Command(dispatch.PathConnect, s.id(), dispatch.Pattern(fmt.Sprintf("orders/%d", i)), 0))
						w := newPoller()
						s.Park(0, Poll, w, time.Now())
						_, seq, _ := s.Take(nil, w, time.Now())
						s.Park(seq, Poll, nil, time.Now())
					}
				}
				b.ReportMetric((heap()-before)/n, "B/session")
				b.StopTimer()
				for _, s := range r.wheel.all() {
					r.leave(s)
				}
				b.StartTimer()
			}
		})
	}
}

func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkFullSession reports what a session at its limits takes, where no other shares its messages.
func BenchmarkFullSession(b *testing.B) {
	for b.Loop() {
		r := newRig(b)
		const n = 100
		before := heap()
		for range n {
			s, err := r.Push.open(time.Now())
			if err != nil {
				b.Fatal(err)
			}
			for i := range 1000 {
				s.Update("", dispatch.Path(fmt.Sprintf("flood/%d", i)), newMessage(fmt.Sprintf(`{"number":%d,"text":"%0100d"}`, i, i), dispatch.Options{}))
			}
		}
		b.ReportMetric((heap()-before)/n, "B/session")
		b.ReportMetric(float64(r.stats.Bytes.Load())/n, "B/counted")
		r.wheel.close()
		r.wheel = newWheel(time.Hour, r.look, r.tend)
	}
}
