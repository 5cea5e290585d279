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
// request's header. What net/http has to say goes to log at debug level, since it is about single connections.
func NewServer(h http.Handler, header time.Duration, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: header,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    MaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}
