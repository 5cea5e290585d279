package demo

// maxUnsaid is how many updates may wait to be told. With more the pages load afresh instead: that is less for all.
const maxUnsaid = 256

// update is one entry of the body of POST /update.
type update struct {
	Path    string `json:"path"`
	Message any    `json:"message"`
	Latest  bool   `json:"latest,omitempty"`
}

// outbox holds what rootsd has not been told yet, in order. Its owner locks.
type outbox struct {
	updates []update
	// afresh says that something could not be told, so that every view has to start afresh before anything else is.
	afresh bool
}

// add puts u at the end; with afresh set there is no need, as the pages will load what it says.
func (o *outbox) add(u update) {
	if o.afresh {
		return
	}
	if len(o.updates) >= maxUnsaid {
		o.lost()
		return
	}
	o.updates = append(o.updates, u)
}

// lost gives up what waits.
func (o *outbox) lost() { o.updates, o.afresh = nil, true }

// take returns what is to be told now: blank messages at paths if something was lost, or what waits.
func (o *outbox) take(paths []string) (batch []update, afresh bool) {
	if !o.afresh {
		batch, o.updates = o.updates, nil
		return batch, false
	}
	for _, path := range paths {
		batch = append(batch, update{Path: path, Message: ""})
	}
	return batch, true
}
