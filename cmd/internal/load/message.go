package load

import (
	"bytes"
	"crypto/rand"
	"math"
	"strconv"
)

// A message is "rl_<run>_<path>_<seq>_<due>_xxx…x.": the run's own letters, the number of its path, its number there, the
// nanoseconds of the run at which it was due, and filling up to its size. It has letters, digits, underscores and its
// last dot alone, and needs no escaping anywhere.
const (
	textStart = "rl_"
	textEnd   = '.'
	runSize   = 8

	// MinSize is how many bytes a message has at least.
	MinSize = 64
	maxSize = 1 << 20
)

// newRun returns letters that no other run has.
func newRun() string { return rand.Text()[:runSize] }

// stamp is what a message carries.
type stamp struct {
	path, seq int
	due       int64 // nanoseconds since the run's start
}

// appendText appends the message of this run, path and number, filled up to size bytes.
func appendText(dst []byte, run string, s stamp, size int) []byte {
	start := len(dst)
	dst = append(append(dst, textStart...), run...)
	for _, n := range [...]int64{int64(s.path), int64(s.seq), s.due} {
		dst = strconv.AppendInt(append(dst, '_'), n, 10)
	}
	dst = append(dst, '_')
	for len(dst)-start < size-1 {
		dst = append(dst, 'x')
	}
	return append(dst, textEnd)
}

// nextText finds the first message in data, and returns it and what follows; nil if there is none.
func nextText(data []byte) (text, rest []byte) {
	start := bytes.Index(data, []byte(textStart))
	if start < 0 {
		return nil, nil
	}
	end := bytes.IndexByte(data[start:], textEnd)
	if end < 0 {
		return nil, nil
	}
	end += start + 1
	return data[start:end], data[end:]
}

// parseText reads a message of this run and size.
func parseText(text []byte, run string, size int) (s stamp, ok bool) {
	if len(text) != size || !bytes.HasPrefix(text, []byte(textStart)) || text[size-1] != textEnd {
		return s, false
	}
	text = text[len(textStart):]
	if string(text[:runSize]) != run {
		return s, false
	}
	text = text[runSize:]
	var numbers [3]int64
	for i := range numbers {
		if numbers[i], text, ok = nextNumber(text); !ok {
			return s, false
		}
	}
	return stamp{path: int(numbers[0]), seq: int(numbers[1]), due: numbers[2]}, len(text) > 0 && text[0] == '_'
}

// nextNumber reads an underscore and the digits after it.
func nextNumber(text []byte) (n int64, rest []byte, ok bool) {
	if len(text) < 2 || text[0] != '_' {
		return 0, nil, false
	}
	i := 1
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		if n > (math.MaxInt64-9)/10 {
			return 0, nil, false
		}
		n = n*10 + int64(text[i]-'0')
	}
	return n, text[i:], i > 1
}
