package doctor

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var quiet = log.New(io.Discard, "", 0)

// faults are proxies that make one mistake each, and what is to be said of them.
var faults = []struct {
	name  string
	make  func(t *testing.T, target string) http.Handler
	want  map[string]State
	check string // whose text has
	text  string
}{
	{"none", faultless, nil, "idle_timeout", "long-poll: answered after"},
	{"buffers", buffers, one("buffering", Failed), "buffering", "does not come within"},
	{"sends the header alone", headerAlone, one("buffering", Failed), "buffering", "proxy_buffering off"},
	{"compresses and holds back", compresses(false), one("compression", Failed), "compression", "held back"},
	{"compresses and flushes", compresses(true), one("compression", Warning), "compression", "all the same"},
	{"waits for too short a time", impatient, one("idle_timeout", Failed), "idle_timeout", "long-poll: 504"},
	{"asks by HTTP/1.0", oldVersion, one("http_version", Failed), "http_version", "HTTP/1.0"},
	{"closes connections", closes, one("http_version", Warning), "http_version", "closed after each"},
	{"takes Upgrade off", noUpgrade, one("upgrade", Failed), "upgrade", "lost on the way"},
	{"refuses Upgrade", refusesUpgrade, one("upgrade", Failed), "upgrade", "501"},
	{"repeats the origin", changes(addOrigin), one("cors", Warning), "cors", "2 times"},
	{"takes the origin off", changes(dropOrigin), nil, "cors", "may use it"},
	{"keeps the prefix", rewrites(keep), one("prefix", Failed), "prefix", "/comet/<token>"},
	{"takes the prefix off twice", rewrites(stripTwice), one("prefix", Failed), "prefix", "too much"},
	{"keeps the root alone", rewrites(root), one("prefix", Failed), "prefix", "only the root"},
	{"cuts the end", rewrites(firstSegment), one("prefix", Failed), "prefix", "end of an address"},
	{"leaves a slash too many", rewrites(doubled), one("prefix", Failed), "prefix", "a slash too many"},
	{"fails with tokens", failsWithTokens, one("prefix", Failed), "prefix", "both slashes"},
	{"encodes slashes twice", encodes, one("prefix", Failed), "prefix", "encoded"},
	{"serves files itself", filesItself, one("prefix", Failed), "prefix", "roots.js"},
	{"has a wrong clock", changes(wrongDate), one("clock", Warning), "clock", "ahead of"},
	{"keeps answers", caches, one("caching", Failed), "caching", "one token"},
	{"lets others keep answers", changes(publicCache), one("caching", Warning), "caching", "public"},
	{"sets cookies", changes(setsCookie), one("cookies", Warning), "cookies", "set cookies"},
	{"refuses methods", readOnly, one("methods", Warning), "methods", "405"},
	{"limits connections", limited, one("balancing", Warning), "balancing", "429"},
	{"shows the application", page(200), one("address", Failed), "address", "location /comet/"},
	{"finds nothing", page(404), one("address", Failed), "address", "location /comet/"},
	{"asks to log in", logsIn, one("address", Failed), "address", "location /comet/"},
	{"has nothing to say", page(204), one("address", Failed), "address", "204 No Content, of no type"},
	{"wants a login", page(401), one("address", Failed), "address", "login"},
	{"finds no rootsd", page(502), one("address", Failed), "address", "cannot reach rootsd"},
	{"asks for another address", rewrites(deeper), one("address", Failed), "address", "rootsd is asked for another"},
	{"goes in a circle", circle, one("address", Failed), "address", "out of the redirect"},
	{"sends elsewhere", elsewhereOnce, one("address", Warning), "address", "/moved/comet/"},
}

func one(name string, state State) map[string]State { return map[string]State{name: state} }

