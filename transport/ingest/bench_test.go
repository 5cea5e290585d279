package ingest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// oneUpdate is an update of about 100 bytes, as back-ends send them.
const oneUpdate = `{"path":"orders/4711/status","message":{"id":4711,"state":"shipped","at":"2026-11-21T12:00:00Z"}}`

// hole is a ResponseWriter that allocates nothing. It takes deadlines, as that of net/http does.
type hole struct {
	header http.Header
	status int
}

func (h *hole) Header() http.Header         { return h.header }
func (h *hole) Write(b []byte) (int, error) { return len(b), nil }
func (h *hole) WriteHeader(status int)      { h.status = status }

func (h *hole) SetReadDeadline(time.Time) error  { return nil }
func (h *hole) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkUpdate is the whole of a request but the network: guard, body, parser, timeline and answer. Nobody is
// connected to the path.
func BenchmarkUpdate(b *testing.B) {
	for _, bb := range []struct{ name, target, body string }{
		{"one", "/update", oneUpdate},
		{"batch100", "/update", "[" + strings.Repeat(oneUpdate+",", 99) + oneUpdate + "]"},
		{"2009", "/", `[{"path": "orders/4711/status", "message": "{\"id\":4711,\"state\":\"shipped\"}"}]`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h := newHouse(b)
			h.unrecord()
			r := httptest.NewRequest(http.MethodPost, bb.target, nil)
			r.Host = "localhost:8004"
			r.ContentLength = int64(len(bb.body))
			text := []byte(bb.body)
			body := bytes.NewReader(text)
			r.Body = io.NopCloser(body)
			w := &hole{header: make(http.Header)}
			b.SetBytes(int64(len(bb.body)))
			b.ReportAllocs()
			for b.Loop() {
				body.Reset(text)
				clear(w.header)
				w.status = 200
				h.ingest.ServeHTTP(w, r)
				if w.status != 200 {
					b.Fatal(w.status)
				}
			}
		})
	}
}
