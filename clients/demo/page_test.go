package demo

import (
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/rootsd/rootsd/clients"
)

func text(t *testing.T, name string) string {
	t.Helper()
	content, err := fs.ReadFile(page(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestSnippet keeps the promise that the page makes: one script element and six lines.
func TestSnippet(t *testing.T) {
	lines := 0
	for line := range strings.Lines(text(t, "snippet.js")) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	if lines > 6 {
		t.Errorf("snippet.js has %d lines", lines)
	}
	for _, tag := range []string{`<script src="roots.js" defer>`, `<script src="snippet.js" defer>`} {
		if !strings.Contains(text(t, "index.html"), tag) {
			t.Errorf("the page does not have %s", tag)
		}
	}
}

// TestBars has the page show every job.
func TestBars(t *testing.T) {
	html := text(t, "index.html")
	for _, j := range newJobs() {
		if !strings.Contains(html, `<progress id="`+j.path()+`"`) {
			t.Errorf("there is no bar for %s", j.path())
		}
	}
}

// reference finds what a file of the page loads.
var reference = regexp.MustCompile(`(?:src=|href=|from |\bget\(|\bpost\(|fetch\()"([^"]+)"`)

// TestReferences has all that the page loads answered, and by nobody else.
func TestReferences(t *testing.T) {
	a := New(Config{})
	names, err := fs.ReadDir(page(), ".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		content := text(t, name.Name())
		for _, match := range reference.FindAllStringSubmatch(content, -1) {
			found++
			want(t, request(a, "GET", path.Join("/", match[1]), ""), http.StatusOK, "")
		}
		if host := regexp.MustCompile(`(src|href|url\(|import|fetch\()[="( ]*(https?:)?//`).FindString(content); host != "" {
			t.Errorf("%s loads from another host: %s", name.Name(), host)
		}
		// What comes from a message is never HTML, and the policy forbids what stands in attributes.
		for _, not := range []string{"innerHTML", "insertAdjacentHTML", "document.write", " style=", " onclick=", "<style", "eval("} {
			if strings.Contains(content, not) {
				t.Errorf("%s has %q", name.Name(), not)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d references were found", found)
	}
}

func TestPage(t *testing.T) {
	w := request(New(Config{}), "GET", "/", "")
	want(t, w, http.StatusOK, "<title>Roots")
	if policy := w.Header().Get("Content-Security-Policy"); policy != clients.Policy {
		t.Errorf("the policy is %q", policy)
	}
}
