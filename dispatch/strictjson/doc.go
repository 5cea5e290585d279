// Package strictjson scans the JSON text of an update's body in place: it
// checks every byte once, allocates nothing unless it finds a fault, and hands
// out values as slices of the text that it was given.
//
// A body comes in as one []byte. A [Scanner] walks over it: the caller enters
// the objects and arrays whose shape it knows, and takes everything else (a
// message is any JSON value) as one checked [Value], whose Raw goes on to the
// clients as it is, or without its white space through [Value.AppendCompact].
// [Parse] is the short form for a text that is one value. The other direction
// is [AppendString], for the strings that rootsd itself says.
//
// # Walking
//
// Enter returns whether there is a first member or element, Next whether there
// is a further one. In between, a member's key and value, or an element, must be
// scanned, each exactly once:
//
//	s := strictjson.NewScanner(body)
//	more, err := s.EnterObject()
//	for ; more; more, err = s.NextMember() {
//		key, err := s.Key()
//		if err != nil {
//			return err
//		}
//		value, err := s.Value()
//		if err != nil {
//			return err
//		}
//		...
//	}
//	if err != nil {
//		return err
//	}
//	return s.End()
//
// Declare more and err before the loop, as here, so that the error of the last
// step can be seen after it. A caller that forgets is still safe if it ends with
// [Scanner.End], which repeats the first fault that was found.
//
// # What is promised
//
// A text is accepted when it follows RFC 8259 to the letter and its strings are
// sound Unicode: valid UTF-8 (RFC 3629), and surrogates in \u escapes only in
// pairs. There is no byte order mark, comment, or trailing comma, and nesting
// ends at [MaxDepth]. Whoever reads such a text with another parser reads the
// same. Two things are left to the caller: an object may repeat a key, and a
// number may be larger or finer than any Go type.
//
// A fault is an [*Error] with the offset of the byte that is wrong, or the
// length of the text where the text ends too soon.
//
// Values alias the text, so the text must not change while they are in use.
// A Scanner belongs to one goroutine.
//
// # Testing
//
// FuzzParse compares what is accepted, compacted and decoded with encoding/json,
// and a walk by Enter and Next with Parse; FuzzAppendString reads back what was
// written. TestZeroAllocations and the benchmarks watch the cost.
package strictjson
