package line

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// PathDropped is the path of the line that a [Writer] puts where lines are missing from a log; the message is their
// number. It is never the path of an update.
const PathDropped dispatch.Path = "::+::dropped"

// ErrStuck is returned by [Writer.Close] when the destination takes nothing any more.
var ErrStuck = errors.New("line: the log's destination is stuck; its last lines are lost")

// WriterConfig says where a [Writer] writes. The zero value is standard output.
type WriterConfig struct {
	// File is the name of the file to append to, made with mode 0640 if need be; "" means that Output is written to.
	File string
	// Output is written to where there is no File; nil means os.Stdout. It is not closed.
	Output io.Writer
	// Buffer is how much may wait for a slow destination, in bytes; 0 means 1 MiB, and 8 KiB is the least. A line that
	// takes more than half of it is dropped.
	Buffer int
	// Flush is how long Close may take to write what waits; 0 means 2 s.
	Flush time.Duration
	// Met is told when the buffer is full; nil: nobody is.
	Met *lane.Met
	// Log is told when writing fails and when it works again; nil means slog.Default(). It must not end up in this Writer.
	Log *slog.Logger
}

// WriterStats count what a [Writer] was told of.
type WriterStats struct {
	Lines   uint64 // lines taken into the buffer
	Dropped uint64 // lines lost, because the buffer was full, or at the end
	Errors  uint64 // failed writes; what was to be written is written later
}

// Writer is the log: a component that writes every update it is told of as a line. Make it a delegate of the Controller.
// Update never waits for the destination: one goroutine writes, and where it falls so far behind that the buffer is full,
// lines are dropped, and a line at PathDropped takes their place. Its methods, but for Update, may be called from any
// goroutine.
type Writer struct {
	file  string // the name, "" where there is none
	log   *slog.Logger
	met   *lane.Met
	flush time.Duration
	limit int           // of len(pending), in bytes
	wake  chan struct{} // has room for one: there is something for run to look at
	done  chan struct{} // closed when run has ended
	full  atomic.Bool   // dropped > 0; changed with mu held

	// line belongs to Update, whose calls never overlap: the line that it makes.
	line []byte

	// mu guards the fields below. It is taken under the Controller's lock, and nothing slow is done under it.
	mu      sync.Mutex
	pending []byte    // lines to write; there is always room for one more at PathDropped
	dropped uint64    // how many lines are missing after pending
	current io.Writer // what is written to; run alone changes it
	next    *os.File  // was opened by Reopen, to be taken up by run
	closing bool
	stats   WriterStats

	// These belong to run.
	spare   []byte // takes its turn with pending
	failing bool   // the last write failed
}

const (
	// markSize is the longest line at PathDropped.
	markSize = len(PathDropped) + len("; 18446744073709551615\n")
	// retry is how long a Writer waits after a failed write.
	retry = time.Second
	// interruption is how long Close waits after it has interrupted a write.
	interruption = 100 * time.Millisecond
)

// NewWriter opens the file, if there is one, and starts the goroutine that writes. Close ends it.
func NewWriter(config WriterConfig) (*Writer, error) {
	switch {
	case config.File != "":
		file, err := openLog(config.File)
		if err != nil {
			return nil, err
		}
		return startWriter(config, file), nil
	case config.Output != nil:
		return startWriter(config, config.Output), nil
	default:
		return startWriter(config, os.Stdout), nil
	}
}

// startWriter makes a Writer whose destination, an io.Closer if there is a File, is open.
func startWriter(config WriterConfig, destination io.Writer) *Writer {
	half := max(cmp.Or(config.Buffer, 1<<20), 8<<10) / 2
	w := &Writer{
		file:    config.File,
		log:     config.Log,
		met:     config.Met,
		flush:   cmp.Or(config.Flush, 2*time.Second),
		limit:   half - markSize,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		current: destination,
		pending: make([]byte, 0, half),
		spare:   make([]byte, 0, half),
	}
	if w.log == nil {
		w.log = slog.Default()
	}
	go w.run()
	return w
}

func openLog(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, cmp.Or(CheckFile(name), fmt.Errorf("log.output: %w", err))
	}
	return file, nil
}

// CheckFile tells whether the directory is there in which a [Writer] is to make its file. It makes nothing.
func CheckFile(name string) error {
	dir := filepath.Dir(name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("log.output: cannot open %s: the directory %s is not there", name, dir)
	}
	return nil
}

// Update implements dispatch.Component: it takes the line into the buffer, or drops it. The line is made before mu is
// taken: run could hardly get hold of mu otherwise while there are many updates.
func (w *Writer) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	if w.full.Load() {
		w.drop()
		return
	}
	if cap(w.line) > w.limit {
		w.line = nil // one huge message is no reason to keep so much
	}
	w.line = AppendUpdate(w.line[:0], path, msg)
	if !w.add(w.line) {
		w.drop()
	}
}

