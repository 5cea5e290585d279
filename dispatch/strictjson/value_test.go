package strictjson

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Value
	}{
		{`0`, Value{Raw: []byte(`0`), Kind: Number}},
		{`-0`, Value{Raw: []byte(`-0`), Kind: Number}},
		{` -10.250e+07 `, Value{Raw: []byte(`-10.250e+07`), Kind: Number, Offset: 1}},
		{`1E400`, Value{Raw: []byte(`1E400`), Kind: Number}},
		{"\ttrue\n", Value{Raw: []byte(`true`), Kind: Bool, Offset: 1}},
		{`false`, Value{Raw: []byte(`false`), Kind: Bool}},
		{`null`, Value{Raw: []byte(`null`), Kind: Null}},
		{`""`, Value{Raw: []byte(`""`), Kind: String}},
		{` " a b " `, Value{Raw: []byte(`" a b "`), Kind: String, Offset: 1}},
		{`"\u0000"`, Value{Raw: []byte(`"\u0000"`), Kind: String, Escaped: true}},
		{"\"\x7f\u2028\"", Value{Raw: []byte("\"\x7f\u2028\""), Kind: String}},
		{` [] `, Value{Raw: []byte(`[]`), Kind: Array, Offset: 1}},
		{`[ ]`, Value{Raw: []byte(`[ ]`), Kind: Array, Spaced: true}},
		{`[" "]`, Value{Raw: []byte(`[" "]`), Kind: Array}},
		{`["\n"]`, Value{Raw: []byte(`["\n"]`), Kind: Array}},
		{"{}\r\n", Value{Raw: []byte(`{}`), Kind: Object}},
		{`{"a":1,"a":1}`, Value{Raw: []byte(`{"a":1,"a":1}`), Kind: Object}},
		{`{"a": 1}`, Value{Raw: []byte(`{"a": 1}`), Kind: Object, Spaced: true}},
	} {
		got, err := Parse([]byte(tt.text))
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}

// Members must not pass their spacing and escapes on to one another.
func TestValuesOfMembers(t *testing.T) {
	text := []byte(` {"a" : [1, 2] , "\u0062" :[3], "c":"\\" }`)
	want := []Value{
		{Raw: []byte(`"a"`), Kind: String, Offset: 2},
		{Raw: []byte(`[1, 2]`), Kind: Array, Offset: 8, Spaced: true},
		{Raw: []byte(`"\u0062"`), Kind: String, Offset: 17, Escaped: true},
		{Raw: []byte(`[3]`), Kind: Array, Offset: 27},
		{Raw: []byte(`"c"`), Kind: String, Offset: 32},
		{Raw: []byte(`"\\"`), Kind: String, Offset: 36, Escaped: true},
	}
	var got []Value
	s := NewScanner(text)
	more, err := s.EnterObject()
	for ; more; more, err = s.NextMember() {
		key, err := s.Key()
		if err != nil {
			t.Fatal(err)
		}
		value, err := s.Value()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, key, value)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestRawDoesNotGrowIntoText(t *testing.T) {
	text := []byte(`{"a":1,"b":2}`)
	s := NewScanner(text)
	if _, err := s.EnterObject(); err != nil {
		t.Fatal(err)
	}
	key, err := s.Key()
	if err != nil {
		t.Fatal(err)
	}
	value, err := s.Value()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = append(key.Raw, "!!"...), append(value.Raw, "!!"...)
	if got, want := string(text), `{"a":1,"b":2}`; got != want {
		t.Errorf("text is now %s, want %s", got, want)
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		`""`:                        "",
		`"plain é 日"`:               "plain é 日",
		`"\"\\\/\b\f\n\r\t"`:        "\"\\/\b\f\n\r\t",
		`"a\u0041b\u00e9\u65E5"`:    "aAbé日",
		`"\u0000"`:                  "\x00",
		`"\ud83d\ude00"`:            "😀",
		`"\uDBFF\uDFFF!"`:           "\U0010FFFF!",
		`"\\u0041"`:                 `\u0041`,
		`"\ufffd\ufffe\uFFFF"`:      "\uFFFD\uFFFE\uFFFF",
		`"\ud7ff\ue000 and a tail"`: "\uD7FF\uE000 and a tail",
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("Parse(%s): %v", text, err)
			continue
		}
		if got, ok := v.Text(); got != want || !ok {
			t.Errorf("Text of %s = %q, %v, want %q, true", text, got, ok, want)
		}
	}
	for _, text := range []string{"1", "true", "null", "{}", `["a"]`} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := v.Text(); got != "" || ok {
			t.Errorf("Text of %s = %q, %v, want nothing and false", text, got, ok)
		}
	}
	if got, ok := (Value{}).Text(); got != "" || ok {
		t.Errorf("Text of the zero Value = %q, %v, want nothing and false", got, ok)
	}
}

func TestTextAllocatesOnce(t *testing.T) {
	for _, text := range []string{
		`"a text without escapes, longer than what stays on the stack"`,
		`"a text with \"escapes\", \u00e9\ud83d\ude00, longer than what stays on the stack"`,
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(100, func() { v.Text() }); got > 1 {
			t.Errorf("Text of %s: %v allocations, want 1", text, got)
		}
	}
}

func TestAppendCompact(t *testing.T) {
	for text, want := range map[string]string{
		" 1 ":                           "1",
		"{ }":                           "{}",
		"[\t1,\r\n2 , 3 ]":              "[1,2,3]",
		`{ "a b" : " c \" d " , "e":1}`: `{"a b":" c \" d ","e":1}`,
		`[ "\\" , " " ]`:                `["\\"," "]`,
		`{"a":"b c"}`:                   `{"a":"b c"}`,
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		if got := string(v.AppendCompact([]byte("> "))); got != "> "+want {
			t.Errorf("AppendCompact of %q = %q, want %q", text, got, "> "+want)
		}
	}
}
