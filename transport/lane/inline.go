package lane

import (
	"bufio"
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// inlineReader reads requests for [Conn.ServeHTTP], one after the other.
type inlineReader struct {
	bytes bytes.Reader
	lines *bufio.Reader
}

// parsed returns r as net/http reads it.
func (l *loop) parsed(c *Conn, r *Request) (*http.Request, error) {
	in := &l.inline
	in.bytes.Reset(r.raw)
	if in.lines == nil {
		in.lines = bufio.NewReader(&in.bytes)
	}
	in.lines.Reset(&in.bytes)
	request, err := http.ReadRequest(in.lines)
	if err != nil {
		return nil, err
	}
	request.RemoteAddr = c.Peer()
	return request, nil
}

// inlineWriter is an http.ResponseWriter that keeps the answer.
type inlineWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (w *inlineWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *inlineWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *inlineWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.bodiless() {
		return 0, http.ErrBodyNotAllowed // the client would read it as the next answer
	}
	return w.body.Write(b)
}

// bodiless tells whether an answer of this status has no body.
func (w *inlineWriter) bodiless() bool {
	return w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

// appendTo appends the whole answer to dst.
func (w *inlineWriter) appendTo(dst []byte, c *Conn, l *loop) []byte {
	w.WriteHeader(http.StatusOK)
	version := "HTTP/1.1 "
	if c.flags&http10 != 0 {
		version = "HTTP/1.0 "
	}
	dst = append(dst, version...)
	dst = strconv.AppendInt(dst, int64(w.status), 10)
	dst = append(append(dst, ' '), http.StatusText(w.status)...)
	dst = append(dst, "\r\n"...)
	for _, ours := range []string{"Connection", "Content-Length", "Date", "Transfer-Encoding"} {
		w.header.Del(ours)
	}
	if !w.bodiless() {
		w.header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	}
	for _, name := range sortedKeys(w.header) {
		for _, value := range w.header[name] {
			dst = append(append(append(append(dst, name...), ": "...), oneLine.Replace(value)...), "\r\n"...)
		}
	}
	dst = append(dst, l.date.line(l.now)...)
	dst = c.appendConnection(dst)
	dst = append(dst, "\r\n"...)
	return append(dst, w.body.Bytes()...)
}

func sortedKeys(header http.Header) []string {
	keys := make([]string, 0, len(header))
	for name := range header {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	return keys
}

// oneLine keeps values from ending their line, as net/http does.
var oneLine = strings.NewReplacer("\r", " ", "\n", " ")

func appendInt(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 10) }

func appendHex(dst []byte, n int) []byte { return strconv.AppendInt(dst, int64(n), 16) }