// add takes a line into the buffer, if there is room.
func (w *Writer) add(line []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return true
	}
	if len(w.pending)+len(line) > w.limit {
		return false
	}
	if len(w.pending) == 0 {
		w.nudge()
	}
	w.pending = append(w.pending, line...)
	w.stats.Lines++
	return true
}

// drop counts a line that is not taken. Until run comes by no other is taken either: there is one gap then, and a full
// buffer costs next to nothing.
func (w *Writer) drop() {
	w.met.Note("limits.log_buffer")
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing {
		return
	}
	if w.dropped == 0 {
		w.full.Store(true)
		w.nudge()
	}
	w.dropped++
	w.stats.Dropped++
}

// nudge has run look whether there is something to do.
func (w *Writer) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Reopen has all lines that come after it written to a new file of the same name, for use when the old one has been
// renamed. When it fails the old file stays in use. Without a file it does nothing.
func (w *Writer) Reopen() error {
	if w.file == "" {
		return nil
	}
	file, err := openLog(w.file)
	if err != nil {
		return err
	}
	w.mu.Lock()
	unused := w.next
	w.next = file
	if w.closing {
		unused, w.next = file, unused
		err = fmt.Errorf("line: reopen log: %w", os.ErrClosed)
	}
	w.mu.Unlock()
	if unused != nil {
		unused.Close()
	}
	w.nudge()
	return err
}

// Close takes no more updates, writes what waits, and ends the goroutine. If that takes longer than WriterConfig.Flush, the
// write under way is interrupted, what is left is lost, and Close returns [ErrStuck] within 100 ms. A write that cannot be
// interrupted, as one to a file cannot, keeps the goroutine until it ends.
func (w *Writer) Close() error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.nudge()
	if w.ended(w.flush) {
		return nil
	}
	w.interrupt()
	w.ended(interruption)
	return ErrStuck
}

// ended waits for run to end.
func (w *Writer) ended(patience time.Duration) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.done:
		return true
	case <-timer.C:
		return false
	}
}

// interrupt ends a write that is under way, where the destination knows how: pipes and sockets mostly do.
func (w *Writer) interrupt() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if d, ok := w.current.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now())
	}
}

// Stats returns the counts so far.
func (w *Writer) Stats() WriterStats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// run writes until Close.
func (w *Writer) run() {
	defer close(w.done)
	defer w.release()
	for {
		lines, closing := w.takeLines()
		switch {
		case len(lines) > 0:
			w.write(lines)
			w.spare = lines[:0]
		case closing:
			return
		default:
			<-w.wake
			w.takeFile()
		}
	}
}

// takeLines returns what is to be written and leaves the other buffer to Update.
func (w *Writer) takeLines() (lines []byte, closing bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines = w.pending
	if w.dropped > 0 {
		lines = append(lines, PathDropped+"; "...)
		lines = append(strconv.AppendUint(lines, w.dropped, 10), '\n')
		w.dropped = 0
		w.full.Store(false)
	}
	if len(lines) > 0 {
		w.pending, w.spare = w.spare, nil
	}
	return lines, w.closing
}

// write writes lines, however often it has to try, unless the Writer is being closed. A failed write goes on where it
// ended, so that no line is torn or lost because a disk was full for a while.
func (w *Writer) write(lines []byte) {
	for written := 0; written < len(lines); {
		if w.takeFile() {
			// The line that is not whole in the old file is written to the new one from its start.
			written = bytes.LastIndexByte(lines[:written], '\n') + 1
		}
		n, err := w.current.Write(lines[written:])
		written += n
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if w.note(err); err != nil && !w.wait() {
			w.lose(lines[written:])
			return
		}
	}
}

// note keeps account of failures, and logs where a spell of them begins and ends.
func (w *Writer) note(err error) {
	if err != nil {
		w.mu.Lock()
		w.stats.Errors++
		w.mu.Unlock()
	}
	switch failing := err != nil; {
	case failing && !w.failing:
		w.log.Error("line: the log cannot be written", "err", err)
	case !failing && w.failing:
		w.log.Info("line: the log is being written again")
	}
	w.failing = err != nil
}

// wait waits before a write is tried again. It reports false if there is to be no other try: the last one came after
// Close.
func (w *Writer) wait() bool {
	w.mu.Lock()
	closing := w.closing
	w.mu.Unlock()
	if closing {
		return false
	}
	timer := time.NewTimer(retry)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	}
	return true
}

// lose counts lines that are not going to be written.
func (w *Writer) lose(lines []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Dropped += uint64(bytes.Count(lines, []byte{'\n'}))
}

// takeFile takes up the file that Reopen opened, if there is one.
func (w *Writer) takeFile() bool {
	w.mu.Lock()
	old, next := w.current, w.next
	if next != nil {
		w.current, w.next = next, nil
	}
	w.mu.Unlock()
	if next == nil {
		return false
	}
	old.(io.Closer).Close()
	return true
}

// release closes the files.
func (w *Writer) release() {
	w.takeFile()
	if w.file != "" {
		w.current.(io.Closer).Close()
	}
}
