package clients

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Policy is the Content-Security-Policy of our pages: they load nothing from any other host, run no script that stands in
// the page, and cannot be put into the frame of another.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// file is one file as it is served.
type file struct {
	kind          string // Content-Type
	plain, zipped version
}

// version is a file as it is, or compressed.
type version struct {
	text []byte // nil: there is none
	tag  string // ETag
}

func newVersion(text []byte) version {
	sum := sha256.Sum256(text)
	return version{text, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// Files are files to be served, by name. Browsers keep them, and ask each time whether they have changed.
type Files map[string]*file

// NewFiles reads the files at the tops of folders; of several with one name it takes the first. It panics where one
// cannot be read, as they are part of the program.
func NewFiles(folders ...fs.FS) Files {
	files := make(Files)
	for _, folder := range folders {
		entries, err := fs.ReadDir(folder, ".")
		if err != nil {
			panic(err)
		}
		for _, entry := range entries {
			if entry.IsDir() || files[entry.Name()] != nil {
				continue
			}
			text, err := fs.ReadFile(folder, entry.Name())
			if err != nil {
				panic(err)
			}
			files[entry.Name()] = newFile(entry.Name(), text)
		}
	}
	return files
}

func newFile(name string, text []byte) *file {
	f := &file{kind: kindOf(name), plain: newVersion(text)}
	var zipped bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is one of gzip's
	_, _ = writer.Write(text)                                       // into memory
	_ = writer.Close()
	if zipped.Len() < len(text) {
		f.zipped = newVersion(zipped.Bytes())
	}
	return f
}

// kindOf returns the Content-Type of a file. What the system's own tables say of scripts is not always right.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// Serve answers a GET or HEAD request with the file of this name, index.html for "". It returns false, and writes nothing,
// if there is none.
func (files Files) Serve(w http.ResponseWriter, r *http.Request, name string) bool {
	if name == "" {
		name = "index.html"
	}
	f := files[name]
	if f == nil {
		return false
	}
	header := w.Header()
	served := f.plain
	if f.zipped.text != nil && takesGzip(r.Header.Get("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		served = f.zipped
	}
	header.Set("Content-Type", f.kind)
	header.Set("ETag", served.tag)
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-cache")
	}
	header.Add("Vary", "Accept-Encoding")
	header.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(f.kind, "text/html") {
		header.Set("Content-Security-Policy", Policy)
		header.Set("Referrer-Policy", "no-referrer")
	}
	if matches(r.Header.Get("If-None-Match"), served.tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	header.Set("Content-Length", strconv.Itoa(len(served.text)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(served.text) // to a client that may have gone
	}
	return true
}

// takesGzip tells whether an Accept-Encoding field lists gzip, and not as what is refused (RFC 9110, 12.5.3).
func takesGzip(field string) bool {
	for one := range strings.SplitSeq(field, ",") {
		coding, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			_, q, _ := strings.Cut(weight, "=")
			return strings.Trim(q, " 0.") != "" || q == ""
		}
	}
	return false
}

// matches tells whether an If-None-Match field lists the tag. A proxy that compresses may have made it a weak one.
func matches(field, tag string) bool {
	for one := range strings.SplitSeq(field, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}
