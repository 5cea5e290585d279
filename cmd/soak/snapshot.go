//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// view is what the daemon says of one client: see GET /clients/{id} in docs/protocol.md.
type view struct {
	ID        string
	Connected []link
	Permits   []link
	Session   struct {
		Since                             time.Time
		Queued, Cursor, Confirmed, Gapped int
	}

	heard int       // how many updates the client had been told by then
	at    time.Time // when the daemon was asked
}

type link struct {
	Path, Since, By string
	LapsesIn        string `json:"lapses_in"`
}

// views asks about every client. Nothing may be published meanwhile.
func (d *daemon) views(ctx context.Context, clients []*client) ([]view, error) {
	const atOnce = 8
	all := make([]view, len(clients))
	errs := make([]error, atOnce)
	asker := &daemon{http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}}
	defer asker.http.CloseIdleConnections()
	var group sync.WaitGroup
	for first := range atOnce {
		group.Go(func() {
			for i := first; i < len(clients) && errs[first] == nil; i += atOnce {
				all[i].heard, all[i].at = clients[i].heard, time.Now()
				var text []byte
				if text, errs[first] = asker.get(ctx, d.ingest, "/clients/"+clients[i].id()); errs[first] == nil {
					errs[first] = json.Unmarshal(text, &all[i])
				}
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// sinceSlack is by how much the time at which a session was opened may differ: it is reckoned from when the process began,
// by a clock that the system may be setting right.
const sinceSlack = 10 * time.Millisecond

// differs says in what a client is not what it was before; "" if it is. Its cursor must have moved by what it was told.
func (v *view) differs(before *view) string {
	passed := v.at.Sub(before.at)
	switch {
	case v.ID != before.ID:
		return fmt.Sprintf("ID %s, before %s", v.ID, before.ID)
	case !slices.EqualFunc(v.Connected, before.Connected, sameLink(passed)):
		return fmt.Sprintf("connected to %v, before %v", v.Connected, before.Connected)
	case !slices.EqualFunc(v.Permits, before.Permits, sameLink(passed)):
		return fmt.Sprintf("permits %v, before %v", v.Permits, before.Permits)
	case v.Session.Since.Sub(before.Session.Since).Abs() > sinceSlack || v.Session.Gapped != before.Session.Gapped:
		return fmt.Sprintf("session since %v with %d gapped, before %v with %d",
			v.Session.Since, v.Session.Gapped, before.Session.Since, before.Session.Gapped)
	case v.Session.Cursor-before.Session.Cursor != v.heard-before.heard:
		return fmt.Sprintf("cursor %d, before %d; %d updates came meanwhile",
			v.Session.Cursor, before.Session.Cursor, v.heard-before.heard)
	}
	return ""
}

// sameLink compares connections and permits between which so much time has passed. Leases run on meanwhile.
func sameLink(passed time.Duration) func(a, b link) bool {
	const slack = 3 * time.Second // "since" and "lapses_in" are to the second, or the time when it was asked is
	return func(a, b link) bool {
		if a.Path != b.Path || a.Since != b.Since || a.By != b.By || (a.LapsesIn == "") != (b.LapsesIn == "") {
			return false
		}
		if a.LapsesIn == "" {
			return true
		}
		left, err := time.ParseDuration(a.LapsesIn)
		had, errHad := time.ParseDuration(b.LapsesIn)
		return err == nil && errHad == nil && (had-left-passed).Abs() <= slack
	}
}
