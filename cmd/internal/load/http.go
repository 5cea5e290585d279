package load

import (
	"bytes"
	"errors"
	"strconv"
)

// maxHead is how large the head of an answer may be, maxAnswer the whole of it, an event or a message.
const (
	maxHead   = 64 << 10
	maxAnswer = 64 << 20
)

var (
	errHead  = errors.New("the answer is not HTTP/1.1")
	errChunk = errors.New("the answer's chunks are damaged")
	errLarge = errors.New("the answer is too large")
)

// head is the beginning of an HTTP answer.
type head struct {
	status int
	fields []byte // lines, each ending in CRLF
	body   body
	last   bool // the server closes the connection after it
}

// readHead reads an answer's head of n bytes; n is 0 where b has not all of it. Interim answers (100 to 199, but for 101)
// are skipped.
func readHead(b []byte) (h head, n int, err error) {
	for {
		size := bytes.Index(b[n:], []byte("\r\n\r\n"))
		if size < 0 {
			if len(b)-n > maxHead || len(b)-n >= 5 && !bytes.HasPrefix(b[n:], []byte("HTTP/")) {
				err = errHead
			}
			return h, 0, err
		}
		if h, err = parseHead(b[n : n+size+2]); err != nil {
			return h, 0, err
		}
		n += size + 4
		if h.status >= 200 || h.status == 101 {
			return h, n, nil
		}
	}
}

// parseHead reads a whole head, without the empty line at its end.
func parseHead(b []byte) (h head, err error) {
	line, fields, _ := bytes.Cut(b, []byte("\r\n"))
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return h, errHead
	}
	if h.status, err = strconv.Atoi(string(line[9:12])); err != nil || h.status < 100 {
		return h, errHead
	}
	h.fields = fields
	h.last = line[7] == '0'
	if value := fieldOf(fields, "Connection"); value != nil {
		h.last = equalFold(value, "close") || h.last && !equalFold(value, "keep-alive")
	}
	h.body, err = bodyOf(h.status, fields)
	if h.body.kind == untilClose {
		h.last = true
	}
	return h, err
}

// bodyOf says how the body of an answer ends (RFC 9112, section 6.3).
func bodyOf(status int, fields []byte) (body, error) {
	if status == 101 || status == 204 || status == 304 {
		return body{kind: sized}, nil
	}
	if coding := fieldOf(fields, "Transfer-Encoding"); coding != nil {
		if !equalFold(coding, "chunked") {
			return body{}, errHead
		}
		return body{kind: chunked}, nil
	}
	value := fieldOf(fields, "Content-Length")
	if value == nil {
		return body{kind: untilClose}, nil
	}
	size, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil {
		return body{}, errHead
	}
	return body{kind: sized, left: int(size)}, nil
}

type bodyKind uint8

const (
	sized bodyKind = iota
	chunked
	untilClose
)

// body takes the body of an answer apart. Its zero value is an empty one.
type body struct {
	kind bodyKind
	at   chunkPart
	left int // bytes that are missing: of a sized body, or of a chunk
}

// chunkPart is where in a chunk a body is.
type chunkPart uint8

const (
	inSize chunkPart = iota
	inExtension
	inData
	afterData
	inTrailer     // at the beginning of a line
	inTrailerLine // within one
	ended
)

// next takes used bytes from b, of which payload is a part of the body. Where b is empty or the body is done, it takes
// nothing.
func (d *body) next(b []byte) (payload []byte, used int, err error) {
	switch d.kind {
	case untilClose:
		return b, len(b), nil
	case sized:
		payload = b[:min(len(b), d.left)]
		d.left -= len(payload)
		return payload, len(payload), nil
	}
	for used < len(b) && d.at != ended {
		if d.at == inData {
			payload = b[used:min(len(b), used+d.left)]
			d.left -= len(payload)
			if d.left == 0 {
				d.at = afterData
			}
			return payload, used + len(payload), nil
		}
		if err := d.step(b[used]); err != nil {
			return nil, used, err
		}
		used++
	}
	return nil, used, nil
}

// done tells whether nothing is missing.
func (d *body) done() bool {
	return d.kind == sized && d.left == 0 || d.kind == chunked && d.at == ended
}

// step takes one byte between the data of two chunks.
func (d *body) step(c byte) error {
	switch d.at {
	case inSize:
		return d.sizeStep(c)
	case inExtension:
		if c == '\n' {
			d.endOfSize()
		}
	case afterData:
		if c == '\n' {
			d.at = inSize
		} else if c != '\r' {
			return errChunk
		}
	case inTrailer:
		if c == '\n' {
			d.at = ended
		} else if c != '\r' {
			d.at = inTrailerLine
		}
	case inTrailerLine:
		if c == '\n' {
			d.at = inTrailer
		}
	}
	return nil
}

func (d *body) sizeStep(c byte) error {
	switch {
	case '0' <= c && c <= '9':
		d.left = d.left<<4 | int(c-'0')
	case 'a' <= lower(c) && lower(c) <= 'f':
		d.left = d.left<<4 | int(lower(c)-'a'+10)
	case c == '\n':
		d.endOfSize()
	case c == ';' || c == '\r' || c == ' ':
		d.at = inExtension
	default:
		return errChunk
	}
	if d.left > maxAnswer {
		return errLarge
	}
	return nil
}

func (d *body) endOfSize() {
	d.at = inData
	if d.left == 0 {
		d.at = inTrailer
	}
}

// fieldOf returns the value of the first field of this name in the lines of fields; nil if there is none.
func fieldOf(fields []byte, name string) []byte {
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\n"))
		if len(line) > len(name) && line[len(name)] == ':' && equalFold(line[:len(name)], name) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}

// equalFold compares in ASCII, whatever the case.
func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
