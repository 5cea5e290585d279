package line

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// text makes a plain message.
func text(format string, args ...any) *dispatch.Message {
	return dispatch.TextMessage(fmt.Sprintf(format, args...), dispatch.Options{})
}

func newWriter(t testing.TB, config WriterConfig) (*Writer, *journal) {
	t.Helper()
	j := &journal{}
	config.Log = slog.New(j)
	w, err := NewWriter(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, j
}

// TestWriterIsTheTimeline has a log hear what a dispatcher and its components do.
func TestWriterIsTheTimeline(t *testing.T) {
	var out bytes.Buffer
	w, _ := newWriter(t, WriterConfig{Output: &out})
	controller := dispatch.NewController("test")
	dispatcher := dispatch.NewDispatcher(controller)
	controller.Delegate(w)
	id := controller.Register(&recorder{senders: make(map[dispatch.ID]bool)})
	number, err := dispatch.JSONMessage([]byte(`{"n": 1}`), dispatch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := dispatcher.Apply("", dispatch.Command(dispatch.PathConnect, id, "a/*", 0),
		dispatch.Update{Path: "a/b", Message: number}, dispatch.Update{Path: "c", Message: text("1\n2")}); err != nil {
		t.Fatal(err)
	}
	controller.Unregister(id)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w.Update(id, "late", text("not written"))
	want := "::connect; " + string(id) + "->a/*\na/b; {\"n\":1}\nc; 1\\x0a2\n::gone; " + string(id) + "\n"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got, want := w.Stats(), (WriterStats{Lines: 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := w.Reopen(); err != nil {
		t.Errorf("Reopen without a file: %v", err)
	}
}

// gate is a destination that takes nothing until it is opened.
type gate struct {
	open chan struct{}
	out  bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.out.Write(p)
}

// TestStuckDestination fills the buffer while nothing can be written. The bubble has no time that passes while Update
// works, and would end in a deadlock if Update waited.
func TestStuckDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		w, _ := newWriter(t, WriterConfig{Output: g, Buffer: 8 << 10})
		const first, later = 3000, 10
		for i := range first {
			w.Update("", "n", text("%d", i))
			if i == 0 {
				synctest.Wait() // the first line is being written
			}
		}
		before := w.Stats()
		if before.Dropped == 0 || before.Lines+before.Dropped != first {
			t.Fatalf("got %+v, want some lines dropped, %d in all", before, first)
		}
		close(g.open)
		synctest.Wait()
		for i := range later {
			w.Update("", "n", text("%d", first+i))
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		checkNumbers(t, g.out.Bytes(), first+later)
		if got := w.Stats(); got.Dropped != before.Dropped || got.Lines != before.Lines+later {
			t.Errorf("got %+v after %+v and %d lines more", got, before, later)
		}
		if got := cap(w.pending) + cap(w.spare); got != 8<<10 {
			t.Errorf("the buffer has %d bytes, want 8 KiB", got)
		}
	})
}

// checkNumbers checks that log has the lines 0 to n-1, but for those that it says are dropped, where it says so.
func checkNumbers(t *testing.T, log []byte, n int) {
	t.Helper()
	next := 0
	for line := range bytes.Lines(log) {
		update, err := Decode(line)
		if err != nil || line[len(line)-1] != '\n' {
			t.Fatalf("line %q: %v", line, err)
		}
		var number int
		said, _ := update.Message.Text()
		if _, err := fmt.Sscan(said, &number); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		switch {
		case update.Path == PathDropped:
			next += number
		case number != next:
			t.Fatalf("got line %d, want %d", number, next)
		default:
			next++
		}
	}
	if next != n {
		t.Fatalf("the log ends with line %d, want %d", next, n)
	}
}

// TestLongLine has a line that never fits, with nothing before it and with something.
func TestLongLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		w, _ := newWriter(t, WriterConfig{Output: &out, Buffer: 8 << 10})
		long := text("%s", strings.Repeat("x", 4<<10))
		w.Update("", "n", long)
		synctest.Wait()
		w.Update("", "n", text("1"))
		w.Update("", "n", long)
		synctest.Wait()
		w.Update("", "n", text("3"))
		w.Close()
		want := "::+::dropped; 1\nn; 1\n::+::dropped; 1\nn; 3\n"
		if out.String() != want {
			t.Errorf("got %.200q, want %q", out.String(), want)
		}
	})
}

