package lane

import (
	"bytes"
	"net/http"
	"unsafe"
)

// Request is one HTTP request as the event loops understand it: a strict subset of HTTP/1.0 and 1.1, whole in memory.
// Everything in it is part of the loop's buffer and good only until the call that it was given to returns.
type Request struct {
	Method string // GET, POST, DELETE or OPTIONS
	Path   string // as it was sent; it has no "%"
	Query  string // what follows "?", as it was sent
	Body   []byte

	Host, Origin, Site, Authorization string // Site is Sec-Fetch-Site
	Accept, LastEventID               string
	Upgrade                           bool   // to a WebSocket
	Key, Version                      string // Sec-WebSocket-…

	forwarded [maxForwarded]string // the X-Forwarded-For fields
	forwards  int                  // how many there are

	old       bool // HTTP/1.0
	keepAlive bool
	raw       []byte // all of it
	fields    fields // scratch of parse, which would be allocated otherwise
}

// HTTP10 tells whether the client speaks HTTP/1.0, which knows no chunks.
func (r *Request) HTTP10() bool { return r.old }

// maxForwarded is how many X-Forwarded-For fields a request may have. Proxies add to the one that there is.
const maxForwarded = 4

// Forwarded returns the X-Forwarded-For fields, in order; see [Proxies.Client].
func (r *Request) Forwarded() []string { return r.forwarded[:r.forwards] }

// forward keeps one of them. An empty one says nothing.
func (r *Request) forward(value string) bool {
	switch {
	case value == "":
		return true
	case r.forwards == maxForwarded:
		return false
	}
	r.forwarded[r.forwards] = value
	r.forwards++
	return true
}

// verdict is what [Request.parse] finds.
type verdict uint8

const (
	whole   verdict = iota // a request that the loops understand
	partial                // the beginning of one
	odd                    // something else: net/http decides
)

// Bounds of what the loops read themselves. What is larger is net/http's.
const (
	maxFastHeader = 16 << 10
	maxFastBody   = 32 << 10
	maxFields     = 64
)

// parse reads the request at the beginning of data, which is used bytes long if it is whole. The parser is strict:
// whatever it has any doubt about is odd, even where net/http would take it. A request has one meaning here or none.
func (r *Request) parse(data []byte, maxHeader int) (v verdict, used int) {
	*r = Request{keepAlive: true}
	line, rest, v := cutLine(data)
	switch {
	case len(data)-len(rest) > maxHeader:
		return odd, 0
	case v != whole:
		return v, 0
	}
	if !r.parseLine(line) {
		return odd, 0
	}
	f := &r.fields
	*f = fields{request: r, length: -1}
	for range maxFields + 1 { // and the line that ends them
		line, rest, v = cutLine(rest)
		switch header := len(data) - len(rest); {
		case v == odd, header > maxHeader:
			return odd, 0
		case v == partial:
			return partial, 0
		case len(line) == 0:
			return r.parseEnd(f, data, header)
		case !f.add(line):
			return odd, 0
		}
	}
	return odd, 0
}

// cutLine cuts data after the first LF, which a CR must precede. Of a line that has no end yet, nothing is left. A CR that
// stands anywhere else is for those to find who read the line.
func cutLine(data []byte) (line, rest []byte, v verdict) {
	end := bytes.IndexByte(data, '\n')
	switch {
	case end < 0:
		if cr := bytes.IndexByte(data, '\r'); cr >= 0 && cr != len(data)-1 {
			return nil, nil, odd
		}
		return nil, nil, partial
	case end == 0 || data[end-1] != '\r':
		return nil, nil, odd
	}
	return data[:end-1], data[end+1:], whole
}

// parseLine reads the request line.
func (r *Request) parseLine(line []byte) bool {
	method, rest, ok := bytes.Cut(line, space)
	last := len(rest) - len(" HTTP/1.1")
	if !ok || last <= 0 || rest[0] != '/' {
		return false
	}
	switch text(method) {
	case http.MethodGet:
		r.Method = http.MethodGet
	case http.MethodPost:
		r.Method = http.MethodPost
	case http.MethodDelete:
		r.Method = http.MethodDelete
	case http.MethodOptions:
		r.Method = http.MethodOptions
	default:
		return false
	}
	switch text(rest[last:]) {
	case " HTTP/1.1":
	case " HTTP/1.0":
		r.old, r.keepAlive = true, false
	default:
		return false
	}
	target := rest[:last]
	path, query, _ := bytes.Cut(target, question)
	r.Path, r.Query = text(path), text(query)
	return only(path, pathByte) && only(query, pathByte|queryByte)
}

// only tells whether every byte of b is of one of the kinds.
func only(b []byte, kinds uint8) bool {
	for _, c := range b {
		if byteKinds[c]&kinds == 0 {
			return false
		}
	}
	return true
}

// Kinds of bytes.
const (
	pathByte  uint8 = 1 << iota // may stand in a path (RFC 3986); not "%", so that nothing is to be decoded
	queryByte                   // may stand in a query beside these
	nameByte                    // may stand in the name of a field (RFC 9110)
	hostByte                    // may stand in a Host field
)

var byteKinds = func() (kinds [256]uint8) {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	for _, set := range []struct {
		bytes string
		kind  uint8
	}{
		{letters + "!$&'()*+,;=:@/", pathByte}, {"?%", queryByte},
		{letters + "!#$%&'*+^`|", nameByte}, {letters + ":[]", hostByte},
	} {
		for i := range len(set.bytes) {
			kinds[set.bytes[i]] |= set.kind
		}
	}
	return kinds
}()

var space, question = []byte(" "), []byte("?")

// text is b as a string, without a copy.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// parseEnd reads the body and looks at the whole.
func (r *Request) parseEnd(f *fields, data []byte, header int) (v verdict, used int) {
	switch {
	case r.Host == "" && !r.old, f.has&connectionField == 0 && r.Upgrade, r.Upgrade && !f.upgrade, f.upgrade && !r.Upgrade:
		return odd, 0
	case r.Upgrade && (r.old || r.Method != http.MethodGet):
		return odd, 0
	case f.length > maxFastBody, r.Method == http.MethodPost && f.length < 0, r.Method != http.MethodPost && f.length > 0:
		return odd, 0
	}
	used = header + max(f.length, 0)
	if len(data) < used {
		return partial, 0
	}
	r.Body, r.raw = data[header:used], data[:used]
	return whole, used
}
