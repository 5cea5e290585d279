package lane

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// bodies are buffers for reading, so that a small update costs no new one.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// keptBody is the largest buffer that is kept for the next request.
const keptBody = 64 << 10

// ReadBody reads the body of r, of at most max bytes and within the given time, and has use read it. The bytes are only
// good until use returns, which should be soon: what waits longer, as for receipts, waits after ReadBody. A body that is
// too large, too slow, encoded or cut short is refused; an error of use is returned as it is.
func ReadBody(w http.ResponseWriter, r *http.Request, max int, within time.Duration, use func(body []byte) error) error {
	if coding := strings.Join(r.Header["Content-Encoding"], ", "); coding != "" && !strings.EqualFold(coding, "identity") {
		return Refuse(http.StatusUnsupportedMediaType, "coding", "the body is encoded as %s; send it as it is", Quote(coding)).
			With("Accept-Encoding", "identity")
	}
	// A ResponseWriter that knows no deadlines, as in tests, has no slow reader either. A body that is refused keeps its
	// deadline: net/http reads on for a while, so that the connection can be closed in order, and would do so for ever.
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(within))
	if r.ContentLength > int64(max) {
		return tooLarge(max)
	}
	buf := bodies.Get().(*bytes.Buffer)
	buf.Reset()
	defer func() {
		if buf.Cap() <= keptBody {
			bodies.Put(buf)
		}
	}()
	if _, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, int64(max))); err != nil {
		return bodyProblem(err, max, within)
	}
	// Left in place, the deadline would end a request that goes on to wait for receipts.
	_ = control.SetReadDeadline(time.Time{})
	return use(buf.Bytes())
}

// bodyProblem refuses a body that could not be read to its end. Where it ends is then unknown, and with it where the
// next request begins, so the connection is closed.
func bodyProblem(err error, max int, within time.Duration) *Problem {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(max)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Refuse(http.StatusRequestTimeout, "slow_body", "the body did not arrive within %v", within).
			With("Connection", "close")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return Refuse(http.StatusBadRequest, "cut_body", "the connection ended before the body did").
			With("Connection", "close")
	}
	return Refuse(http.StatusBadRequest, "bad_body", "the body could not be read: %v", err).With("Connection", "close")
}

func tooLarge(max int) *Problem {
	return Refuse(http.StatusRequestEntityTooLarge, "body_size", "the body is larger than %d bytes; send it in parts, or raise the limit", max).
		With("Connection", "close")
}
