package line

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/rootsd/rootsd/transport/lane"
)

// Handler returns the HTTP form: GET /<percent-encoded line>, which is answered {sent:true}, as in 2009, whatever came of
// the line. All that follows the first '/' of the request target is the line: '+' and '?' stand for themselves, and no
// "..", "." or "//" is cleaned away, so the handler must not be put behind an http.ServeMux. Where net/http
// serves it, a target that is not well percent-encoded is answered 400 by net/http.
//
// The handler asks for no token: whoever mounts it puts a guard before it that does, and that keeps browsers' pages out.
func (r *Receiver) Handler() http.Handler { return lane.Handler{Serve: r.serveHTTP, Log: r.log()} }

func (r *Receiver) serveHTTP(w http.ResponseWriter, req *http.Request) error {
	if req.Method != http.MethodGet {
		return lane.MethodNotAllowed(req, http.MethodGet)
	}
	r.giveTarget(req.RequestURI, req.RemoteAddr)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Connection", "close")
	// A GET that does something must reach us each time.
	header.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, sent)
	return nil
}

// sent is the answer that the clients of 2009 compare byte for byte. It is not JSON.
const sent = "{sent:true}"

// giveTarget passes on the line in a request target.
func (r *Receiver) giveTarget(target, remote string) {
	line, err := url.PathUnescape(afterSlash(target))
	switch limit := r.settings.Load().MaxLine; {
	case err != nil:
		r.count.malformed.Add(1)
		r.debug("line: malformed", remote, err)
	case len(line) > limit:
		r.tooLong(remote, limit)
	default:
		r.give([]byte(line), remote)
	}
}

// afterSlash returns what follows the first '/' of a target, or of its path where the target is a whole URL, as a client
// sends it that takes us for its proxy.
func afterSlash(target string) string {
	if !strings.HasPrefix(target, "/") {
		_, target, _ = strings.Cut(target, "://")
	}
	_, line, _ := strings.Cut(target, "/")
	return line
}
