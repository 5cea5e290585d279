package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSeeds runs a seed on each lane, and one over TLS. "make chaos" runs more.
func TestSeeds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel) // when all seeds have ended
	binary, err := build(ctx, t.TempDir(), raced, false)
	if err != nil {
		t.Fatal(err)
	}
	keeps := takesOver(ctx, binary)
	for _, seed := range []uint64{2, 3, 8} {
		s := generate(seed, keeps)
		t.Run(s.setting("limits.lane")+s.setting(settingTLS), func(t *testing.T) {
			t.Parallel()
			o, err := perform(ctx, binary, keeps, s)
			if err != nil {
				t.Fatal(err)
			}
			if len(o.Violations) > 0 {
				t.Errorf("seed %d: %s", seed, describe(o))
			}
			if o.Tally.total() < 1000 || o.Tally.Receipts == 0 {
				t.Errorf("only %d client-updates were checked, and %d receipts", o.Tally.total(), o.Tally.Receipts)
			}
			if secure := o.History.Faults["tls: handshake"] > 0; secure != (s.setting(settingTLS) != "") {
				t.Errorf("clients spoke TLS: %v", secure)
			}
		})
	}
}

// TestPlanted looks for one fault, and wants to find it in the daemon that has it, and no trace of any in the other.
func TestPlanted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds rootsd twice")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for _, with := range []bool{false, true} {
		binary, err := build(ctx, t.TempDir(), false, with)
		if err != nil {
			t.Fatal(err)
		}
		code, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(string(code), "ROOTS_PLANTED"); has != with {
			t.Errorf("%s: has planted faults: %v, want %v", filepath.Base(binary), has, with)
		}
		o, err := perform(ctx, binary, takesOver(ctx, binary), smallest(t), "ROOTS_PLANTED=no-blank")
		if err != nil {
			t.Fatal(err)
		}
		if found := len(o.Violations) > 0; found != with {
			t.Errorf("planted %v: %d violations: %v", with, len(o.Violations), o.Violations)
		}
	}
}

// smallest is a schedule of hardly anything.
func smallest(t *testing.T) *Schedule {
	t.Helper()
	s, err := parseSchedule(strings.NewReader(`
config push.queue.messages=100 push.queue.bytes=64KiB push.queue.age=60s push.hold=1s push.expire=10s push.resume=64
0 c1 open poll
50 a1 connect c1 feed/*
100 b1 publish feed/1 count=50 every=2ms`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{{"-seeds", "x"}, {"stray"}, {"-nonsense"}} {
		if _, err := parseOptions(args, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}
