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
	tag           string // ETag
	plain, zipped []byte
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
	sum := sha256.Sum256(text)
	f := &file{kind: kindOf(name), tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, plain: text}
	var zipped bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level is one of gzip's
	_, _ = writer.Write(text)                                       // into memory
	_ = writer.Close()
	if zipped.Len() < len(text) {
		f.zipped = zipped.Bytes()
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
	header.Set("Content-Type", f.kind)
	header.Set("ETag", f.tag)
	header.Set("Cache-Control", "no-cache")
	header.Add("Vary", "Accept-Encoding")
	header.Set("X-Content-Type-Options", "nosniff")
	if strings.HasPrefix(f.kind, "text/html") {
		header.Set("Content-Security-Policy", Policy)
		header.Set("Referrer-Policy", "no-referrer")
	}
	if matches(r.Header.Get("If-None-Match"), f.tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	text := f.plain
	if f.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		text = f.zipped
	}
	header.Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // to a client that may have gone
	}
	return true
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
