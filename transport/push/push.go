package push

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// Config is how a Push behaves. All of it can be changed while it runs; see [Push.SetConfig].
type Config struct {
	Hold        time.Duration // how long a poll may wait before it is answered with nothing
	Bundle      time.Duration // a burst gets at most one answer in this time
	Expire      time.Duration // how long a session lives without a waiting request
	Queue       QueueLimits
	Total       int64              // bytes that all queues together may hold, as [Stats.Bytes] counts them; 0 for no limit
	Resume      int                // how many messages that a stream was sent are kept until it confirms them; 0 for none
	Origins     []string           // web origins whose pages may use it: "*", "https://host", "https://*.host"
	Open        []dispatch.Pattern // what a client may connect to by itself
	MaxSessions int
	MaxBody     int           // bytes of a body that a client may POST
	BodyTime    time.Duration // for a body to arrive
	WriteTime   time.Duration // for a client to take an answer; no longer than Expire, or it comes back to no session
	Pace        int           // how many clients a second that lost their session are to ask their back-end; 0 for no pace
	Bounds      Bounds
	Met         *lane.Met // is told of the bounds that are met; nil: nobody is. [Push.SetConfig] does not change it
}

// Push keeps the clients' sessions and serves them. It implements http.Handler; its URLs are relative to where it is
// mounted, so a prefix is the caller's to strip.
type Push struct {
	dispatcher *dispatch.Dispatcher
	controller *dispatch.Controller
	log        *slog.Logger
	handler    lane.Handler
	wheel      *wheel
	began      time.Time
	origin     time.Time // from where sessions count when they were opened: began, or earlier if [Push.Restore] had sessions
	stats      Stats
	settings   atomic.Pointer[Config]
	draining   atomic.Bool
	outlived   bool         // by its sessions; see Outlive
	drained    atomic.Int64 // the instant at which that began first
	places     atomic.Int64 // how many sessions there are or are being made, for MaxSessions
	sockets    sockets
	opened     lane.Rate  // sessions
	said       lane.Rate  // by all clients: updates, and paths that they connect or disconnect themselves
	saying     sync.Mutex // is held while one client says something, where said is bounded
	turns      lane.Rate  // of clients that lost their session; see pace
	authors    lane.Accounts[*Session]
	homes      homes
	relieved   time.Time    // when relieve may look again; the wheel's alone
	spread     atomic.Int64 // once it drains: the longest retry, in nanoseconds
	met        *lane.Met
	mounted    map[string]Beside // by the first segment of addresses
}

// New makes a Push whose sessions are told by d, below c. Close it when it is done with.
func New(config Config, c *dispatch.Controller, d *dispatch.Dispatcher, log *slog.Logger) *Push {
	p := &Push{dispatcher: d, controller: c, log: log, began: time.Now(), met: config.Met}
	p.origin = p.began
	p.handler = lane.Handler{Serve: p.serve, Refused: &p.stats.Refused, Log: log, Met: p.met, Bounds: settingsMet}
	p.settings.Store(config.filled())
	p.wheel = newWheel(tickFor(config), p.look, p.tend)
	return p
}

// tickFor chooses how closely sessions' times are kept: to a sixty-fourth of the shorter one, so that the wheel's slots
// reach beyond it.
func tickFor(config Config) time.Duration {
	return max(min(config.Hold, config.Expire)/64, time.Millisecond)
}

// SetConfig changes how p behaves from now on. What a session holds already is brought within new limits when it is told
// of something next, and those that wait within a shorter Hold or Expire with the next tick.
func (p *Push) SetConfig(config Config) {
	p.settings.Store(config.filled())
	p.wheel.reset(tickFor(config))
}

func (p *Push) config() *Config { return p.settings.Load() }

// Stats returns what p counts.
func (p *Push) Stats() *Stats { return &p.stats }

// Sessions returns how many sessions there are.
func (p *Push) Sessions() int { return int(p.places.Load()) }

// Drain has every waiting poll answered and every stream end now, and refuses new sessions, unless they [Push.Outlive] p.
// Polls of old ones are answered at once from then on, and streams end, so that all clients have what there is before the
// daemon stops.
func (p *Push) Drain() {
	p.drained.CompareAndSwap(0, int64(p.instant(time.Now())))
	p.spread.Store(int64(retrySpread(p.stats.Parked.Load())))
	p.draining.Store(true)
	for _, s := range p.wheel.all() {
		s.wake()
	}
}

// Outlive says that p's sessions will be kept by [Push.Save], so that new ones are opened even after [Push.Drain]: they go on
// elsewhere. It is called before anything is served.
func (p *Push) Outlive() { p.outlived = true }

// Settle waits for WebSockets that net/http does not know any more to end by themselves after [Push.Drain], until ctx ends.
func (p *Push) Settle(ctx context.Context) {
	settled := make(chan struct{})
	go func() {
		defer close(settled)
		p.sockets.group.Wait()
	}()
	select {
	case <-settled:
	case <-ctx.Done():
	}
}

// Close stops looking after sessions, and closes WebSockets that have not ended by themselves since [Push.Drain]. Nothing
// else may be served any more when it is called.
func (p *Push) Close() error {
	p.sockets.close()
	p.wheel.close()
	return nil
}

// open makes a session, if there is room for one more.
func (p *Push) open(now time.Time) (*Session, error) {
	if p.draining.Load() && !p.outlived {
		return nil, stopping()
	}
	config := p.config()
	if p.places.Add(1) > int64(config.MaxSessions) {
		p.places.Add(-1)
		return nil, lane.Refuse(http.StatusServiceUnavailable, "sessions",
			"there are %d sessions, and no room for more; try again soon", config.MaxSessions).Again(lane.Soon())
	}
	s := &Session{push: p, opened: uint32(now.Sub(p.origin) / time.Second), deadline: p.instant(now).add(config.Expire)}
	dispatch.AppendSecret(s.secret[:0])
	s.seat = p.controller.Enroll(s)
	p.stats.Opened.Add(1)
	p.wheel.add(s, now, min(config.Expire, config.Hold))
	return s, nil
}

// instant returns now as sessions keep it.
func (p *Push) instant(now time.Time) instant { return instant(now.Sub(p.began)) }

// time is the other way round, for people.
func (p *Push) time(i instant) time.Time { return p.began.Add(time.Duration(i)).UTC() }

// find returns the session that t belongs to and gives the right to, or nil.
func (p *Push) find(t token) *Session {
	s, _ := p.controller.Find(t.id).(*Session)
	if s == nil || s.push != p || !s.holds(t.secret) {
		return nil
	}
	return s
}

// forget takes a session that has ended out of the wheel, and counts it. It is called once for each.
func (p *Push) forget(s *Session, how string) {
	p.wheel.remove(s)
	p.homes.leave(s)
	p.places.Add(-1)
	p.stats.Ended.Add(how)
}

// look is the wheel's: it ends sessions that nobody came back for.
func (p *Push) look(s *Session, now time.Time) (again time.Duration, ok bool) {
	again, ok, expired := s.look(now)
	if expired {
		p.forget(s, "expired")
		p.controller.Unregister(s.id())
	}
	return again, ok
}

// leave ends a session whose client says goodbye.
func (p *Push) leave(s *Session) {
	if s.end() {
		p.forget(s, "left")
		p.controller.Unregister(s.id())
	}
}
