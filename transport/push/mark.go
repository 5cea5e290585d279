package push

import (
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// MarkAll gives every session a gap mark at each path and pattern that it is connected to, with the reason "restart":
// updates may have been refused while nobody was there to take them, and nobody knows which. What waits in a session comes
// before that. Of system paths there is nothing to miss.
func (p *Push) MarkAll() {
	mark, now := dispatch.GapMessage(gapRestart), time.Now()
	var held dispatch.Held
	for _, s := range p.wheel.all() {
		p.dispatcher.Held(s.seat, now, &held)
		s.mark(held.Connected, mark)
	}
}

// mark puts the mark behind what waits, at each of links.
func (s *Session) mark(links []dispatch.HeldLink, mark *dispatch.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	defer s.countLocked(s.queue.size())
	for _, link := range links {
		if !link.Pattern.System() {
			s.queue.put(dispatch.Path(link.Pattern), mark)
		}
	}
	s.trimLocked()
}
