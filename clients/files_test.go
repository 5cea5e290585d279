package clients

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

// served asks files for one of them.
func served(t *testing.T, files Files, method, name string, fields ...string) (*http.Response, bool) {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	ok := files.Serve(w, r, name)
	return w.Result(), ok
}

func testFiles() Files {
	return NewFiles(
		fstest.MapFS{"index.html": {Data: []byte("<p>" + strings.Repeat("long ", 100))}, "a.mjs": {Data: []byte("1")}},
		fstest.MapFS{"a.mjs": {Data: []byte("2")}, "look.css": {Data: []byte("p{}")}, "sub/b.js": {Data: []byte("3")}},
	)
}

func TestFiles(t *testing.T) {
	files := testFiles()
	for _, test := range []struct{ name, kind, body string }{
		{"a.mjs", "text/javascript; charset=utf-8", "1"},
		{"look.css", "text/css; charset=utf-8", "p{}"},
	} {
		response, ok := served(t, files, http.MethodGet, test.name)
		body, _ := io.ReadAll(response.Body)
		if !ok || string(body) != test.body || response.Header.Get("Content-Type") != test.kind {
			t.Errorf("%s is %q, %q", test.name, response.Header.Get("Content-Type"), body)
		}
		if response.Header.Get("Content-Security-Policy") != "" {
			t.Errorf("%s has the policy of a page", test.name)
		}
	}
	for _, none := range []string{"sub/b.js", "b.js", "sub", "../a.mjs", "/a.mjs", "INDEX.HTML"} {
		if response, ok := served(t, files, http.MethodGet, none); ok || len(response.Header) > 0 {
			t.Errorf("there is a file %q", none)
		}
	}
}

func TestFilesPage(t *testing.T) {
	files := testFiles()
	response, ok := served(t, files, http.MethodGet, "", "Accept-Encoding", "br, gzip")
	if !ok || response.Header.Get("Content-Security-Policy") != Policy || response.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("the page is served with %v", response.Header)
	}
	unzipped, err := gzip.NewReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(unzipped); err != nil || !strings.HasPrefix(string(body), "<p>long") {
		t.Errorf("the page is %q, %v", body, err)
	}
	head, _ := served(t, files, http.MethodHead, "")
	if body, _ := io.ReadAll(head.Body); len(body) > 0 || head.Header.Get("Content-Length") != "503" {
		t.Errorf("HEAD is answered with %d bytes, Content-Length %s", len(body), head.Header.Get("Content-Length"))
	}
}

func TestFilesUnchanged(t *testing.T) {
	files := testFiles()
	first, _ := served(t, files, http.MethodGet, "a.mjs")
	tag := first.Header.Get("ETag")
	for field, want := range map[string]int{
		tag: http.StatusNotModified, `"x", ` + tag: http.StatusNotModified, "W/" + tag: http.StatusNotModified, "*": http.StatusNotModified,
		`"x"`: http.StatusOK, "": http.StatusOK,
	} {
		if response, _ := served(t, files, http.MethodGet, "a.mjs", "If-None-Match", field); response.StatusCode != want {
			t.Errorf("If-None-Match: %s is answered %d, want %d", field, response.StatusCode, want)
		}
	}
	if other := testFiles()["look.css"].plain.tag; other == tag {
		t.Error("two files have one tag")
	}
	plain, _ := served(t, files, http.MethodGet, "")
	zipped, _ := served(t, files, http.MethodGet, "", "Accept-Encoding", "gzip")
	if plain.Header.Get("ETag") == zipped.Header.Get("ETag") {
		t.Error("what is compressed has the tag of what is not")
	}
}

func TestTakesGzip(t *testing.T) {
	for field, want := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "gzip; q=1.0": true, "deflate,gzip": true,
		"": false, "x-gzip": false, "gzip;q=0": false, "br, gzip; q=0.000": false, "identity": false,
	} {
		if got := takesGzip(field); got != want {
			t.Errorf("takesGzip(%q) = %v", field, got)
		}
	}
}
