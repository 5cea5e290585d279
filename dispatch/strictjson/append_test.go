package strictjson

import "testing"

func TestAppendString(t *testing.T) {
	for s, want := range map[string]string{
		"":                      `""`,
		"plain text":            `"plain text"`,
		`say "hi" \o/`:          `"say \"hi\" \\o/"`,
		"\b\f\n\r\t":            `"\b\f\n\r\t"`,
		"\x00\x01\x1f\x7f":      "\"\\u0000\\u0001\\u001f\x7f\"",
		"é日😀\u2028<>&":          "\"é日😀\u2028<>&\"",
		"a\xffb":                "\"a\uFFFDb\"",
		"\xe6\x97":              "\"\uFFFD\uFFFD\"",
		"\xed\xa0\x80":          "\"\uFFFD\uFFFD\uFFFD\"",
		"\uFFFD stays":          "\"\uFFFD stays\"",
		"tail needs escaping\n": `"tail needs escaping\n"`,
		"\nhead needs escaping": `"\nhead needs escaping"`,
	} {
		if got := string(AppendString([]byte("> "), s)); got != "> "+want {
			t.Errorf("AppendString(%q) = %s, want %s", s, got, "> "+want)
		}
	}
}
