package ingest

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// update takes a body of updates. Where one of them waits for a receipt, the answer is the receipts, with null for those
// that do not wait; otherwise it says how many updates there were.
func (i *Ingest) update(config *Config, w http.ResponseWriter, r *http.Request) error {
	var batch *lane.Batch
	err := config.read(w, r, func(body []byte) (err error) {
		batch, err = i.take(config, body)
		return err
	})
	if err != nil {
		return err
	}
	if batch.Receipts == nil {
		lane.WriteAccepted(w, len(batch.Updates))
		return nil
	}
	i.await(r, batch.Receipts, batch.Wait)
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

// take gives the updates of body to the Dispatcher, all or none.
func (i *Ingest) take(config *Config, body []byte) (*lane.Batch, error) {
	rules := lane.Rules{MaxMessage: config.MaxMessage, MaxWait: config.MaxWait, Options: true}
	batch, err := rules.ParseUpdates(body)
	if err != nil {
		return nil, err
	}
	if err := i.dispatcher.Apply(i.id, batch.Updates...); err != nil {
		return nil, lane.DispatchProblem(err).AtField(faultyField(err))
	}
	i.stats.Published.Add(uint64(len(batch.Updates)))
	return batch, nil
}

// faultyField returns which member of an update made the Dispatcher refuse it: the path that is no command, or what the
// command's message says.
func faultyField(err error) string {
	var at *dispatch.UpdateError
	unknownTo := errors.As(err, &at) && errors.Is(err, dispatch.ErrUnknownID) && strings.HasPrefix(string(at.Path), string(dispatch.PathTo("")))
	if unknownTo || errors.Is(err, dispatch.ErrNoCommand) || errors.Is(err, dispatch.ErrReserved) {
		return "path"
	}
	return "message"
}

// await returns when every receipt is complete, or the time is up, or nobody waits any more.
func (i *Ingest) await(r *http.Request, receipts []*dispatch.Receipt, atMost time.Duration) {
	for _, receipt := range receipts {
		if receipt != nil {
			receipt.Close()
		}
	}
	timer := time.NewTimer(atMost)
	defer timer.Stop()
	for _, receipt := range receipts {
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
