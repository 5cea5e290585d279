package ingest

import (
	"net/http"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// update takes a body of updates. Where one of them waits for a receipt, the answer is the receipts; otherwise it says
// how many updates there were.
func (i *Ingest) update(w http.ResponseWriter, r *http.Request, body []byte) error {
	config := i.settings.Load()
	rules := lane.Rules{MaxMessage: config.MaxMessage, MaxWait: config.MaxWait, Options: true}
	batch, err := rules.ParseUpdates(body)
	if err != nil {
		return err
	}
	if err := i.dispatcher.Apply(i.id, batch.Updates...); err != nil {
		return lane.DispatchProblem(err)
	}
	i.stats.Published.Add(uint64(len(batch.Updates)))
	if batch.Receipts == nil {
		return lane.WriteJSON(w, http.StatusOK, accepted{len(batch.Updates)})
	}
	i.await(r, batch)
	counts := make([]*dispatch.Counts, len(batch.Receipts))
	for n, receipt := range batch.Receipts {
		if receipt != nil {
			c := receipt.Counts()
			counts[n] = &c
		}
	}
	if batch.One {
		return lane.WriteJSON(w, http.StatusOK, counts[0])
	}
	return lane.WriteJSON(w, http.StatusOK, counts)
}

type accepted struct {
	Accepted int `json:"accepted"`
}

// await returns when every receipt of batch is complete, or its time is up, or nobody waits any more.
func (i *Ingest) await(r *http.Request, batch *lane.Batch) {
	timer := time.NewTimer(batch.Wait)
	defer timer.Stop()
	for _, receipt := range batch.Receipts {
		if receipt != nil {
			receipt.Close()
		}
	}
	for _, receipt := range batch.Receipts {
		if receipt == nil {
			continue
		}
		select {
		case <-receipt.Done():
		case <-timer.C:
			return
		case <-i.drain:
			return
		case <-r.Context().Done():
			return
		}
	}
}
