package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// someState is a state file's path in a directory of its own.
func someState(t *testing.T) *stateFile {
	return &stateFile{path: filepath.Join(t.TempDir(), "roots.state"), format: 3, node: "roots", age: time.Minute}
}

// saving returns what writes a text as the state.
func saving(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func TestStateFile(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 10, time.UTC)
	for _, size := range []int{0, 1, 100, 1 << 20} {
		f, text := someState(t), strings.Repeat("x", size)
		written, err := f.write(now, saving(text))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(f.path)
		if err != nil || info.Size() != written || info.Mode().Perm() != 0o600 {
			t.Errorf("the file is %v, %v, and write said %d", info, err, written)
		}
		s, err := f.take(now.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if err != nil || string(got) != text || s.size != written || !s.header.Saved.Equal(now) {
			t.Errorf("read %d bytes of %d, %v, with header %+v", len(got), size, err, s.header)
		}
		s.Close()
		if _, err := f.take(now); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("read again: %v", err)
		}
	}
}

// A state that cannot be written leaves the one before as it was, and nothing beside.
func TestStateFileKeepsTheOneBefore(t *testing.T) {
	f, now := someState(t), time.Now()
	if _, err := f.write(now, saving("before")); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("it has failed")
	half := func(w io.Writer) error { return errors.Join(saving(strings.Repeat("half", 1<<16))(w), failed) }
	if _, err := f.write(now, half); !errors.Is(err, failed) {
		t.Errorf("write: %v", err)
	}
	if _, err := os.Stat(f.beside()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was written stays beside it: %v", err)
	}
	s, err := f.take(now)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := io.ReadAll(s); string(got) != "before" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
}

// Each byte of the file matters: with any of them changed, or any number of them cut off, it is refused.
func TestStateFileDamaged(t *testing.T) {
	f, now := someState(t), time.Now()
	if _, err := f.write(now, saving("what is kept")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 0x10
		for name, text := range map[string][]byte{"flipped": flipped, "cut": whole[:i]} {
			if _, _, err := readState(bytes.NewReader(text), int64(len(text))); !errors.Is(err, errDamagedState) {
				t.Errorf("%s at %d: %v", name, i, err)
			}
		}
	}
}

// FuzzState has the reader of state files meet anything: it gives back what was written, or refuses.
func FuzzState(f *testing.F) {
	file := &stateFile{format: 1, node: "roots", age: time.Minute}
	f.Add([]byte(stateMagic), true)
	f.Add([]byte(stateMagic+`{"format":1,"node":"roots","version":"devel","saved":"2026-01-02T03:04:05Z"}`+"\nkept"), true)
	f.Add([]byte(stateMagic+`{"format":9e99}`+"\n"), true)
	f.Add([]byte(stateMagic+"{\n\n"), false)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, body []byte, summed bool) {
		text := body
		if summed {
			sum := sha256.Sum256(body)
			text = append(bytes.Clone(body), sum[:]...)
		}
		header, payload, err := readState(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			if header != nil || payload != nil || !errors.Is(err, errDamagedState) {
				t.Fatalf("%+v, %v, %v", header, payload, err)
			}
			return
		}
		kept, err := io.ReadAll(payload)
		if err != nil || !bytes.HasPrefix(text, []byte(stateMagic)) {
			t.Fatalf("%q is taken for a state file: %q, %v", text, kept, err)
		}
		if rest := text[:len(text)-sha256.Size]; !bytes.HasSuffix(rest, append([]byte("\n"), kept...)) {
			t.Fatalf("%q is read from %q", kept, rest)
		}
		_ = file.refuses(header, time.Now())
	})
}

func TestStatePath(t *testing.T) {
	home := t.TempDir()
	tests := []struct {
		listen, file, own, shared, home string
		want                            string // or the error
	}{
		{":8008", "auto", "/own:/other", "/shared", home, "/own/rootsd.state"},
		{":8008", "auto", "", "/shared", home, "/shared/rootsd/roots-8008.state"},
		{":8008", "auto", "relative", "relative", home, home + "/.local/state/rootsd/roots-8008.state"},
		{":8008", "auto", "", "", "", "neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME names a directory; set state.file"},
		{":0", "auto", "/own", "/shared", home, errNoState.Error()},
		{"", "auto", "/own", "/shared", home, errNoState.Error()},
		{"", "/named", "/own", "/shared", home, errNoState.Error()},
		{":8008", "off", "/own", "/shared", home, errNoState.Error()},
		{":0", "/named", "/own", "/shared", home, "/named"},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test), func(t *testing.T) {
			t.Setenv("STATE_DIRECTORY", test.own)
			t.Setenv("XDG_STATE_HOME", test.shared)
			t.Setenv("HOME", test.home)
			c := DefaultConfig()
			c.Push.Listen, c.State.File = test.listen, test.file
			got, err := statePath(c)
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
