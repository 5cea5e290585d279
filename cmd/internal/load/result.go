package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what came of a run.
type Result struct {
	Work      Work      `json:"work"`
	Transport Transport `json:"transport"`
	Clients   int       `json:"clients"`

	Messages   int     `json:"messages"`   // published and measured; visits are counted by Visits
	Deliveries int     `json:"deliveries"` // to clients, each once
	Visits     int     `json:"visits,omitempty"`
	Seconds    float64 `json:"duration_s"` // that the measured phase took; for Park, the opening
	Rate       float64 `json:"rate"`       // deliveries a second; for Publish messages, for Churn visits, for Park clients

	Latency Latency `json:"latency_us"` // from when a message was due to each delivery; for Publish, to its answer
	Open    Latency `json:"open_us"`    // from when a client began to connect until it was subscribed

	Lost       int            `json:"lost"`         // published, and not delivered to a client that should have it
	Duplicates int            `json:"duplicates"`   // delivered to a client that had it
	OutOfOrder int            `json:"out_of_order"` // delivered after a later one at the same path
	Errors     map[string]int `json:"errors"`       // by kind: what the dialect calls them, and "closed", "refused", "timeout", …
}

// Clean tells whether nothing was lost, came twice or out of order, and nothing failed.
func (r *Result) Clean() bool {
	return r.Lost == 0 && r.Duplicates == 0 && r.OutOfOrder == 0 && len(r.Errors) == 0
}

// Latency is a distribution of times, in microseconds, to three digits.
type Latency struct {
	P50  int64 `json:"p50"`
	P90  int64 `json:"p90"`
	P99  int64 `json:"p99"`
	P999 int64 `json:"p99_9"`
	Max  int64 `json:"max"`
}

// histogram collects times of 1 µs to 10 minutes; longer ones count as that.
type histogram struct{ h *hdrhistogram.Histogram }

const longest = int64(10 * time.Minute / time.Microsecond)

func newHistogram() histogram { return histogram{hdrhistogram.New(1, longest, 3)} }

func (h histogram) record(t time.Duration) {
	_ = h.h.RecordValue(min(max(t.Microseconds(), 1), longest)) // fails for values out of range alone
}

func (h histogram) reset() { h.h.Reset() }

func (h histogram) latency() Latency {
	return Latency{
		P50: h.h.ValueAtQuantile(50), P90: h.h.ValueAtQuantile(90), P99: h.h.ValueAtQuantile(99),
		P999: h.h.ValueAtQuantile(99.9), Max: h.h.Max(),
	}
}

// AnswerError is an answer of the server, to a client or to the publisher, that ends a run before its measured phase.
type AnswerError struct {
	Kind   string // as [Result.Errors] counts it later
	Status int    // of HTTP; 0 for an event or a message
	Body   string // its beginning
}

func (e *AnswerError) Error() string {
	if e.Body == "" {
		return e.Kind
	}
	return e.Kind + ": " + e.Body
}