// All proxies are looked at at the same time, as that is mostly waiting.
func TestFaults(t *testing.T) {
	t.Parallel()
	daemon := startDaemon(t)
	reports := make([]*Report, len(faults))
	var group sync.WaitGroup
	for i, fault := range faults {
		config := configFor(t, serve(t, fault.make(t, daemon.Push)).URL+"/comet/")
		group.Go(func() { reports[i] = examine(t, config) })
	}
	group.Wait()
	for i, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			wants(t, reports[i], fault.want)
			wantText(t, reports[i], fault.check, fault.text)
		})
	}
}

func faultless(t *testing.T, target string) http.Handler { return reverse(t, target) }

// isStream tells whether an event stream is asked for.
func isStream(r *http.Request) bool { return strings.Contains(r.Header.Get("Accept"), eventStream) }

// deaf is a ResponseWriter that does not flush.
type deaf struct{ w http.ResponseWriter }

func (d deaf) Header() http.Header         { return d.w.Header() }
func (d deaf) WriteHeader(status int)      { d.w.WriteHeader(status) }
func (d deaf) Write(p []byte) (int, error) { return d.w.Write(p) }

func buffers(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isStream(r) {
			w = deaf{w}
		}
		proxy.ServeHTTP(w, r)
	})
}

func headerAlone(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isStream(r) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", eventStream)
		w.Header().Set("Server", "nginx")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush() // it can
		<-r.Context().Done()
	})
}

// zipping compresses what is written, and flushes it if it is told to.
type zipping struct {
	http.ResponseWriter
	zip    *gzip.Writer
	prompt bool
}

func (z zipping) Write(p []byte) (int, error) { return z.zip.Write(p) }

func (z zipping) FlushError() error {
	if !z.prompt {
		return nil
	}
	return errors.Join(z.zip.Flush(), http.NewResponseController(z.ResponseWriter).Flush())
}

func compresses(prompt bool) func(*testing.T, string) http.Handler {
	return func(t *testing.T, target string) http.Handler {
		proxy := reverse(t, target)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if isStream(r) && r.Header.Get("Accept-Encoding") == "gzip" {
				w.Header().Set("Content-Encoding", "gzip")
				w = zipping{w, gzip.NewWriter(w), prompt}
			}
			proxy.ServeHTTP(w, r)
		})
	}
}

var errIdle = errors.New("nothing came for too long")

func impatient(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeoutCause(r.Context(), hold/2, errIdle)
		defer cancel()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
}

// oldVersion asks for WebSockets by HTTP/1.0, as nginx does by default.
func oldVersion(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			proxy.ServeHTTP(w, r)
			return
		}
		conn, err := new(net.Dialer).DialContext(r.Context(), "tcp", parse(t, target).Host)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "GET / HTTP/1.0\r\n")
		_ = r.Header.Write(conn) // what is missing shows in the answer
		fmt.Fprintf(conn, "\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(conn), r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body) // likewise
	})
}

func closes(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.Header().Set("Connection", "close")
		}
		proxy.ServeHTTP(w, r)
	})
}

func noUpgrade(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Upgrade")
		r.Header.Del("Connection")
		proxy.ServeHTTP(w, r)
	})
}

func refusesUpgrade(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no", http.StatusNotImplemented)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// changes makes a proxy that changes the header of each answer.
func changes(change func(http.Header)) func(*testing.T, string) http.Handler {
	return func(t *testing.T, target string) http.Handler {
		proxy := reverse(t, target)
		proxy.ModifyResponse = func(r *http.Response) error { change(r.Header); return nil }
		return proxy
	}
}

func addOrigin(h http.Header)  { h.Add(allowOrigin, "*") }
func dropOrigin(h http.Header) { h.Del(allowOrigin) }
func wrongDate(h http.Header) {
	h.Set("Date", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
}
func publicCache(h http.Header) { h.Set("Cache-Control", "public, max-age=60") }
func setsCookie(h http.Header)  { h.Set("Set-Cookie", "visit=1") }

// rewrites makes a proxy that turns a path into another.
func rewrites(path func(string) string) func(*testing.T, string) http.Handler {
	return func(t *testing.T, target string) http.Handler {
		proxy := reverse(t, target)
		to := parse(t, target)
		proxy.Rewrite = func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = to.Scheme, to.Host
			r.Out.URL.Path, r.Out.URL.RawPath = path(r.In.URL.Path), ""
		}
		return proxy
	}
}

func keep(path string) string   { return path }
func root(string) string        { return "/" }
func deeper(path string) string { return "/a/b/c" + path }

func doubled(path string) string { return "/" + strings.TrimPrefix(path, "/comet") }

// stripTwice takes two segments off.
func stripTwice(path string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(path, "/comet/"), "/")
	return "/" + rest
}

