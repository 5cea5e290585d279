//go:build linux

package main

import (
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// built is the rootsd that all tests run.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(built.dir) // what is left is in the system's temporary folder
		os.Exit(code)
	}))
}

// program returns the path of a rootsd built from the tree.
func program(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "rootsd-soak-test-"); built.err == nil {
			built.path, built.err = build(t.Context(), built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}
