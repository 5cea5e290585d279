package doctor

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// waitStream waits by an event stream. Where nothing comes, it is tried once more without compression, which tells a
// proxy that compresses from one that buffers.
func (e *exam) waitStream(ctx context.Context, w *wait) {
	defer close(w.done)
	lines, stop := e.openStream(ctx, w, "gzip")
	if !w.heard && w.streams() && (w.answer == nil || w.coding != "") {
		first := *w
		stop()
		if lines, stop = e.openStream(ctx, w, "identity"); w.heard {
			w.withheld, w.coding = true, first.coding
		}
	}
	defer stop()
	close(w.opened)
	if !w.heard || e.Quick {
		return
	}
	e.awaitPing(w, lines)
}

// patience is how long a stream may take until its first word. Browsers give up then (docs/browser.md).
func (e *exam) patience() time.Duration { return min(e.Timeout, 5*time.Second) }

// streams tells whether an answer is an event stream as far as its header says, or has not even come.
func (w *wait) streams() bool {
	if w.answer == nil {
		return isTimeout(w.err)
	}
	return w.answer.StatusCode == http.StatusOK && w.answer.kind() == eventStream
}

const eventStream = "text/event-stream"

// openStream asks for an event stream, and reads up to its first event, while there is patience.
func (e *exam) openStream(ctx context.Context, w *wait, coding string) (lines *bufio.Reader, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(e.patience(), func() { cancel(context.DeadlineExceeded) })
	defer timer.Stop()
	w.began, w.answer, w.coding = time.Now(), nil, ""
	header := http.Header{"Accept": {eventStream}, "Accept-Encoding": {coding}, "Cache-Control": {"no-cache"}}
	response, err := e.send(ctx, ask{url: e.at(""), header: header})
	if err == nil {
		// Its body is closed when ctx ends.
		context.AfterFunc(ctx, func() { response.Body.Close() })
		w.answer = &answer{Response: response, sent: w.began, got: time.Now()}
		w.coding = response.Header.Get("Content-Encoding")
		lines, err = e.firstEvent(w, response)
	}
	w.heard = err == nil && ctx.Err() == nil
	if w.err = err; ctx.Err() != nil {
		w.err = context.Cause(ctx)
	}
	return lines, func() { cancel(context.Canceled) }
}

// firstEvent reads up to the end of the first event.
func (e *exam) firstEvent(w *wait, response *http.Response) (*bufio.Reader, error) {
	if kindOf(response.Header) != eventStream {
		w.answer.body, _ = io.ReadAll(io.LimitReader(response.Body, maxBody)) // as much as there is
		w.answer.problem = problemOf(response, w.answer.body)
		return nil, errors.New("it is not an event stream")
	}
	var body io.Reader = response.Body
	if w.coding == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if token, ok := strings.CutPrefix(line, "id: "); ok {
			e.keep(strings.TrimSpace(token))
		}
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			if !json.Valid([]byte(data)) {
				return nil, errors.New("it is not a stream of rootsd")
			}
			return lines, nil
		}
	}
}

// awaitPing reads until a comment comes, or the stream ends.
func (e *exam) awaitPing(w *wait, lines *bufio.Reader) {
	for {
		line, err := lines.ReadString('\n')
		switch {
		case err != nil:
			w.end(false, "cut")
			return
		case strings.HasPrefix(line, ":"):
			w.end(true, "a ping")
			return
		case strings.HasPrefix(line, "event:"):
			w.end(false, "rootsd has ended it")
			return
		}
	}
}

// buffering looks whether the first event comes at once.
func (e *exam) buffering(ctx context.Context) Check {
	w := e.listening(ctx).stream
	switch {
	case w.withheld, w.coding != "" && !w.heard && w.streams():
		return skip("the event stream is compressed (compression)")
	case w.heard:
		return good("the first event of an event stream comes at once")
	case w.streams():
		return e.bad(fixBuffering, "an event stream is opened, and its first event does not come within "+
			"%s", seconds(e.patience()))
	case w.answer == nil:
		return e.bad(fixBuffering, "an event stream is not opened: %s", words(w.err))
	}
	return e.bad(fix{
		text:    "Have the proxy hand on the field Accept, and the answer's Content-Type.",
		nginx:   "no proxy_set_header Accept, and no proxy_cache whose key leaves it out, in the location",
		caddy:   "no header_up Accept in reverse_proxy",
		haproxy: "no http-request set-header Accept",
		apache:  "no RequestHeader on Accept, and no ForceType, for this path",
	}, "an event stream was asked for, and the answer is %s, %s", w.answer.words(), w.answer.kind())
}

// compression looks whether an event stream is compressed, and whether it came all the same.
func (e *exam) compression(ctx context.Context) Check {
	w := e.listening(ctx).stream
	switch {
	case w.withheld, w.coding != "" && !w.heard && w.streams():
		return e.bad(fixCompression(e.URL.Path), "an event stream is compressed, and its events are held back")
	case w.coding != "" && !e.Quick && !w.ended():
		return e.bad(fixCompression(e.URL.Path), "an event stream is compressed (%s), and what follows its first event is "+
			"held back", w.coding)
	case w.coding != "":
		return e.warn(fixCompression(e.URL.Path), "an event stream is compressed (%s); events come all the same", w.coding)
	case !w.heard:
		return skip("no event stream can be opened (buffering)")
	}
	return good("event streams are not compressed")
}

// caching looks whether anything on the way keeps answers, or may.
func (e *exam) caching(ctx context.Context) Check {
	stream := e.listening(ctx).stream
	a, err := e.fetch(ctx, ask{url: e.at("")})
	if err != nil || a.token() == "" {
		return skip("no session is opened")
	}
	if a.token() == e.home.token() {
		return e.bad(fixCache, "two clients were given one token: something keeps answers, and hands them to others")
	}
	e.keep(a.token())
	answers := []*answer{a}
	if stream.answer != nil && stream.heard {
		answers = append(answers, stream.answer)
	}
	for _, a := range answers {
		if value := a.Header.Get("Cache-Control"); !strings.Contains(value, "no-store") {
			return e.warn(fixCache, "Cache-Control: no-store has become %q (%s)", value, a.kind())
		}
	}
	return good("answers are not kept, and say so")
}
