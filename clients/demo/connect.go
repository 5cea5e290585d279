package demo

import (
	"context"
	"net/http"
)

// maxPaths is how many paths a page may ask for at once; the demo's asks for five.
const maxPaths = 32

// postConnect is where an application decides who may hear what. Everybody may hear of the demo, and of nothing else.
func (a *App) postConnect(r *http.Request, id string) error {
	if err := a.ask(r, "/connect", id); err != nil {
		return err
	}
	a.viewed.Store(true)
	return nil
}

func (a *App) postDisconnect(r *http.Request, id string) error { return a.ask(r, "/disconnect", id) }

// ask has rootsd connect or disconnect the client to the paths in the body, if it may hear all of them. It returns when
// that stands, so that the page can load what it shows.
func (a *App) ask(r *http.Request, address, id string) error {
	to := a.ingest.Load()
	if to == nil {
		return errNotRunning
	}
	var paths []string
	if err := readBody(r, &paths); err != nil {
		return err
	}
	if len(paths) == 0 || len(paths) > maxPaths {
		return refuse(http.StatusBadRequest, "the body has %d paths; it should be an array of 1 to %d of them", len(paths), maxPaths)
	}
	for _, path := range paths {
		if !mayHear(path) {
			return refuse(http.StatusForbidden, "%.80q is not a path of the demo", path)
		}
	}
	// Not the request's own context: what has been begun should not depend on whether the browser still waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), requestTimeout)
	defer cancel()
	if err := to.do(ctx, http.MethodPost, address, clientPaths{ID: id, Paths: paths}, nil); err != nil {
		return refusalOf(err)
	}
	return nil
}

// mayHear tells whether a visitor of the demo may hear what is told at path. These are all that the page listens to: others
// would let a visitor use up how many paths a client may have, of a client that is not its own.
func mayHear(path string) bool {
	switch path {
	case ticksPath, todoPath, helloPath, jobsPath + "*", treePath + "**":
		return true
	}
	return false
}
