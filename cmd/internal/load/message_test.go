package load

import (
	"strings"
	"testing"
)

func TestMessageRoundTrip(t *testing.T) {
	run := newRun()
	for _, size := range []int{MinSize, 100, 1000} {
		for _, s := range []stamp{{}, {path: 1, seq: 2, due: 3}, {path: 999_999, seq: 999_999_999, due: 1 << 60}} {
			text := appendText(nil, run, s, size)
			got, ok := parseText(text, run, size)
			if len(text) != size || !ok || got != s {
				t.Errorf("%+v in %d bytes: %q, %+v %v", s, size, text, got, ok)
			}
		}
	}
}

func TestParseTextRefuses(t *testing.T) {
	good := string(appendText(nil, "ABCDEFGH", stamp{1, 2, 3}, 80))
	for name, text := range map[string]string{
		"empty":       "",
		"other run":   strings.Replace(good, "ABCDEFGH", "ABCDEFGX", 1),
		"cut":         good[:79],
		"long":        good + ".",
		"no number":   strings.Replace(good, "_2_", "_x_", 1),
		"minus":       strings.Replace(good, "_2_", "_-_", 1),
		"other start": "x" + good[1:],
		"no end":      good[:79] + "x",
		"huge":        strings.Replace(good, "_2_xxxxxxxxxxxxxxxxxxxx", "_99999999999999999999_x", 1),
	} {
		if s, ok := parseText([]byte(text), "ABCDEFGH", 80); ok && text != good {
			t.Errorf("%s: %q is read as %+v", name, text, s)
		}
	}
}

func TestNextText(t *testing.T) {
	a, b := appendText(nil, "ABCDEFGH", stamp{1, 2, 3}, 80), appendText(nil, "ABCDEFGH", stamp{1, 3, 4}, 80)
	data := []byte(`[{"m":"` + string(a) + `"},{"m":"` + string(b) + `"},"rl_cut`)
	var r Reply
	r.Messages(data)
	if len(r.texts) != 2 || string(r.texts[0]) != string(a) || string(r.texts[1]) != string(b) {
		t.Errorf("got %q, want %q and %q", r.texts, a, b)
	}
}

func FuzzParseText(f *testing.F) {
	f.Add(appendText(nil, "ABCDEFGH", stamp{1, 2, 3}, 80))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, ok := parseText(text, "ABCDEFGH", 80)
		if ok && (s.path < 0 || s.seq < 0 || s.due < 0) {
			t.Errorf("%q is read as %+v", text, s)
		}
	})
}
