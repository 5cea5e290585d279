package dashboard

import (
	"encoding/json"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// PathStats is where the numbers are posted.
const PathStats dispatch.Path = "stats"

// period is how often.
const period = time.Second

// stats are the numbers as they are posted.
type stats struct {
	Time   int64              `json:"time"` // Unix, in milliseconds
	Values map[string]float64 `json:"values"`
}

// tick posts the numbers while somebody looks.
func (b *Dashboard) tick() {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if b.config.Viewed() {
				b.post(now)
			}
		case <-b.done:
			return
		}
	}
}

// post posts the numbers as they are now. Who is too slow for them gets the latest alone.
func (b *Dashboard) post(now time.Time) {
	text, err := json.Marshal(stats{now.UnixMilli(), b.config.Values()})
	if err != nil {
		return // a number that JSON has no text for; the next may have one
	}
	msg, err := dispatch.JSONMessage(text, dispatch.Options{Latest: true})
	if err == nil {
		b.config.Live.Update(b.config.Live.ID(), PathStats, msg)
	}
}
