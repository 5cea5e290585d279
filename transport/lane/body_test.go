package lane

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestReadBody(t *testing.T) {
	const max = 100
	unsized := func(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) } // as chunked
	for _, tt := range []struct {
		name   string
		body   io.Reader
		coding string
		want   string
	}{
		{"empty", http.NoBody, "", "0 bytes"},
		{"largest", strings.NewReader(strings.Repeat("x", max)), "", "100 bytes"},
		{"largest unsized", unsized(strings.Repeat("x", max)), "", "100 bytes"},
		{"too large", strings.NewReader(strings.Repeat("x", max+1)), "", "413 body_size"},
		{"too large unsized", unsized(strings.Repeat("x", max+1)), "", "413 body_size"},
		{"identity", strings.NewReader("x"), "Identity", "1 bytes"},
		{"gzip", strings.NewReader("\x1f\x8b"), "gzip", "415 coding"},
		{"two codings", strings.NewReader("\x1f\x8b"), "identity, br", "415 coding"},
		{"slow", iotest.ErrReader(fmt.Errorf("read: %w", os.ErrDeadlineExceeded)), "", "408 slow_body"},
		{"cut", io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)), "", "400 cut_body"},
		{"broken", iotest.ErrReader(errors.New("malformed chunk")), "", "400 bad_body"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", tt.body)
		if tt.coding != "" {
			r.Header.Set("Content-Encoding", tt.coding)
		}
		got := ""
		err := ReadBody(httptest.NewRecorder(), r, max, time.Minute, func(body []byte) error {
			got = fmt.Sprintf("%d bytes", len(body))
			return nil
		})
		if err != nil {
			got += sayProblem(t, err)
			// Where the body was not read to its end, the next request cannot be told from it.
			if p := JSONProblem(err); p.Status != 415 && p.header.Get("Connection") != "close" {
				t.Errorf("%s: header %v", tt.name, p.header)
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestReadBodyReturnsErrorOfUse(t *testing.T) {
	want := errors.New("as it is")
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
	if got := ReadBody(httptest.NewRecorder(), r, 10, time.Minute, func([]byte) error { return want }); !errors.Is(got, want) {
		t.Errorf("got %v", got)
	}
}

// Buffers are used again: what one request sent must not show in the next.
func TestReadBodyStartsAfresh(t *testing.T) {
	for n := range 100 {
		body := bytes.Repeat([]byte{byte(n)}, (n*7919)%(2*keptBody))
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		err := ReadBody(httptest.NewRecorder(), r, 2*keptBody, time.Minute, func(got []byte) error {
			if !bytes.Equal(got, body) {
				t.Errorf("request %d: got %d other bytes", n, len(got))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// deadlines is a ResponseWriter that notes the read deadlines that it is given.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// A deadline that stays would end a request that waits for receipts; one that goes would let a refused body drip.
func TestReadBodyDeadline(t *testing.T) {
	for _, tt := range []struct {
		name string
		body string
		gone bool
	}{{"read", "1234", true}, {"refused", "12345", false}} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body))
		begun := time.Now()
		_ = ReadBody(w, r, 4, time.Minute, func([]byte) error { return nil })
		if len(w.set) == 0 || w.set[0].Before(begun.Add(time.Minute)) {
			t.Fatalf("%s: deadlines %v", tt.name, w.set)
		}
		if last := w.set[len(w.set)-1]; last.IsZero() != tt.gone {
			t.Errorf("%s: the last deadline is %v", tt.name, last)
		}
	}
}