// firstSegment keeps what a rule such as /comet/([^/]*) keeps.
func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/comet/"), "/")
	return "/" + first
}

func encodes(t *testing.T, target string) http.Handler {
	return rewrites(func(path string) string {
		return "/" + url.PathEscape(strings.TrimPrefix(path, "/comet/"))
	})(t, target)
}

// failsWithTokens has a token stand right behind its target's port, as Apache without the slash does.
func failsWithTokens(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/comet/roots") {
			w.Header().Set("Connection", "close")
			http.Error(w, "no such host", http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

func filesItself(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".js") {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// caches keeps what opens a session.
func caches(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	var mu sync.Mutex
	var kept []byte
	proxy.ModifyResponse = func(r *http.Response) error {
		isPoll := r.Request.Method == http.MethodGet && r.Header.Get("Content-Type") == "application/json"
		if !isPoll || r.Request.URL.Path != "/" {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		text, err := io.ReadAll(r.Body)
		if kept == nil {
			kept = text
		}
		r.Body.Close()
		r.Body = io.NopCloser(strings.NewReader(string(kept)))
		r.Header.Del("Content-Length")
		r.ContentLength = -1
		return err
	}
	return proxy
}

func readOnly(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodOptions {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// limited refuses a poll while another of the same token waits.
func limited(t *testing.T, target string) http.Handler {
	proxy := reverse(t, target)
	var mu sync.Mutex
	waiting := make(map[string]bool)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		mu.Lock()
		refused := waiting[path] && r.Method == http.MethodGet && strings.Count(path, "/") > 2
		waiting[path] = true
		mu.Unlock()
		if refused {
			http.Error(w, "no", http.StatusTooManyRequests)
			return
		}
		proxy.ServeHTTP(w, r)
		mu.Lock()
		waiting[path] = false
		mu.Unlock()
	})
}

// page answers everything with a page.
func page(status int) func(*testing.T, string) http.Handler {
	return func(*testing.T, string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if status != http.StatusNoContent {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<!doctype html><title>The shop</title>") // to a client that may have gone
		})
	}
}

// logsIn sends all to a page with a login.
func logsIn(*testing.T, string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<form><input type="password"></form>`) // to a client that may have gone
	})
}

func circle(*testing.T, string) http.Handler {
	return http.RedirectHandler("/comet/", http.StatusFound)
}

// elsewhereOnce sends /comet/ to /moved/comet/.
func elsewhereOnce(t *testing.T, target string) http.Handler {
	proxy := http.StripPrefix("/moved", reverse(t, target))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.Path, "/comet/"); ok {
			http.Redirect(w, r, "/moved/comet/"+rest, http.StatusMovedPermanently)
			return
		}
		proxy.ServeHTTP(w, r)
	})
}

// Two daemons that answer in turns know each other's sessions not.
func TestTwoDaemons(t *testing.T) {
	t.Parallel()
	proxies := []http.Handler{reverse(t, startDaemon(t).Push), reverse(t, startDaemon(t).Push)}
	var turn atomic.Uint64
	balancer := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxies[turn.Add(1)%2].ServeHTTP(w, r)
	}))
	report := examine(t, configFor(t, balancer.URL+"/comet/"))
	wants(t, report, one("balancing", Failed))
	wantText(t, report, "balancing", "several daemons")
	if c := seen(t, report, "long_poll"); c.State != Skipped || c.Cause != "balancing" {
		t.Errorf("long_poll is %v", c)
	}
}
