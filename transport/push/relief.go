package push

import "time"

// This file keeps all queues together within a bound. Above it, a session that is told of something keeps no more than
// a fair share: as much as all that hold something could have. So what is told adds a message more than the bound at
// the most, as long as each that is told has less than its share; those that are not told of anything are trimmed at
// once by the wheel's goroutine. Only one mark for each session stays in any case.

// trimLocked keeps the queue within its limits or, while all queues hold too much, within its share. It reports whether
// they do.
func (s *Session) trimLocked() (tooMuch bool) {
	config := s.push.config()
	limits, setting := config.Queue, ""
	if tooMuch = s.push.stats.Bytes.Load() > config.Total; tooMuch {
		limits, setting = s.push.share(limits, config.Total), "push.queue.total"
	}
	b := s.queue.held
	if b == nil || !b.over(limits.part(4)) {
		return tooMuch
	}
	switch own := config.Queue.part(4); {
	case len(b.entries) > own.Messages:
		setting = "push.queue.messages"
	case b.bytes > own.Bytes:
		setting = "push.queue.bytes"
	}
	faded := b.faded
	lost := b.trim(limits, s.listPatterns())
	if lost > 0 || b.faded > faded {
		s.push.met.Note(setting)
	}
	s.gapLocked(&s.gaps.Overflow, lost)
	return tooMuch
}

// share returns limits with no more bytes than each queue that is not empty can have of total.
func (p *Push) share(limits QueueLimits, total int64) QueueLimits {
	limits.Bytes = min(limits.Bytes, int(total/max(p.stats.Holding.Load(), 1)))
	return limits
}

// tend is called with every tick of the wheel.
func (p *Push) tend(now time.Time) {
	p.relieve(now)
	at := p.since(now)
	p.authors.Sweep(at)
	p.homes.accounts.Sweep(at)
}

// reliefPause is how long relieve rests, in its own durations: it never takes more than a sixth of a processor.
const reliefPause = 5

// relieve trims sessions until their queues hold no more than they may. Those that are told of something see to it
// themselves; it is for those that are not.
func (p *Push) relieve(now time.Time) {
	total := p.config().Total
	if p.stats.Bytes.Load() <= total || now.Before(p.relieved) {
		return
	}
	p.met.Note("push.queue.total")
	for _, s := range p.wheel.all() {
		if p.stats.Bytes.Load() <= total {
			break
		}
		s.relieve()
	}
	p.relieved = now.Add(reliefPause * time.Since(now))
}

func (s *Session) relieve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	defer s.countLocked(s.queue.size())
	s.trimLocked()
}
