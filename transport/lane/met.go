package lane

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Met is told when a bound is met, counts that, and says it in the log: at once, and while it goes on every 10 s at
// most, with how often it was meanwhile. So it says other things that may come in crowds. A nil Met does nothing of this.
type Met struct {
	log   *slog.Logger
	value func(setting string) any
	all   sync.Map // of *meeting, by spoken

	mu     sync.Mutex     // guards what follows, and the timers
	closed bool           // nothing more is said
	saying sync.WaitGroup // what is to be said; added to with mu held
}

// spoken is what is said, of which setting or what else, and how loudly.
type spoken struct {
	msg   string
	of    string
	level slog.Level
}

// boundMet is what is said of a setting.
const boundMet = "a bound is met"

// metAgain is how long a bound that is met again and again is not spoken of.
const metAgain = 10 * time.Second

// NewMet makes a Met. value tells what a setting is set to, for the log. Close it when nothing is to be met any more.
func NewMet(log *slog.Logger, value func(setting string) any) *Met {
	return &Met{log: log, value: value}
}

// meeting is a setting that was met, or what else is said.
type meeting struct {
	count  atomic.Uint64         // ever
	unsaid atomic.Uint64         // of these
	detail atomic.Pointer[[]any] // of the last, for the log: keys and values
	armed  atomic.Bool           // say is to be called; it has the two below until it takes this away
	said   time.Time
	timer  *time.Timer // that calls say; guarded by Met.mu
}

// Note says that the bound of a setting ("limits.sessions") is met. It may be called from anywhere, the timeline
// included: what is to be logged is logged by a goroutine that is there for it alone. When nothing is met any more
// nothing is left running, after 10 s at the latest.
func (m *Met) Note(setting string) { m.note(spoken{boundMet, setting, slog.LevelWarn}) }

// NoteOf is Note for a bound on each address, and who has met it. Of several, the last is named.
func (m *Met) NoteOf(setting string, who netip.Addr) {
	m.note(spoken{boundMet, setting, slog.LevelWarn}, "address", who)
}

// Notice is Note for a bound that does what it is there for when it is met: it is said at level info.
func (m *Met) Notice(setting string) { m.note(spoken{boundMet, setting, slog.LevelInfo}) }

// Routine is Note for a bound that is met all the time, such as that on connections which nobody uses any more: it is
// said at level debug.
func (m *Met) Routine(setting string) { m.note(spoken{boundMet, setting, slog.LevelDebug}) }

// Trouble says what is no bound, and goes wrong again and again: msg, of one port or the like, with keys and values of
// the last time.
func (m *Met) Trouble(msg, of string, detail ...any) {
	m.note(spoken{msg, of, slog.LevelWarn}, detail...)
}

// NoteProblem notes the bound that p, which is refused, is about: the setting that bounds has for its reason, if any.
func (m *Met) NoteProblem(p *Problem, bounds map[string]string) {
	switch setting, ok := bounds[p.Reason]; {
	case !ok:
	case p.address.IsValid():
		m.NoteOf(setting, p.address)
	default:
		m.Note(setting)
	}
}

// NoteError notes the bound that err of package dispatch is about, if it is about one.
func (m *Met) NoteError(err error) {
	for _, known := range dispatchProblems {
		if known.setting != "" && errors.Is(err, known.err) {
			m.Note(known.setting)
		}
	}
}

func (m *Met) note(key spoken, detail ...any) {
	if m == nil {
		return
	}
	found, ok := m.all.Load(key)
	if !ok {
		found, _ = m.all.LoadOrStore(key, new(meeting))
	}
	b := found.(*meeting)
	if len(detail) > 0 {
		b.detail.Store(&detail)
	}
	b.count.Add(1)
	b.unsaid.Add(1)
	m.arm(key, b)
}

// arm has it said when it is time, unless that is so already.
func (m *Met) arm(key spoken, b *meeting) {
	if b.armed.Swap(true) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	wait := time.Duration(0)
	if !b.said.IsZero() {
		wait = max(metAgain-time.Since(b.said), 0)
	}
	m.saying.Add(1)
	b.timer = time.AfterFunc(wait, func() {
		defer m.saying.Done()
		m.say(key, b)
	})
}

// Close has said what is still to be said, and has nothing said after that.
func (m *Met) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.all.Range(func(key, value any) bool {
		b := value.(*meeting)
		m.mu.Lock()
		early := b.timer != nil && b.timer.Stop()
		m.mu.Unlock()
		if early {
			m.say(key.(spoken), b)
			m.saying.Done()
		}
		return true
	})
	m.saying.Wait()
}

func (m *Met) say(key spoken, b *meeting) {
	times := b.unsaid.Swap(0)
	if times > 0 {
		m.log.Log(context.Background(), key.level, key.msg, m.about(key, b, times)...)
		b.said = time.Now()
	}
	if b.armed.Store(false); b.unsaid.Load() > 0 {
		m.arm(key, b) // it was met before armed was taken away
	}
}

// about returns the keys and values of what is said.
func (m *Met) about(key spoken, b *meeting, times uint64) (args []any) {
	if key.msg == boundMet {
		args = []any{"setting", key.of, "value", m.value(key.of)}
	}
	args = append(args, "times", times)
	if detail := b.detail.Load(); detail != nil {
		args = append(args, *detail...)
	}
	return args
}

// Counts returns how often each bound was met, by its setting.
func (m *Met) Counts() map[string]uint64 {
	counts := make(map[string]uint64)
	if m == nil {
		return counts
	}
	m.all.Range(func(key, b any) bool {
		if key := key.(spoken); key.msg == boundMet {
			counts[key.of] += b.(*meeting).count.Load()
		}
		return true
	})
	return counts
}
