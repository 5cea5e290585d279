package main

import (
	"bytes"
	"os"
	"testing"
)

// TestBuilt compares what is committed, and goes into the daemon, with what the source comes to.
func TestBuilt(t *testing.T) {
	for name, text := range builds {
		want, err := text("..")
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile("../dist/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("clients/js/dist/%s is not what clients/js/src comes to: make script", name)
		}
	}
}
