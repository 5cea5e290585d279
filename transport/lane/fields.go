package lane

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// fields reads the header fields of a [Request].
type fields struct {
	request *Request
	length  int  // Content-Length; -1 without one
	upgrade bool // Connection says so
	has     fieldSet
}

// fieldSet is a set of the fields that the loops know. Each of them may be there once.
type fieldSet uint16

const (
	hostField fieldSet = 1 << iota
	originField
	siteField
	authorizationField
	acceptField
	lastEventField
	upgradeField
	keyField
	versionField
	lengthField
	connectionField
)

// add reads one line. It reports whether the loops may go on: not where the line is malformed, says what they do not do,
// or repeats what may be there once.
func (f *fields) add(line []byte) bool {
	colon := bytes.IndexByte(line, ':')
	// A space in the name may be a folded line, or a trick.
	if colon <= 0 || !only(line[:colon], nameByte) {
		return false
	}
	value := line[colon+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for len(value) > 0 && (value[len(value)-1] == ' ' || value[len(value)-1] == '\t') {
		value = value[:len(value)-1]
	}
	return printable(value) && f.known(text(line[:colon]), text(value))
}

// printable tells whether b has no control character; a tab is none. It looks at eight bytes at a time: browsers send long
// fields.
func printable(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		low := (x - 0x20*ones) &^ x // the top bit of each byte that is below a space, and perhaps of those after it
		del := (x ^ 0x7f*ones) - ones
		del &^= x ^ 0x7f*ones
		if (low|del)&tops != 0 && !plain(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return plain(b)
}

func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// known takes the field if it is one that the loops know. The length of the name rules most out at once.
func (f *fields) known(name, value string) bool {
	r := f.request
	switch len(name) {
	case len("Host"):
		if strings.EqualFold(name, "Host") {
			return f.once(hostField, &r.Host, value) && hostLike(value)
		}
	case len("Origin"):
		switch {
		case strings.EqualFold(name, "Origin"):
			return f.once(originField, &r.Origin, value)
		case strings.EqualFold(name, "Accept"):
			return f.once(acceptField, &r.Accept, value)
		case strings.EqualFold(name, "Expect"):
			return false
		}
	case len("Upgrade"):
		switch {
		case strings.EqualFold(name, "Upgrade"):
			r.Upgrade = strings.EqualFold(value, "websocket")
			return r.Upgrade && f.once(upgradeField, nil, value)
		case strings.EqualFold(name, "Trailer"):
			return false
		}
	case len("Connection"):
		if strings.EqualFold(name, "Connection") {
			return f.once(connectionField, nil, value) && f.connection(value)
		}
	case len("Authorization"):
		switch {
		case strings.EqualFold(name, "Authorization"):
			return f.once(authorizationField, &r.Authorization, value)
		case strings.EqualFold(name, "Last-Event-ID"):
			return f.once(lastEventField, &r.LastEventID, value)
		}
	case len("Content-Length"):
		switch {
		case strings.EqualFold(name, "Content-Length"):
			return f.once(lengthField, nil, value) && f.contentLength(value)
		case strings.EqualFold(name, "Sec-Fetch-Site"):
			return f.once(siteField, &r.Site, value)
		}
	case len("Content-Encoding"):
		return !strings.EqualFold(name, "Content-Encoding") && !strings.EqualFold(name, "Proxy-Connection")
	case len("Transfer-Encoding"):
		switch {
		case strings.EqualFold(name, "Transfer-Encoding"):
			return false
		case strings.EqualFold(name, "Sec-WebSocket-Key"):
			return f.once(keyField, &r.Key, value)
		}
	case len("Sec-WebSocket-Version"):
		if strings.EqualFold(name, "Sec-WebSocket-Version") {
			return f.once(versionField, &r.Version, value)
		}
	}
	return true
}

// once notes that a field is there, and reports whether it is for the first time, and says something: a field without a
// value is not the same to all.
func (f *fields) once(field fieldSet, into *string, value string) bool {
	if f.has&field != 0 || value == "" {
		return false
	}
	f.has |= field
	if into != nil {
		*into = value
	}
	return true
}

// connection reads the options that a Connection field may have here: each alone, and "keep-alive, Upgrade" as Firefox
// sends it.
func (f *fields) connection(value string) bool {
	for option := range strings.SplitSeq(value, ",") {
		option = strings.Trim(option, " \t")
		switch {
		case strings.EqualFold(option, "keep-alive"):
			f.request.keepAlive = true
		case strings.EqualFold(option, "close"):
			f.request.keepAlive = false
			return option == value
		case strings.EqualFold(option, "upgrade"):
			f.upgrade = true
		default:
			return false
		}
	}
	return true
}

// contentLength reads 1 to 9 digits: no sign, no list, no white space.
func (f *fields) contentLength(value string) bool {
	if len(value) < 1 || len(value) > 9 {
		return false
	}
	f.length = 0
	for i := range len(value) {
		digit := value[i] - '0'
		if digit > 9 {
			return false
		}
		f.length = f.length*10 + int(digit)
	}
	return true
}

// hostLike tells whether value can be a host and port. Anything else is for net/http to refuse.
func hostLike(value string) bool {
	for i := range len(value) {
		if byteKinds[value[i]]&hostByte == 0 {
			return false
		}
	}
	return true
}