// faulty is a destination that fails as often as it is told, after having taken a part.
type faulty struct {
	faults int
	part   int
	out    bytes.Buffer
}

func (f *faulty) Write(p []byte) (int, error) {
	if f.faults == 0 {
		return f.out.Write(p)
	}
	f.faults--
	n, _ := f.out.Write(p[:min(f.part, len(p))])
	if f.faults%3 == 0 {
		return n, nil // that is against the rules of io.Writer, and no reason to fall over
	}
	return n, syscall.ENOSPC
}

// disk is a destination with room for so many bytes.
type disk struct {
	room   int
	out    bytes.Buffer
	closed bool
}

func (d *disk) Write(p []byte) (int, error) {
	if len(p) <= d.room-d.out.Len() {
		return d.out.Write(p)
	}
	n, _ := d.out.Write(p[:d.room-d.out.Len()])
	return n, syscall.ENOSPC
}

func (d *disk) Close() error {
	d.closed = true
	return nil
}

func TestWriteErrors(t *testing.T) {
	for _, part := range []int{0, 1, 7} {
		synctest.Test(t, func(t *testing.T) {
			f := &faulty{faults: 8, part: part}
			w, j := newWriter(t, WriterConfig{Output: f})
			for i := range 100 {
				w.Update("", "n", text("%d", i))
			}
			time.Sleep(time.Minute)
			w.Update("", "n", text("100"))
			w.Close()
			checkNumbers(t, f.out.Bytes(), 101)
			if got := w.Stats(); got.Dropped != 0 || got.Errors == 0 {
				t.Errorf("part %d: got %+v, want errors, and nothing dropped", part, got)
			}
			want := []string{"ERROR line: the log cannot be written", "INFO line: the log is being written again"}
			if got := j.said(); len(got)%2 != 0 || !slices.Equal(got[:2], want) || part == 0 && len(got) > 2 {
				t.Errorf("part %d: the log says %q", part, got)
			}
		})
	}
}

// TestCloseWhileFailing loses what cannot be written, counts it, and does not wait for better times.
func TestCloseWhileFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := &disk{room: len("n; 0\nn; 1\nn;")}
		w, _ := newWriter(t, WriterConfig{Output: full})
		start := time.Now()
		for i := range 10 {
			w.Update("", "n", text("%d", i))
		}
		if err := w.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("Close has taken %v", took)
		}
		if got := w.Stats(); got.Lines != 10 || got.Dropped != 8 {
			t.Errorf("got %+v, want 10 lines and 8 of them dropped", got)
		}
	})
}

