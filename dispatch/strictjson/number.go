package strictjson

// number scans the number at s.pos: an integer, then perhaps a fraction and an
// exponent (RFC 8259, section 6).
func (s *Scanner) number() error {
	text, i := s.text, s.pos
	if text[i] == '-' {
		i++
	}
	first := i // where the digits that are due begin
	i = digitsEnd(text, first)
	if i > first+1 && text[first] == '0' {
		return s.fault(first+1, "digit after a leading zero")
	}
	if i > first && i < len(text) && text[i] == '.' {
		first = i + 1
		i = digitsEnd(text, first)
	}
	if i > first && i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		first = i + 1
		if first < len(text) && (text[first] == '+' || text[first] == '-') {
			first++
		}
		i = digitsEnd(text, first)
	}
	if i == first {
		return s.fault(i, "expected a digit")
	}
	s.pos = i
	return nil
}

// digitsEnd returns the offset after the digits of text at i, if there are any.
func digitsEnd(text []byte, i int) int {
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return i
}
