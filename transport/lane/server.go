package lane

import (
	"log/slog"
	"net/http"
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
	return &http.Server{
		Handler:           bound(h, bounds),
		ReadHeaderTimeout: bounds.Header,
		IdleTimeout:       bounds.Idle,
		ConnState:         NoteState,
		MaxHeaderBytes:    bounds.HeaderSize,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// "OPTIONS *" is answered by h as well, which may have something to say about who asks.
		DisableGeneralOptionsHandler: true,
	}
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
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bounds.Header))
		}
		if len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(&boundWriter{ResponseWriter: w, within: bounds.Write}, r)
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
// deadlines itself, as it does for a stream.
type boundWriter struct {
	http.ResponseWriter
	within time.Duration
	own    bool // the handler has set a deadline
}

// Unwrap is for http.ResponseController.
func (b *boundWriter) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// SetWriteDeadline is for http.ResponseController.
func (b *boundWriter) SetWriteDeadline(at time.Time) error {
	b.own = true
	return http.NewResponseController(b.ResponseWriter).SetWriteDeadline(at)
}

// Write implements http.ResponseWriter. net/http takes the deadline away again before the next request.
func (b *boundWriter) Write(part []byte) (int, error) {
	if !b.own {
		_ = http.NewResponseController(b.ResponseWriter).SetWriteDeadline(time.Now().Add(b.within))
	}
	return b.ResponseWriter.Write(part)
}
