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

// knownField is a field that the loops know. take reports whether they may go on.
type knownField struct {
	name string
	take func(f *fields, value string) bool
}

// knownFields are these, by the length of their names, which rules most others out at once.
var knownFields = byLength(
	knownField{"Host", func(f *fields, value string) bool {
		return f.once(hostField, &f.request.Host, value) && hostLike(value)
	}},
	keep("Origin", originField, func(r *Request) *string { return &r.Origin }),
	keep("Sec-Fetch-Site", siteField, func(r *Request) *string { return &r.Site }),
	keep("Authorization", authorizationField, func(r *Request) *string { return &r.Authorization }),
	keep("Accept", acceptField, func(r *Request) *string { return &r.Accept }),
	keep("Last-Event-ID", lastEventField, func(r *Request) *string { return &r.LastEventID }),
	keep("Sec-WebSocket-Key", keyField, func(r *Request) *string { return &r.Key }),
	keep("Sec-WebSocket-Version", versionField, func(r *Request) *string { return &r.Version }),
	knownField{"Upgrade", func(f *fields, value string) bool {
		f.request.Upgrade = strings.EqualFold(value, "websocket")
		return f.request.Upgrade && f.once(upgradeField, nil, value)
	}},
	knownField{"Connection", func(f *fields, value string) bool {
		return f.once(connectionField, nil, value) && f.connection(value)
	}},
	knownField{"Content-Length", func(f *fields, value string) bool {
		return f.once(lengthField, nil, value) && f.contentLength(value)
	}},
	knownField{"X-Forwarded-For", func(f *fields, value string) bool { return f.request.forward(value) }},
	odds("Expect"), odds("Trailer"), odds("Content-Encoding"), odds("Proxy-Connection"), odds("Transfer-Encoding"),
)

// keep is a field whose value the request keeps.
func keep(name string, field fieldSet, into func(*Request) *string) knownField {
	return knownField{name, func(f *fields, value string) bool { return f.once(field, into(f.request), value) }}
}

// odds is a field that says what the loops do not do.
func odds(name string) knownField {
	return knownField{name, func(*fields, string) bool { return false }}
}

func byLength(all ...knownField) (sorted [len("Sec-WebSocket-Version") + 1][]knownField) {
	for _, k := range all {
		sorted[len(k.name)] = append(sorted[len(k.name)], k)
	}
	return sorted
}

// known takes the field if it is one that the loops know.
func (f *fields) known(name, value string) bool {
	if len(name) >= len(knownFields) {
		return true
	}
	for _, k := range knownFields[len(name)] {
		if strings.EqualFold(k.name, name) {
			return k.take(f, value)
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
