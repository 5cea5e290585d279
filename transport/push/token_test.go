package push

import (
	"strconv"
	"testing"
)

// TestTokenVectors runs docs/vectors/token.json.
func TestTokenVectors(t *testing.T) {
	var cases []struct {
		Name, Why, Token   string
		ID, Cursor, Secret string
		Invalid            bool
	}
	readVectors(t, "token.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, ok := parseToken(c.Token)
			if ok == c.Invalid {
				t.Fatalf("parseToken(%q) = %+v, %v; invalid is %v, because %s", c.Token, got, ok, c.Invalid, c.Why)
			}
			if cursor := strconv.FormatUint(got.cursor, 10); ok && (string(got.id) != c.ID || cursor != c.Cursor || got.secret != c.Secret) {
				t.Errorf("parseToken(%q) = %+v, want %q, %s, %q", c.Token, got, c.ID, c.Cursor, c.Secret)
			}
		})
	}
}

func FuzzToken(f *testing.F) {
	for _, text := range []string{
		"", "/", "//", "a/0/", "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17/0/5sLnQ0cTz0VvJb1yX9w2Rk", "a/00/5sLnQ0cTz0VvJb1yX9w2Rk",
		"a/18446744073709551615/5sLnQ0cTz0VvJb1yX9w2Rk", "a/18446744073709551616/5sLnQ0cTz0VvJb1yX9w2Rk", "a/1/5sLnQ0cTz0VvJb1yX9w2R/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := parseToken(text)
		if !ok {
			return
		}
		if again := string(appendToken([]byte(token.id), token.cursor, []byte(token.secret))); again != text {
			t.Errorf("parseToken(%q) is written as %q", text, again)
		}
	})
}
