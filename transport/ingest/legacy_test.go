package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// wantLegacy checks that w is word for word what was answered in 2009.
func wantLegacy(t *testing.T, name string, code int, header http.Header, got, want string) {
	t.Helper()
	if code != 200 || got != want || header.Get("Content-Type") != "text/html" {
		t.Errorf("%s: got %d %q %v, want %q", name, code, got, header, want)
	}
}

func TestLegacy(t *testing.T) {
	const good = `{"path":"a","message":"good"}`
	for _, tt := range []struct{ name, body, answer, told string }{
		{"one", `[{"path":"a","message":"1"}]`, legacySuccess, `a "1"`},
		{"two", `[{"path": "a", "message": "1"}, {"message": "2", "path": "a"}]`, legacySuccess, "a \"1\"\na \"2\""},
		{"none", `[]`, legacySuccess, ""},
		{"blank", `[{"path":"a","message":""}]`, legacySuccess, `a ""`},
		{"more members", `[{"path":"a","message":"1","latest":7,"x":{"path":1}}]`, legacySuccess, `a "1"`},
		{"twice", `[{"path":"x","message":"0","path":"a","message":"1"}]`, legacySuccess, `a "1"`},
		{"no path", `[{"message":"1"},` + good + `]`, legacySuccess, `a "good"`},
		{"no message", `[{"path":"a"},` + good + `]`, legacySuccess, `a "good"`},
		{"no message and a wrong path", `[{"path":7},` + good + `]`, legacySuccess, `a "good"`},
		{"empty object", `[{},` + good + `]`, legacySuccess, `a "good"`},
		{"string", `["text",` + good + `]`, legacySuccess, `a "good"`},
		{"array", `[[],[["path"]],` + good + `]`, legacySuccess, `a "good"`},
		{"Unicode", `[{"path":"a","message":"ü \u00fc 😀"}]`, legacySuccess, `a "ü \u00fc 😀"`},
		{"slashes", `[{"path":"/a/","message":"1"}]`, legacySuccess, `a "1"`},
		{"unknown ID", `[{"path":"::connect","message":"nobody->a"},` + good + `]`, legacySuccess, `a "good"`},
		{"no arrow", `[{"path":"::connect","message":"nobody"},` + good + `]`, legacySuccess, `a "good"`},
		{"bad pattern", `[{"path":"::connect","message":"ID->a//b"},` + good + `]`, legacySuccess, `a "good"`},
		{"unknown command", `[{"path":"::dance","message":"now"},` + good + `]`, legacySuccess, `a "good"`},
		{"reserved", `[{"path":"::gone","message":"ID"},` + good + `]`, legacySuccess, `a "good"`},

		{"empty", ``, legacyError, ""},
		{"white space", " \n", legacyError, ""},
		{"not JSON", `path=a&message=b`, legacyError, ""},
		{"cut", `[` + good, legacyError, ""},
		{"text after", `[` + good + `] x`, legacyError, ""},
		{"two arrays", `[` + good + `][` + good + `]`, legacyError, ""},
		{"byte order mark", "\xEF\xBB\xBF[]", legacyError, ""},
		{"invalid UTF-8", "[{\"path\":\"a\",\"message\":\"\xff\"}]", legacyError, ""},
		{"null", `null`, legacyError, ""},
		{"number", `7`, legacyError, ""},
		{"top-level string", `"text"`, legacyError, ""},
		{"top-level object", good, legacyError, ""},
		{"lines", good + "\n" + good, legacyError, ""},
		{"null in the array", `[` + good + `,null]`, legacyError, ""},
		{"number in the array", `[` + good + `,7,` + good + `]`, legacyError, ""},
		{"true in the array", `[true,` + good + `]`, legacyError, ""},
		{"path a number", `[` + good + `,{"path":7,"message":"1"}]`, legacyError, ""},
		{"path null", `[` + good + `,{"path":null,"message":"1"}]`, legacyError, ""},
		{"message a number", `[` + good + `,{"path":"a","message":1}]`, legacyError, ""},
		{"message an object", `[` + good + `,{"path":"a","message":{"a":"b"}}]`, legacyError, ""},
		{"message too large", `[` + good + `,{"path":"a","message":"` + strings.Repeat("x", 1000) + `"}]`, legacyError, ""},
		{"path empty", `[` + good + `,{"path":"","message":"1"}]`, legacyError, ""},
		{"path with a wildcard", `[` + good + `,{"path":"a/*","message":"1"}]`, legacyError, ""},
		{"path too long", `[` + good + `,{"path":"` + strings.Repeat("x", 1025) + `","message":"1"}]`, legacyError, ""},
		{"nesting", strings.Repeat("[", 5000), legacyError, ""},
	} {
		h := newHouse(t)
		id, c := h.connected("a")
		w := h.post("/", strings.ReplaceAll(tt.body, "ID", string(id)))
		wantLegacy(t, tt.name, w.Code, w.Header(), w.Body.String(), tt.answer)
		if got := c.take(); got != tt.told {
			t.Errorf("%s: told %q, want %q", tt.name, got, tt.told)
		}
		published := 0
		if tt.told != "" {
			published = strings.Count(tt.told, "\n") + 1
		} else {
			h.wantNothing(tt.name)
		}
		if got := h.ingest.Stats().Published.Load(); got != uint64(published) {
			t.Errorf("%s: published %d, want %d", tt.name, got, published)
		}
	}
}

// The commands of 2009, as its connector gave them.
func TestLegacyCommands(t *testing.T) {
	h := newHouse(t)
	id, c := h.client()
	w := h.post("/", fmt.Sprintf(`[{"path":"::connect","message":"%[1]s->a"},{"path":"::connect","message":"%[1]s->b"},`+
		`{"path":"a","message":"1"},{"path":"::disconnect","message":"%[1]s->a"},{"path":"a","message":"2"}]`, id))
	wantLegacy(t, "commands", w.Code, w.Header(), w.Body.String(), legacySuccess)
	if got, want := c.take(), "a \"\"\nb \"\"\na \"1\"\n::+::disconnect \"a\""; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestLegacyCounts(t *testing.T) {
	h := newHouse(t)
	h.post("/", `nonsense`)
	h.post("/", `[{"path":"::connect","message":"x->a"},{"path":"::connect","message":"x->b"},{"path":"a","message":"1"}]`)
	got := h.ingest.Stats().Refused.Counts()
	if got["legacy"] != 1 || got["legacy_command"] != 2 || h.ingest.Stats().Published.Load() != 1 {
		t.Errorf("counted %v, published %d", got, h.ingest.Stats().Published.Load())
	}
}
