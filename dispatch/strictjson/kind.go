package strictjson

// Kind is which of JSON's six kinds a value has. The zero Kind is none of them.
type Kind byte

// The kinds of RFC 8259, section 3. Bool stands for both true and false.
const (
	String Kind = iota + 1
	Number
	Object
	Array
	Bool
	Null
)

var kindNames = [...]string{
	0:      "nothing",
	String: "string",
	Number: "number",
	Object: "object",
	Array:  "array",
	Bool:   "boolean",
	Null:   "null",
}

// String returns the kind's name as RFC 8259 spells it: "string", "number",
// "object", "array", "boolean" or "null". For any other Kind it is "nothing".
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		k = 0
	}
	return kindNames[k]
}

// kindOf tells by its first byte which kind a value has; zero for a byte that
// starts no value.
var kindOf = [256]Kind{
	'"': String,
	'-': Number, '0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
	'{': Object,
	'[': Array,
	't': Bool, 'f': Bool,
	'n': Null,
}
