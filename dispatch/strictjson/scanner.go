package strictjson

import "bytes"

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 1000

// Scanner walks over one JSON text from front to back. Once a method has
// returned an error, the Scanner is of no further use. It is not safe for
// concurrent use.
type Scanner struct {
	text   []byte
	pos    int    // everything before it has been checked
	depth  uint   // objects and arrays open at pos
	spaced bool   // white space was skipped since Value last cleared this
	err    *Error // the first fault
}

// NewScanner returns a Scanner at the start of text. It is a value, so that it
// can stay on the caller's stack.
func NewScanner(text []byte) Scanner { return Scanner{text: text} }

// Offset returns how many bytes of the text have been scanned.
func (s *Scanner) Offset() int { return s.pos }

// Peek skips white space and returns the kind of the value that follows, judged
// by its first byte alone. It returns an [*Error] where no value starts.
func (s *Scanner) Peek() (Kind, error) {
	kind := kindOf[s.peek()]
	if kind == 0 {
		return 0, s.expected("a value")
	}
	return kind, nil
}

// Value skips white space, then scans one whole value and checks every byte of
// it. What follows the value stays unread. The error is an [*Error].
func (s *Scanner) Value() (Value, error) {
	kind, err := s.Peek()
	if err != nil {
		return Value{}, err
	}
	v := Value{Kind: kind, Offset: s.pos}
	s.spaced = false
	if kind == Object || kind == Array {
		err = s.nested()
		v.Spaced = s.spaced
	} else {
		v.Escaped, err = s.scalar(kind)
	}
	if err != nil {
		return Value{}, err
	}
	v.Raw = s.text[v.Offset:s.pos:s.pos]
	return v, nil
}

// AtEnd skips white space and reports whether nothing else is left.
func (s *Scanner) AtEnd() bool {
	s.peek()
	return s.pos == len(s.text)
}

// End checks that the text is complete: that only white space is left, and that
// every object and array has been closed. If an earlier call has found a fault,
// End returns it again. The error is an [*Error].
func (s *Scanner) End() error {
	switch {
	case s.err != nil:
		return s.err
	case !s.AtEnd():
		return s.fault(s.pos, "unexpected text after the value")
	case s.depth > 0:
		return s.fault(s.pos, "")
	}
	return nil
}

// peek skips white space and returns the byte that follows without taking it.
// At the end of the text it returns NUL: neither that nor a real NUL starts
// anything in JSON, so callers need not tell them apart, and fault does.
func (s *Scanner) peek() byte {
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		if c > ' ' || !isSpace(c) {
			return c
		}
		s.pos++
		s.spaced = true
	}
	return 0
}

// isSpace tells what RFC 8259 calls white space.
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// scalar scans the string, number or literal at s.pos, and reports whether it
// is a string with escapes.
func (s *Scanner) scalar(kind Kind) (escaped bool, err error) {
	switch kind {
	case String:
		return s.string()
	case Number:
		return false, s.number()
	case Null:
		return false, s.literal("null")
	}
	if s.text[s.pos] == 't' {
		return false, s.literal("true")
	}
	return false, s.literal("false")
}

// literal scans word, whose first byte is known to be at s.pos.
func (s *Scanner) literal(word string) error {
	for i := 1; i < len(word); i++ {
		if s.pos+i >= len(s.text) || s.text[s.pos+i] != word[i] {
			return s.fault(s.pos+i, "expected '"+word+"'")
		}
	}
	s.pos += len(word)
	return nil
}

// expected is the fault that what should be at s.pos is not there.
func (s *Scanner) expected(what string) error {
	reason := "expected " + what
	// People cannot see a byte order mark, so they are told.
	if bytes.HasPrefix(s.text[s.pos:], []byte("\xEF\xBB\xBF")) {
		reason += ", found a byte order mark"
	}
	return s.fault(s.pos, reason)
}

// fault makes the error for what is wrong at offset, and keeps the first one
// for End. At the end of the text the reason is always that it ends.
func (s *Scanner) fault(offset int, reason string) error {
	if offset >= len(s.text) {
		reason = "unexpected end of JSON"
	}
	e := &Error{Offset: offset, Reason: reason}
	if s.err == nil {
		s.err = e
	}
	return e
}
