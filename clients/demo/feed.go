package demo

import (
	"context"
	"errors"
	"time"
)

const (
	ticksPath = "demo/ticks"
	helloPath = "demo/hello"
	// beat is the time from one tick to the next.
	beat = 200 * time.Millisecond
	// lookEvery is how many beats there are from one look for viewers to the next.
	lookEvery = 10
	// firstRetry and lastRetry bound the time from one try to the next while ingest does not answer; it doubles.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// Run makes the demo live until ctx ends: ingest is the base URL of rootsd's port for back-ends, such as
// "http://127.0.0.1:8004". While nobody looks at the page it tells nothing, so that an idle daemon stays idle. Where ingest
// does not answer, Run says so once and goes on trying. It returns an error only if ingest is no such URL, or if the demo
// runs already.
func (a *App) Run(ctx context.Context, ingest string) error {
	to, err := newIngest(ingest, a.config)
	if err != nil {
		return err
	}
	if !a.ingest.CompareAndSwap(nil, to) {
		return errors.New("demo: it runs already")
	}
	defer to.close()
	defer a.ingest.Store(nil)
	// Sessions may have outlived an earlier run, and its numbers and entries are no more.
	a.lose()
	f := feeder{app: a, to: to}
	f.run(ctx)
	return nil
}

// feeder is the one that speaks to ingest of what happens.
type feeder struct {
	app   *App
	to    *ingest
	beats int
	wait  time.Duration // until the next try; 0 while ingest answers
}

func (f *feeder) run(ctx context.Context) {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for err := f.say(ctx); ; err = f.next(ctx, beats.C) {
		f.report(ctx, err)
		if !sleep(ctx, f.wait) {
			return
		}
	}
}

// next waits for a beat, or for somebody to change something, and tells of it.
func (f *feeder) next(ctx context.Context, beats <-chan time.Time) error {
	select {
	case <-ctx.Done():
		return nil
	case <-f.app.wake:
	case <-beats:
		if err := f.beat(ctx); err != nil {
			return err
		}
	}
	return f.say(ctx)
}

// beat lets the demo go on, if somebody looks.
func (f *feeder) beat(ctx context.Context) error {
	if f.beats++; f.beats%lookEvery == 0 {
		viewers, err := f.to.viewers(ctx, ticksPath)
		if err != nil {
			return err
		}
		f.app.viewed.Store(viewers > 0)
	}
	if f.app.viewed.Load() {
		f.app.step()
	}
	return nil
}

// say tells what waits in the outbox.
func (f *feeder) say(ctx context.Context) error {
	batch, afresh := f.app.take()
	if len(batch) == 0 {
		return nil
	}
	if err := f.to.update(ctx, batch); err != nil {
		return err
	}
	if afresh {
		f.app.told()
	}
	return nil
}

// report deals with what came of an attempt: it logs the first failure of a row and its end, and sets the time to wait.
func (f *feeder) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && f.wait > 0:
		f.app.config.Log.Info("demo: ingest answers again")
		f.wait = 0
	case err != nil:
		if f.wait == 0 {
			f.app.config.Log.Warn("demo: ingest does not take what the demo tells; it goes on trying", "error", err)
		}
		f.wait = min(max(2*f.wait, firstRetry), lastRetry)
		f.app.lose()
	}
}

// sleep waits for d, and returns false if ctx has ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// take empties the outbox; see outbox.take.
func (a *App) take() ([]update, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.outbox.take(a.paths())
}

// told ends what lose began.
func (a *App) told() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outbox.afresh = false
}

// lose has every view start afresh, once ingest can be told so.
func (a *App) lose() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outbox.lost()
}
