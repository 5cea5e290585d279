package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/rootsd/rootsd/"

// TestImports keeps the parts of the house apart: cmd → transport → transport/lane, dispatch → the standard library, and
// cmd → clients. Connectors and examples stand for themselves.
func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(root, name)
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		files++
		from, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			to := strings.Trim(spec.Path.Value, `"`)
			if reason := forbidden(filepath.ToSlash(from), to, strings.HasSuffix(name, "_test.go")); reason != "" {
				t.Errorf("%s imports %s: %s", name, to, reason)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at; is %s the root of the project?", files, root)
	}
}

// enter leaves out directories that hold no Go code of this module.
func enter(root, dir string) error {
	if dir == root {
		return nil
	}
	base := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	if err == nil || base == "testdata" || base == "node_modules" || base == "bin" || strings.HasPrefix(base, ".") {
		return filepath.SkipDir
	}
	return nil
}

// onlyInCmd are the modules of the program's own surface, by the beginning of their paths.
var onlyInCmd = []string{"github.com/spf13/", "github.com/BurntSushi/toml", "github.com/prometheus/"}

// forbidden says why the package in the directory from may not import to; "" if it may. Tests may use what they like, but
// for other parts' insides.
func forbidden(from, to string, isTest bool) string {
	own, isOurs := strings.CutPrefix(to, module)
	if isOurs && within(own, "cmd") && !within(from, own) && !(within(from, "cmd") && within(own, "cmd/internal")) {
		return "nothing imports cmd"
	}
	if isTest {
		return ""
	}
	for _, prefix := range onlyInCmd {
		if strings.HasPrefix(to, prefix) && !within(from, "cmd") {
			return "only cmd does that"
		}
	}
	switch {
	case within(from, "dispatch"):
		if isOurs && !within(own, "dispatch") || !isOurs && !isStandard(to) {
			return "dispatch knows the standard library and itself"
		}
	case within(from, "transport"):
		mine := path.Join("transport", segment(from, 1))
		if isOurs && !within(own, mine) && !within(own, "transport/lane") && !within(own, "dispatch") {
			return "a component knows transport/lane, dispatch and itself"
		}
	case within(from, "clients") && !within(from, "clients/js/build"):
		if isOurs && !within(own, "clients") || !isOurs && !isStandard(to) {
			return "clients know the daemon by its protocol alone"
		}
	case within(from, "connectors"), within(from, "examples"):
		if isOurs && !within(own, "connectors/go") || !isOurs && !isStandard(to) {
			return "back-ends know the daemon by its protocol alone"
		}
	}
	return ""
}

// within tells whether a path is dir or below it.
func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// segment returns a segment of a path, "" if it has not so many.
func segment(path string, i int) string {
	segments := strings.Split(path, "/")
	if i >= len(segments) {
		return ""
	}
	return segments[i]
}

// isStandard tells whether a package is of the standard library: only there, the first segment has no dot.
func isStandard(path string) bool { return !strings.Contains(segment(path, 0), ".") }

func TestForbidden(t *testing.T) {
	tests := []struct {
		from, to string
		isTest   bool
		want     bool
	}{
		{"dispatch", "sync", false, false},
		{"dispatch", module + "dispatch/strictjson", false, false},
		{"dispatch", module + "transport/lane", false, true},
		{"dispatch/strictjson", "github.com/x/y", false, true},
		{"dispatch", "pgregory.net/rapid", true, false},
		{"transport/lane", module + "dispatch", false, false},
		{"transport/lane", module + "transport/push", false, true},
		{"transport/push", module + "transport/lane", false, false},
		{"transport/push", module + "transport/push/sse", false, false},
		{"transport/push", module + "transport/ingest", false, true},
		{"transport/pushy", module + "transport/push", false, true},
		{"transport/push", module + "transport/ingest", true, false},
		{"transport/push", "github.com/coder/websocket", false, false},
		{"transport/push", "github.com/prometheus/client_golang/prometheus", false, true},
		{"clients/demo", module + "clients", false, false},
		{"clients/demo", module + "dispatch", false, true},
		{"clients", "github.com/x/y", false, true},
		{"clients/js/build", "github.com/x/y", false, false},
		{"connectors/go", "github.com/spf13/pflag", false, true},
		{"connectors/go", module + "cmd/rootsd", true, true},
		{"connectors/go/test/driver", module + "connectors/go", false, false},
		{"connectors/go", module + "dispatch", false, true},
		{"examples/go", module + "connectors/go", false, false},
		{"examples/go", "github.com/gorilla/sessions", false, true},
		{"cmd/rootsd", "github.com/BurntSushi/toml", false, false},
		{"cmd/rootsd", module + "cmd/internal/load", false, false},
		{"transport/push", module + "cmd/internal/load", true, true},
		{"cmd/rootsd", module + "transport/push", false, false},
	}
	for _, test := range tests {
		if got := forbidden(test.from, test.to, test.isTest) != ""; got != test.want {
			t.Errorf("forbidden(%q, %q, %v) = %v, want %v", test.from, test.to, test.isTest, got, test.want)
		}
	}
}
