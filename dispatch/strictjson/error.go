package strictjson

import "strconv"

// Error is a fault in JSON text.
type Error struct {
	// Offset is where the offending byte is, in bytes from the start of the
	// text; the length of the text where it ends too soon.
	Offset int
	// Reason says what is wrong, for people: "expected ':' after the key".
	Reason string
}

// Error returns the offset and the reason: "offset 12: invalid UTF-8".
func (e *Error) Error() string {
	return "offset " + strconv.Itoa(e.Offset) + ": " + e.Reason
}
