package push

import (
	"net/http"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// This file bounds what clients say: the updates that they publish, and the paths that they connect themselves to, or
// disconnect from. Each is one of what a client, its address and all clients have left. What is more than that is taken
// as well where it comes in one piece, and made up for before the next.

// maySay refuses what s's client has to say while it, its address or all clients have said too much.
func (p *Push) maySay(s *Session, now time.Time) error {
	if err := p.spend(s, 0, now); err != nil {
		return err
	}
	return p.mayAll(now)
}

// mayAll refuses what any client has to say while all have said too much.
func (p *Push) mayAll(now time.Time) error {
	rate := p.config().Bounds.TotalPublishRate
	wait, ok := p.said.Spend(0, rate, p.since(now))
	if ok {
		return nil
	}
	return lane.Refuse(http.StatusServiceUnavailable, "total_publish_rate",
		"all clients may publish %d updates in a second, connects included; try again soon", rate).Again(seconds(wait))
}

// say calls do for n updates or paths of s's client, unless too much was said already: what was asked before a body
// came may have changed. What do refuses costs the client and its address one, and all clients nothing.
func (p *Push) say(s *Session, n int, now time.Time, do func() error) error {
	n = max(n, 1)
	if err := p.spend(s, n, now); err != nil {
		return err
	}
	cost, err := p.sayAmongAll(n, now, do)
	p.charge(s, cost-n, now)
	return err
}

// sayAmongAll is say for what all clients have, and returns what that costs the client. What one says at once costs all
// of them a second's worth at most, so that nobody keeps the others from speaking for long. It is for one after the
// other: what is left is known when do has said whether it took anything.
func (p *Push) sayAmongAll(n int, now time.Time, do func() error) (cost int, err error) {
	rate := p.config().Bounds.TotalPublishRate
	if rate > 0 {
		p.saying.Lock()
		defer p.saying.Unlock()
	}
	if err := p.mayAll(now); err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 1, err
	}
	p.said.Take(min(n, rate), rate, p.since(now))
	return n, nil
}

// spend charges n to s's client and its address, if both have something left.
func (p *Push) spend(s *Session, n int, now time.Time) error {
	bounds, at := &p.config().Bounds, p.since(now)
	if wait, ok := p.authors.Spend(s, lane.Publishing, n, bounds.PublishRate, at); !ok {
		return tooMany("publish_rate", wait,
			"a client may publish %d updates in a second, connects included", bounds.PublishRate)
	}
	if bounds.AddressPublishRate == 0 {
		return nil
	}
	home := p.homes.home(s)
	if !home.IsValid() {
		return nil
	}
	if wait, ok := p.homes.accounts.Spend(home, lane.Publishing, n, bounds.AddressPublishRate, at); !ok {
		p.authors.Take(s, lane.Publishing, -n, bounds.PublishRate, at)
		return tooMany("address_publish_rate", wait,
			"clients of one address may publish %d updates in a second, connects included", bounds.AddressPublishRate).By(home)
	}
	return nil
}

// charge takes n from s's client and its address, whatever they have left; with an n below 0 it gives back.
func (p *Push) charge(s *Session, n int, now time.Time) {
	if n == 0 {
		return
	}
	bounds, at := &p.config().Bounds, p.since(now)
	p.authors.Take(s, lane.Publishing, n, bounds.PublishRate, at)
	if home := p.homes.home(s); home.IsValid() {
		p.homes.accounts.Take(home, lane.Publishing, n, bounds.AddressPublishRate, at)
	}
}
