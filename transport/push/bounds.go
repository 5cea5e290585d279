package push

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// This file bounds what clients may do in a second, and what one address may: it refuses before any work is done. A
// client that comes back to its session is never refused here.

// Bounds are how often clients may do something, and what those of one address may have and do; 0 is no bound. A rate
// of r a second lets r come at once.
type Bounds struct {
	OpenRate         int // sessions that are opened in a second
	PublishRate      int // updates of one client, and paths that it connects or disconnects itself
	TotalPublishRate int // of all clients

	AddressSessions    int // at a time
	AddressOpenRate    int
	AddressPublishRate int
	Proxies            lane.Proxies // whose X-Forwarded-For says who the client is
}

// perAddress tells whether anything is bounded for one address.
func (b *Bounds) perAddress() bool {
	return b.AddressSessions > 0 || b.AddressOpenRate > 0 || b.AddressPublishRate > 0
}

// filled returns c with what is left out.
func (c Config) filled() *Config {
	if c.Total <= 0 {
		c.Total = math.MaxInt64
	}
	return &c
}

// Addresses returns of how many addresses something is counted; 0 while nothing is bounded for one address.
func (p *Push) Addresses() int { return p.homes.accounts.Len() }

// settingsMet are the settings that are met where a request is refused, by the reason.
var settingsMet = map[string]string{
	"sessions":             "limits.sessions",
	"subscriptions":        "limits.subscriptions",
	"open_rate":            "limits.open_rate",
	"publish_rate":         "limits.publish_rate",
	"total_publish_rate":   "limits.total_publish_rate",
	"address_sessions":     "limits.address_sessions",
	"address_open_rate":    "limits.address_open_rate",
	"address_publish_rate": "limits.address_publish_rate",
	"body_size":            "limits.publish",
	"slow_body":            "limits.body",
	"too_many_paths":       "limits.paths",
}

// letIn refuses a client for which no session may be opened now, and otherwise returns the address that the session is
// to count for, if for any. [Push.turnOut] undoes that where none is opened.
func (p *Push) letIn(a *arrival, now time.Time) (home netip.Addr, err error) {
	bounds, at := &p.config().Bounds, p.since(now)
	if _, ok := p.opened.Spend(1, bounds.OpenRate, at); !ok {
		return home, lane.Refuse(http.StatusServiceUnavailable, "open_rate",
			"more than %d sessions are opened in a second; try again soon", bounds.OpenRate).Again(lane.Soon())
	}
	if bounds.perAddress() {
		home = bounds.Proxies.Client(a.from.Peer(), a.forwarded)
	}
	if home.IsValid() {
		if err := p.homes.enter(home, bounds, at); err != nil {
			p.opened.Take(-1, bounds.OpenRate, at)
			return netip.Addr{}, err
		}
	}
	return home, nil
}

func (p *Push) turnOut(home netip.Addr, now time.Time) {
	p.notOpened(home, now)
	if home.IsValid() {
		p.homes.accounts.Leave(home, p.since(now))
	}
}

// notOpened gives back what a session took of the rates that was not opened after all.
func (p *Push) notOpened(home netip.Addr, now time.Time) {
	bounds, at := &p.config().Bounds, p.since(now)
	p.opened.Take(-1, bounds.OpenRate, at)
	if home.IsValid() {
		p.homes.accounts.Take(home, lane.Opening, -1, bounds.AddressOpenRate, at)
	}
}

// settleIn counts a session that is older than the bounds on its client's address, or than the daemon.
func (p *Push) settleIn(s *Session, a *arrival, now time.Time) {
	bounds := &p.config().Bounds
	if !bounds.perAddress() || p.homes.has(s) {
		return
	}
	home := bounds.Proxies.Client(a.from.Peer(), a.forwarded)
	if home.IsValid() {
		p.homes.accounts.Enter(home, math.MaxInt, p.since(now))
		p.homes.keep(s, home)
	}
}

// since returns now as rates are kept.
func (p *Push) since(now time.Time) time.Duration { return time.Duration(p.instant(now)) }

// tooMany refuses what one client or address does too often; wait says when there is something left.
func tooMany(reason string, wait time.Duration, detail string, rate int) *lane.Problem {
	detail = fmt.Sprintf(detail, rate)
	return lane.Refuse(http.StatusTooManyRequests, reason, "%s; try again in %d s", detail, seconds(wait)).
		Again(seconds(wait))
}

// seconds returns d in whole seconds, 1 at least.
func seconds(d time.Duration) int { return max(int((d+time.Second-1)/time.Second), 1) }

// homes are the addresses for which sessions count, where something is bounded for one address.
type homes struct {
	accounts lane.Accounts[netip.Addr]
	count    atomic.Int64 // how many there are in of

	mu sync.Mutex // guards of; nothing is taken under it
	of map[*Session]netip.Addr
}

// enter counts one more session for an address, or refuses it.
func (h *homes) enter(home netip.Addr, bounds *Bounds, at time.Duration) error {
	if wait, ok := h.accounts.Spend(home, lane.Opening, 1, bounds.AddressOpenRate, at); !ok {
		return tooMany("address_open_rate", wait, "one address may open %d sessions in a second", bounds.AddressOpenRate).By(home)
	}
	most := bounds.AddressSessions
	if most == 0 {
		most = math.MaxInt
	}
	if !h.accounts.Enter(home, most, at) {
		h.accounts.Take(home, lane.Opening, -1, bounds.AddressOpenRate, at)
		wait := time.Duration(lane.Soon()) * time.Second
		return tooMany("address_sessions", wait, "one address may have %d sessions at a time", most).By(home)
	}
	return nil
}

// keep notes for which address s counts, which was entered. It may have ended, or have been noted meanwhile.
func (h *homes) keep(s *Session, home netip.Addr) {
	if !home.IsValid() {
		return
	}
	if !h.put(s, home) {
		h.accounts.Leave(home, s.push.since(time.Now()))
	}
	if s.hasEnded() {
		h.leave(s)
	}
}

// put reports whether s was not noted yet.
func (h *homes) put(s *Session, home netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, noted := h.of[s]; noted {
		return false
	}
	if h.of == nil {
		h.of = make(map[*Session]netip.Addr)
	}
	h.of[s] = home
	h.count.Store(int64(len(h.of)))
	return true
}

// home returns for which address s counts; the zero Addr for none.
func (h *homes) home(s *Session) netip.Addr {
	if h.count.Load() == 0 {
		return netip.Addr{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[s]
}

func (h *homes) has(s *Session) bool { return h.home(s).IsValid() }

func (s *Session) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// leave undoes keep, for a session that has ended.
func (h *homes) leave(s *Session) {
	if h.count.Load() == 0 {
		return
	}
	if home, noted := h.take(s); noted {
		h.accounts.Leave(home, s.push.since(time.Now()))
	}
}

func (h *homes) take(s *Session) (home netip.Addr, noted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	home, noted = h.of[s]
	if delete(h.of, s); len(h.of) == 0 {
		h.of = nil
	}
	h.count.Store(int64(len(h.of)))
	return home, noted
}
