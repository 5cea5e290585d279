package strictjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// The texts that the benchmarks and TestZeroAllocations scan.
var texts = []struct{ name, text string }{
	{"strings100", `{"path":"news/rooms/42","message":"Hello, world! How are you today?","from":"c0ffee42","x":"abcdef"}`},
	{"numbers", `[1,-20,3.5,1e9,0,12345678,0.001,-7.25e-3,42,1000000,77,8,9,10,11,12,13,14,15,16]`},
	{"nested", `{"a":[{"b":[true,false,null]},{"c":{"d":{"e":[]}}}],"f":{},"g":[[],[[]]]}`},
	{"spaced", "{\n  \"path\": \"news\",\n  \"message\": {\n    \"title\": \"x\",\n    \"tags\": [ \"a\", \"b\" ]\n  }\n}\n"},
	{"escapes", `"line one\nline two\ttab \"quoted\" \u00e9\ud83d\ude00 and so on"`},
	{"cyrillic", `"` + strings.Repeat("привет, мир. ", 8) + `"`},
	{"japanese", `"` + strings.Repeat("こんにちは世界。", 8) + `"`},
	{"long", `"` + strings.Repeat("All work and no play makes Jack a dull boy. ", 100) + `"`},
}

func BenchmarkParse(b *testing.B) {
	for _, tt := range texts {
		text := []byte(tt.text)
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Parse(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodingJSONValid(b *testing.B) {
	for _, tt := range texts {
		text := []byte(tt.text)
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if !json.Valid(text) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

// update has the fields of an update that the benchmarks read.
type update struct {
	Path    string          `json:"path"`
	Message json.RawMessage `json:"message"`
	Latest  bool            `json:"latest"`
}

func BenchmarkScanUpdate(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(updateText)))
	for b.Loop() {
		scanUpdate(b, updateText)
	}
}

func BenchmarkEncodingJSONUnmarshalUpdate(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(updateText)))
	for b.Loop() {
		var u update
		if err := json.Unmarshal(updateText, &u); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendCompact(b *testing.B) {
	v, err := Parse(updateText)
	if err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, len(updateText))
	b.ReportAllocs()
	b.SetBytes(int64(len(v.Raw)))
	for b.Loop() {
		v.AppendCompact(dst)
	}
}

func BenchmarkEncodingJSONCompact(b *testing.B) {
	var dst bytes.Buffer
	b.ReportAllocs()
	b.SetBytes(int64(len(updateText)))
	for b.Loop() {
		dst.Reset()
		if err := json.Compact(&dst, updateText); err != nil {
			b.Fatal(err)
		}
	}
}

var plainText = "Hello, world! How are you today? \"Quite well, thank you,\" said the other.\n"

func BenchmarkAppendString(b *testing.B) {
	dst := make([]byte, 0, 2*len(plainText))
	b.ReportAllocs()
	b.SetBytes(int64(len(plainText)))
	for b.Loop() {
		AppendString(dst, plainText)
	}
}

func BenchmarkEncodingJSONMarshalString(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(plainText)))
	for b.Loop() {
		if _, err := json.Marshal(plainText); err != nil {
			b.Fatal(err)
		}
	}
}