// TestReopenAmidALine has a disk fill up in the middle of a line, and the file be replaced.
func TestReopenAmidALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "log")
		full := &disk{room: len("n; 0\nn;")}
		w := startWriter(WriterConfig{File: name, Log: slog.New(slog.DiscardHandler)}, full)
		for i := range 10 {
			w.Update("", "n", text("%d", i))
			if i == 1 {
				synctest.Wait()
			}
		}
		if err := w.Reopen(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if got := full.out.String(); got != "n; 0\nn;" || !full.closed {
			t.Errorf("the old file has %q; closed: %v", got, full.closed)
		}
		if got, want := read(t, name), "n; 1\nn; 2\nn; 3\nn; 4\nn; 5\nn; 6\nn; 7\nn; 8\nn; 9\n"; got != want {
			t.Errorf("the new file has %q, want %q", got, want)
		}
		if got, want := w.Stats(), (WriterStats{Lines: 10, Errors: 1}); got.Lines != 10 || got.Dropped != 0 {
			t.Errorf("got %+v, want %+v, or more errors", got, want)
		}
	})
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "log")
	if err := os.WriteFile(name, []byte("before; 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, _ := newWriter(t, WriterConfig{File: name})
	w.Update("", "a", text("2"))
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	for range 3 { // only the last of several in a row counts
		if err := w.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	w.Update("", "a", text("3"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Reopen after Close: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	old, fresh := read(t, name+".1"), read(t, name)
	if !strings.HasPrefix(old, "before; 1\n") || !strings.HasSuffix(fresh, "a; 3\n") || old+fresh != "before; 1\na; 2\na; 3\n" {
		t.Errorf("the old file has %q, the new one %q", old, fresh)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode(); mode&^0o640 != 0 || mode&0o600 != 0o600 {
		t.Errorf("mode is %v, want 0640, or less with umask", mode)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestFileThatCannotBeOpened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	name := filepath.Join(dir, "log")
	missing := "log.output: cannot open " + name + ": the directory " + dir + " is not there"
	if _, err := NewWriter(WriterConfig{File: name}); fmt.Sprint(err) != missing {
		t.Fatalf("NewWriter: %v", err)
	}
	if err := CheckFile(name); fmt.Sprint(err) != missing {
		t.Errorf("CheckFile: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(WriterConfig{File: dir}); fmt.Sprint(err) != "log.output: open "+dir+": is a directory" {
		t.Errorf("NewWriter of a directory: %v", err)
	}
	if err := CheckFile(name); err != nil {
		t.Errorf("CheckFile of a file that can be made: %v", err)
	}
	w, _ := newWriter(t, WriterConfig{File: name})
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := w.Reopen(); fmt.Sprint(err) != missing {
		t.Errorf("Reopen: %v", err)
	}
	w.Update("", "a", text("still written"))
	w.Close()
	if got, want := read(t, filepath.Join(dir+".old", "log")), "a; still written\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCloseOfStuckDestination(t *testing.T) {
	t.Run("that knows deadlines", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer theirs.Close()
			testStuckClose(t, ours)
		})
	})
	t.Run("that knows none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			reader, writer := io.Pipe()
			testStuckClose(t, writer)
			reader.Close()
		})
	})
}

func testStuckClose(t *testing.T, out io.Writer) {
	w, err := NewWriter(WriterConfig{Output: out, Flush: 3 * time.Second, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w.Update("", "a", text("1"))
	synctest.Wait()
	w.Update("", "a", text("2"))
	start := time.Now()
	if err := w.Close(); !errors.Is(err, ErrStuck) {
		t.Errorf("Close returns %v, want %v", err, ErrStuck)
	}
	if took := time.Since(start); took < 3*time.Second || took > 4*time.Second {
		t.Errorf("Close takes %v, want 3 s and a little", took)
	}
}

// TestWriterRace has all methods called at once, for the race detector.
func TestWriterRace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	w, _ := newWriter(t, WriterConfig{File: name, Buffer: 8 << 10})
	controller := dispatch.NewController("test")
	controller.Delegate(w)
	const writers, each = 4, 500
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range each {
				controller.Update("", "a", text("b"))
				w.Stats()
			}
		})
	}
	all.Go(func() {
		for range 20 {
			if err := w.Reopen(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	w.Close()
	stats := w.Stats()
	if got := strings.Count(read(t, name), "a; b\n"); uint64(got) != stats.Lines || stats.Lines+stats.Dropped != writers*each {
		t.Errorf("%d lines are in the file, with %+v", got, stats)
	}
}

// tally is a destination that only counts.
type tally struct{ bytes atomic.Int64 }

func (c *tally) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}

// BenchmarkWriter is the cost of a line from Update to the destination. It waits for the destination after every 64
// lines: a loop that does nothing but Update is ahead of any.
func BenchmarkWriter(b *testing.B) {
	for _, m := range messages {
		b.Run(m.name, func(b *testing.B) {
			out := &tally{}
			w, err := NewWriter(WriterConfig{Output: out})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			msg := dispatch.TextMessage(m.text, dispatch.Options{})
			size := int64(len(AppendUpdate(nil, "orders/42", msg)))
			b.SetBytes(size)
			b.ReportAllocs()
			for n := int64(0); b.Loop(); {
				w.Update("", "orders/42", msg)
				for n++; n%64 == 0 && out.bytes.Load() < n*size; {
					runtime.Gosched()
				}
			}
			if dropped := w.Stats().Dropped; dropped > 0 {
				b.Errorf("%d lines are dropped", dropped)
			}
		})
	}
}

// BenchmarkWriterStuck is the cost of a line where the destination takes nothing.
func BenchmarkWriterStuck(b *testing.B) {
	g := &gate{open: make(chan struct{})}
	w, err := NewWriter(WriterConfig{Output: g})
	if err != nil {
		b.Fatal(err)
	}
	msg := text("%s", messages[1].text)
	b.ReportAllocs()
	for b.Loop() {
		w.Update("", "orders/42", msg)
	}
	close(g.open)
	w.Close()
}

func TestDefaultDestination(t *testing.T) {
	w, _ := newWriter(t, WriterConfig{})
	if w.current != io.Writer(os.Stdout) {
		t.Errorf("the destination is %v, want os.Stdout", w.current)
	}
}
