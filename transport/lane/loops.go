package lane

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Loops are the event loops of a daemon, all its ports' together. A connection stays with the loop that it was given to.
type Loops struct {
	bounds    Bounds
	maxHeader int
	log       *slog.Logger
	began     time.Time
	all       []*loop
	table     table
	turn      atomic.Uint32 // which loop is given the next connection

	connections atomic.Int64
	handed      Tally

	mu    sync.Mutex // guards ports
	ports map[int]*Port
}

// MaxLoops is how many there may be.
const MaxLoops = 256

// NewLoops starts n loops, on what open opens for each ([OpenSockets]). Close them when their ports are closed.
func NewLoops(n int, open func() (Sockets, error), bounds Bounds, log *slog.Logger) (*Loops, error) {
	loops := &Loops{bounds: bounds, maxHeader: min(bounds.HeaderSize, maxFastHeader), log: log, began: time.Now(), ports: make(map[int]*Port)}
	if bounds.HeaderSize == 0 {
		loops.maxHeader = maxFastHeader
	}
	for i := range max(min(n, MaxLoops), 1) {
		sockets, err := open()
		if err != nil {
			for _, l := range loops.all {
				_ = l.sockets.Release()
			}
			return nil, fmt.Errorf("event loop: %w", err)
		}
		loops.all = append(loops.all, newLoop(loops, i, sockets, log))
	}
	for _, l := range loops.all {
		go l.run()
	}
	return loops, nil
}

// tick chooses how closely deadlines are kept: so that the wheel's slots reach beyond the longest.
func (s *Loops) tick() time.Duration {
	return max(s.bounds.Idle/(wheelSlots-2), 10*time.Millisecond)
}

// Connections returns how many connections the loops serve now.
func (s *Loops) Connections() int64 { return s.connections.Load() }

// HandedOver counts the connections that went on to net/http, by the name of their port.
func (s *Loops) HandedOver() *Tally { return &s.handed }

// Close ends the loops. Their ports must have been closed, and their connections ended.
func (s *Loops) Close() error {
	var errs []error
	for _, l := range s.all {
		l.do(func() { l.stopped = true })
	}
	for _, l := range s.all {
		<-l.done
		l.rousing.Wait()
		errs = append(errs, l.sockets.Release())
	}
	return errors.Join(errs...)
}

// next returns the loop for a new connection.
func (s *Loops) next() *loop { return s.all[s.turn.Add(1)%uint32(len(s.all))] }

// listening returns the port that listens on a descriptor, or nil.
func (s *Loops) listening(fd int) *Port {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports[fd]
}

// table finds connections by their descriptors, from any goroutine. Descriptors are small numbers, so it is an array, in
// pieces that are made when they are needed.
type table struct {
	pieces [maxDescriptors / pieceSize]atomic.Pointer[piece]
}

const (
	pieceSize      = 1 << 10
	maxDescriptors = 4 << 20
)

type piece [pieceSize]atomic.Pointer[Conn]

func (t *table) get(fd int) *Conn {
	if fd < 0 || fd >= maxDescriptors {
		return nil
	}
	p := t.pieces[fd/pieceSize].Load()
	if p == nil {
		return nil
	}
	return p[fd%pieceSize].Load()
}

// put notes whose descriptor fd is; nil for nobody's. It reports whether there is room for a descriptor of that number.
func (t *table) put(fd int, c *Conn) bool {
	if fd < 0 || fd >= maxDescriptors {
		return false
	}
	slot := &t.pieces[fd/pieceSize]
	p := slot.Load()
	if p == nil {
		slot.CompareAndSwap(nil, new(piece))
		p = slot.Load()
	}
	p[fd%pieceSize].Store(c)
	return true
}
