package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/rootsd/rootsd/dispatch"
)

// legacy takes the form of 2009, [{"path":…,"message":…}] with texts alone, and answers in its exact words. They are not
// JSON, and connectors of that time compare them byte by byte.
func (i *Ingest) legacy(w http.ResponseWriter, _ *http.Request, body []byte) error {
	answer := "{success:true}"
	updates, err := parseLegacy(body, i.settings.Load().MaxMessage)
	if err != nil {
		i.handler.Log.Debug("refused", "form", "2009", "err", err)
		i.stats.Refused.Add("legacy")
		answer = "{error:true}"
	}
	for _, u := range updates {
		// A command that cannot be obeyed had no effect in 2009, and was a success.
		if err := i.dispatcher.Apply(i.id, u); err != nil {
			i.handler.Log.Debug("ignored", "form", "2009", "err", err)
			i.stats.Refused.Add("legacy")
			continue
		}
		i.stats.Published.Add(1)
	}
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write([]byte(answer))
	return nil
}

// parseLegacy reads the whole body before anything is done. An entry that lacks a member is skipped, as in 2009.
func parseLegacy(body []byte, maxMessage int) (updates []dispatch.Update, err error) {
	var entries []map[string]any
	if err := json.Unmarshal(body, &entries); err != nil {
		return nil, err
	}
	if entries == nil {
		return nil, errors.New("null is not an array")
	}
	for n, entry := range entries {
		if entry == nil {
			return nil, fmt.Errorf("entry %d is null", n)
		}
		pathValue, hasPath := entry["path"]
		messageValue, hasMessage := entry["message"]
		if !hasPath || !hasMessage {
			continue
		}
		pathText, isText := pathValue.(string)
		message, isText2 := messageValue.(string)
		if !isText || !isText2 || len(message) > maxMessage {
			return nil, fmt.Errorf("entry %d: path and message must be texts, of at most %d bytes", n, maxMessage)
		}
		path, err := dispatch.ParsePath(pathText)
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", n, err)
		}
		updates = append(updates, dispatch.Update{Path: path, Message: dispatch.TextMessage(message, dispatch.Options{})})
	}
	return updates, nil
}
