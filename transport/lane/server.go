package lane

import (
	"log/slog"
	"net/http"
	"time"
)

// MaxHeader is how many bytes a request's header may have. Browsers send some 600 beside cookies, of which a proxy in
// front may pass on a few kilobytes.
const MaxHeader = 32 << 10

// idleTime is how long a connection may stay open between two requests. It is above what clients and proxies keep theirs
// for, so that the side that would send the next request is the one that closes.
const idleTime = 2 * time.Minute

// NewServer makes an HTTP server with bounds on what a client may keep it waiting for: header is the time for a
// request's header, and for a body that h does not read with [ReadBody]. What net/http has to say goes to log at debug
// level, since it is about single connections.
func NewServer(h http.Handler, header time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           boundBody(h, header),
		ReadHeaderTimeout: header,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// "OPTIONS *" is answered by h as well, which may have something to say about who asks.
		DisableGeneralOptionsHandler: true,
	}
}

// boundBody has the body of a request arrive within the given time, whoever reads it. Of a body that the handler does
// not read, as when it refuses the request, net/http reads up to 256 KiB itself before it answers, and a client that
// never sends it would hold the connection for ever. (Server.ReadTimeout would do this, and end every poll that waits
// longer than that.)
func boundBody(h http.Handler, within time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within))
		}
		h.ServeHTTP(w, r)
	})
}
