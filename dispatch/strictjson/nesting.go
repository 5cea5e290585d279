package strictjson

import "strconv"

// EnterObject skips white space and takes the '{' of an object. more tells
// whether a member follows, to be scanned with Key and Value; an empty object
// is left at once. The error is an [*Error], and more is then false.
func (s *Scanner) EnterObject() (more bool, err error) {
	if s.peek() != '{' {
		return false, s.expected("an object")
	}
	return s.enter('}')
}

// NextMember takes what follows a member of the object entered last: a ',',
// when more is true and another member must follow, or the '}' that ends the
// object. The error is an [*Error], and more is then false.
func (s *Scanner) NextMember() (more bool, err error) {
	return s.next('}', "',' or '}'")
}

// Key scans a member's key and the ':' after it. The Value is of kind String.
// The error is an [*Error].
func (s *Scanner) Key() (Value, error) {
	start, end, escaped, err := s.key()
	if err != nil {
		return Value{}, err
	}
	return Value{Raw: s.text[start:end:end], Kind: String, Offset: start, Escaped: escaped}, nil
}

// EnterArray skips white space and takes the '[' of an array. more tells
// whether an element follows, to be scanned with Value, EnterObject or
// EnterArray; an empty array is left at once. The error is an [*Error], and
// more is then false.
func (s *Scanner) EnterArray() (more bool, err error) {
	if s.peek() != '[' {
		return false, s.expected("an array")
	}
	return s.enter(']')
}

// NextElement takes what follows an element of the array entered last: a ',',
// when more is true and another element must follow, or the ']' that ends the
// array. The error is an [*Error], and more is then false.
func (s *Scanner) NextElement() (more bool, err error) {
	return s.next(']', "',' or ']'")
}

// enter takes the bracket at s.pos, and the closing one if it comes next.
func (s *Scanner) enter(closing byte) (more bool, err error) {
	if s.depth >= MaxDepth {
		return false, s.fault(s.pos, "nested deeper than "+strconv.Itoa(MaxDepth)+" levels")
	}
	s.pos++
	if s.peek() == closing {
		s.pos++
		return false, nil
	}
	s.depth++
	return true, nil
}

// next takes the comma or the closing bracket after a member or an element.
func (s *Scanner) next(closing byte, either string) (more bool, err error) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, nil
	case closing:
		s.pos++
		s.depth--
		return false, nil
	}
	return false, s.expected(either)
}

// key scans a key, which is text[start:end], and the ':' after it.
func (s *Scanner) key() (start, end int, escaped bool, err error) {
	if s.peek() != '"' {
		return 0, 0, false, s.expected("a key in double quotes")
	}
	start = s.pos
	if escaped, err = s.string(); err != nil {
		return 0, 0, false, err
	}
	end = s.pos
	if s.peek() != ':' {
		return 0, 0, false, s.expected("':' after the key")
	}
	s.pos++
	return start, end, escaped, nil
}

// nested scans the object or array at s.pos with all that is in it. It does not
// recurse: hostile nesting would otherwise grow the stack of every goroutine
// that reads a body, and a stack that has grown costs long after.
func (s *Scanner) nested() error {
	var objects levels
	outside := s.depth
	for {
		more, err := s.begin(&objects)
		for !more {
			if err != nil || s.depth == outside {
				return err
			}
			if objects.has(s.depth) {
				more, err = s.NextMember()
			} else {
				more, err = s.NextElement()
			}
		}
		if objects.has(s.depth) {
			if _, _, _, err := s.key(); err != nil {
				return err
			}
		}
	}
}

// begin scans a scalar whole, and of an object or array the opening bracket;
// more tells whether something follows in it. objects learns which it was.
func (s *Scanner) begin(objects *levels) (more bool, err error) {
	switch kind, err := s.Peek(); kind {
	case 0:
		return false, err
	case Object:
		more, err := s.EnterObject()
		if more {
			objects.add(s.depth)
		}
		return more, err
	case Array:
		more, err := s.EnterArray()
		if more {
			objects.remove(s.depth)
		}
		return more, err
	default:
		_, err := s.scalar(kind)
		return false, err
	}
}

// levels is a set of depths, from 1 to MaxDepth.
type levels [MaxDepth/64 + 1]uint64

func (l *levels) add(depth uint)      { l[depth/64] |= 1 << (depth % 64) }
func (l *levels) remove(depth uint)   { l[depth/64] &^= 1 << (depth % 64) }
func (l *levels) has(depth uint) bool { return l[depth/64]&(1<<(depth%64)) != 0 }
