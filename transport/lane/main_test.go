package lane

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// marker stands in test bodies where a fault is to be found.
const marker = "¦"

// unmark takes the marker out of text and returns where it was, or -1.
func unmark(text string) (unmarked string, offset int) {
	return strings.Replace(text, marker, "", 1), strings.Index(text, marker)
}

// sayProblem writes what a program sees of a problem, as "400 bad_body entry 1 field path offset 12".
func sayProblem(t testing.TB, err error) string {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("got error %v of type %T, want a Problem", err, err)
	}
	if p.Title != http.StatusText(p.Status) || p.Detail == "" {
		t.Errorf("title %q and detail %q of status %d", p.Title, p.Detail, p.Status)
	}
	said := fmt.Sprintf("%d %s", p.Status, p.Reason)
	if p.Entry != nil {
		said += fmt.Sprintf(" entry %d", *p.Entry)
	}
	if p.Field != "" {
		said += " field " + p.Field
	}
	if p.Offset != nil {
		said += fmt.Sprintf(" offset %d", *p.Offset)
	}
	return said
}

func readAll(t testing.TB, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
