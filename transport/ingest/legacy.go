package ingest

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
	"github.com/rootsd/rootsd/transport/lane"
)

// The exact words of 2009. They are not JSON, and connectors of that time compare them byte by byte.
const (
	legacySuccess = "{success:true}"
	legacyError   = "{error:true}"
)

var errMessageSize = errors.New("the message is too large")

// legacy takes the form of 2009, [{"path":…,"message":…}] with texts alone, and answers in its words: status 200 and
// text/html, whatever came of it. Unlike in 2009, a body with a bad entry does nothing at all. What never gets as far as
// the form, for want of a token or for its size, is refused as everywhere else.
func (i *Ingest) legacy(config *Config, w http.ResponseWriter, r *http.Request) error {
	var updates []dispatch.Update
	var fault error
	err := config.read(w, r, func(body []byte) error {
		updates, fault = parseLegacy(body, config.MaxMessage)
		return nil
	})
	if err != nil {
		return err
	}
	answer := legacySuccess
	if fault != nil {
		i.refuseLegacy("legacy", fault)
		answer = legacyError
	}
	for _, u := range updates {
		// A command that cannot be obeyed had no effect in 2009, and was a success.
		if err := i.dispatcher.Apply(i.id, u); err != nil {
			i.refuseLegacy("legacy_command", err)
			continue
		}
		i.stats.Published.Add(1)
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte(answer))
	return nil
}

// refuseLegacy notes what the answer does not say.
func (i *Ingest) refuseLegacy(reason string, err error) {
	if i.handler.Met.NoteError(err); errors.Is(err, errMessageSize) {
		i.handler.Met.Note("ingest.max_message")
	}
	i.handler.Log.Debug("refused", "form", "2009", "reason", reason, "err", err)
	i.stats.Refused.Add(reason)
}

// parseLegacy reads the whole body before anything is done; it returns no updates with an error.
func parseLegacy(body []byte, maxMessage int) (updates []dispatch.Update, err error) {
	scanner := strictjson.NewScanner(body)
	n := 0
	more, err := scanner.EnterArray()
	for ; more && err == nil; more, err = scanner.NextElement() {
		e, err := scanLegacy(&scanner)
		if err == nil && e.path.Kind != 0 && e.message.Kind != 0 {
			var u dispatch.Update
			u, err = e.update(maxMessage)
			updates = append(updates, u)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", n, err)
		}
		n++
	}
	if err == nil {
		err = scanner.End()
	}
	if err != nil {
		return nil, err
	}
	return updates, nil
}

// scanLegacy reads one entry. One that lacks a member is skipped, as in 2009, and so is one that has none because it is a
// string or an array; anything else that is no object is an error.
func scanLegacy(scanner *strictjson.Scanner) (e legacyEntry, err error) {
	kind, err := scanner.Peek()
	switch {
	case err != nil:
	case kind == strictjson.Object:
		err = e.scan(scanner)
	case kind == strictjson.String || kind == strictjson.Array:
		_, err = scanner.Value()
	default:
		err = fmt.Errorf("%s is no update", lane.Article(kind))
	}
	return e, err
}

// legacyEntry is the members that count of an entry, of the zero Kind where they are not there.
type legacyEntry struct{ path, message strictjson.Value }

// scan reads an object. Other members are ignored, and the last of several with the same name counts, as in 2009.
func (e *legacyEntry) scan(scanner *strictjson.Scanner) error {
	more, err := scanner.EnterObject()
	for ; more && err == nil; more, err = scanner.NextMember() {
		key, err := scanner.Key()
		if err != nil {
			return err
		}
		value, err := scanner.Value()
		if err != nil {
			return err
		}
		switch name, _ := key.Text(); name {
		case "path":
			e.path = value
		case "message":
			e.message = value
		}
	}
	return err
}

func (e *legacyEntry) update(maxMessage int) (dispatch.Update, error) {
	if e.message.Kind != strictjson.String {
		return dispatch.Update{}, fmt.Errorf("the message must be a string, not %s", lane.Article(e.message.Kind))
	}
	if len(e.message.Raw) > maxMessage {
		return dispatch.Update{}, fmt.Errorf("%w: %d bytes, and it may have %d", errMessageSize, len(e.message.Raw), maxMessage)
	}
	text, ok := e.path.Text()
	if !ok {
		return dispatch.Update{}, fmt.Errorf("the path must be a string, not %s", lane.Article(e.path.Kind))
	}
	path, err := dispatch.ParsePath(text)
	if err != nil {
		return dispatch.Update{}, err
	}
	return dispatch.Update{Path: path, Message: dispatch.NewMessage(e.message, dispatch.Options{})}, nil
}
