package lane

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Bounds are what a client of a server may keep it waiting for, and how much it may send before anything is known of it.
type Bounds struct {
	Header     time.Duration // for a request's header, and for a body that the handler does not read with [ReadBody]
	Idle       time.Duration // between two requests of a connection
	Write      time.Duration // to take what is written of an answer; then the connection is closed
	HeaderSize int           // bytes of a request's header; net/http adds 4 KiB to it
	Met        *Met          // is told when one of these is met; nil: nobody is
}

// NewServer makes an HTTP server with bounds. What net/http has to say goes to log at debug level, since it is about
// single connections.
func NewServer(h http.Handler, bounds Bounds, log *slog.Logger) *http.Server {
	most := cmp.Or(bounds.HeaderSize, http.DefaultMaxHeaderBytes) + spareHeader
	return &http.Server{
		Handler:           bound(h, bounds),
		ReadHeaderTimeout: bounds.Header,
		IdleTimeout:       bounds.Idle,
		ConnState:         func(conn net.Conn, state http.ConnState) { noteState(conn, state, most) },
		ConnContext:       withConn,
		MaxHeaderBytes:    bounds.HeaderSize,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// "OPTIONS *" is answered by h as well, which may have something to say about who asks.
		DisableGeneralOptionsHandler: true,
	}
}

// spareHeader is what net/http takes of a header beyond [Bounds.HeaderSize].
const spareHeader = 4 << 10

// connKey is for the *limitedConn that a request came by.
type connKey struct{}

// withConn is an http.Server's ConnContext.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, limitedOf(conn))
}

// bound has the body of a request arrive in time, whoever reads it, and the answer be taken in time. Of a body that the handler does
// not read, as when it refuses the request, net/http reads up to 256 KiB itself before it answers, and a client that
// never sends it would hold the connection for ever. (Server.ReadTimeout would do this, and end every poll that waits
// longer than that.)
//
// A body in chunks ends its connection. Where something in front of the daemon reads a Content-Length that stands beside
// them, what it takes for the rest of a body, or for the next client's request, is so served to nobody (RFC 9112, 6.1,
// wants this of such a request; net/http does not tell which is one).
func bound(h http.Handler, bounds Bounds) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, _ := r.Context().Value(connKey{}).(*limitedConn); c != nil {
			c.large.Store(false)
		}
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bounds.Header))
		}
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(&boundWriter{ResponseWriter: w, request: r, bounds: &bounds}, r)
	})
}

// WithPrefix serves h below prefix, such as "/comet/", and, as a proxy may have taken the prefix off, without it. No prefix
// is "".
func WithPrefix(prefix string, h http.Handler) http.Handler {
	if prefix == "" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
			stripped, url := *r, *r.URL
			url.Path, url.RawPath = "/"+rest, ""
			stripped.URL = &url
			r = &stripped
		}
		h.ServeHTTP(w, r)
	})
}

// boundWriter is a ResponseWriter whose client has to take each part of the answer in time, unless the handler sets
// deadlines itself, as it does for a stream. The time begins when there is something to take.
type boundWriter struct {
	http.ResponseWriter
	request *http.Request
	bounds  *Bounds
	awaited bool // the rest of the body was
	own     bool // the handler has set a deadline
}

// Unwrap is for http.ResponseController.
func (b *boundWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// SetWriteDeadline is for http.ResponseController.
func (b *boundWriter) SetWriteDeadline(at time.Time) error {
	b.own = true
	if took := b.awaitBody(); !at.IsZero() {
		at = at.Add(took)
	}
	return http.NewResponseController(b.ResponseWriter).SetWriteDeadline(at)
}

// WriteHeader implements http.ResponseWriter.
func (b *boundWriter) WriteHeader(status int) {
	b.awaitBody()
	b.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. net/http takes the deadline away again before the next request.
func (b *boundWriter) Write(part []byte) (int, error) {
	b.awaitBody()
	if !b.own {
		_ = http.NewResponseController(b.ResponseWriter).SetWriteDeadline(time.Now().Add(b.bounds.Write))
	}
	return b.ResponseWriter.Write(part)
}

// mostUnread is up to how many bytes of a body net/http reads to keep a connection.
const mostUnread = 256 << 10

// awaitBody waits for what the handler has left of the body, before anything is written, and returns how long that
// took. net/http would do so itself, and the time in which the answer is to be taken would go by meanwhile. Where it does
// not, because the connection ends with this request, awaitBody does not either.
func (b *boundWriter) awaitBody() (took time.Duration) {
	r := b.request
	small := r.ContentLength > 0 && r.ContentLength <= mostUnread && r.ProtoMajor == 1 && r.Header.Get("Expect") == ""
	if b.awaited || !small || r.Close || b.Header().Get("Connection") == "close" {
		return 0
	}
	b.awaited = true
	began := time.Now()
	if _, err := io.Copy(io.Discard, r.Body); errors.Is(err, os.ErrDeadlineExceeded) {
		b.bounds.Met.Note("limits.header")
	}
	return time.Since(began)
}
