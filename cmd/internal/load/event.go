package load

import (
	"bytes"
	"slices"
)

// nextEvent reads one server-sent event of n bytes from b (HTML standard, section 9.2; lines end in LF or CRLF). n is 0
// where b has not all of it. An event without data, such as a comment, has none in the Input either.
func nextEvent(b []byte) (in Input, n int) {
	lines := 0
	for {
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			return Input{}, 0
		}
		line := b[n : n+end]
		n += end + 1
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			return in, n
		}
		name, value := eventField(line)
		switch string(name) {
		case "data":
			if lines++; lines == 1 {
				in.Data = value
			} else {
				in.Data = slices.Concat(in.Data, []byte("\n"), value) // rare enough for an allocation
			}
		case "event":
			in.Event = value
		case "id":
			in.ID = value
		case "retry":
			in.Retry = value
		}
	}
}

// eventField divides a line at its first colon. One space after it is dropped; a value is never nil.
func eventField(line []byte) (name, value []byte) {
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return line, line[len(line):]
	}
	value = line[i+1:]
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	return line[:i], value
}
