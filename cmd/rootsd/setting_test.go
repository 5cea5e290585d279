package main

import (
	"testing"
	"time"
)

func TestParseBytes(t *testing.T) {
	tests := []struct {
		text string
		want Bytes
		back string
	}{
		{"0", 0, "0B"},
		{"1000", 1000, "1000B"},
		{"1024", 1024, "1KiB"},
		{"64KB", 64_000, "64000B"},
		{"64 KiB", 64 << 10, "64KiB"},
		{"64kib", 64 << 10, "64KiB"},
		{"1MB", 1_000_000, "1000000B"},
		{"1536KiB", 1536 << 10, "1536KiB"},
		{"1MiB", 1 << 20, "1MiB"},
		{"2GiB", 2 << 30, "2GiB"},
		{"3GB", 3e9, "3000000000B"},
		{"-1", -1, "-1B"},
		{"8589934591GiB", 8589934591 << 30, "8589934591GiB"},
	}
	for _, tt := range tests {
		got, err := ParseBytes(tt.text)
		if err != nil || got != tt.want || got.String() != tt.back {
			t.Errorf("%q: got %d (%s), %v, want %d (%s)", tt.text, got, got, err, tt.want, tt.back)
		}
	}
	for _, text := range []string{"", "KiB", "1.5MiB", "1TiB", "1K", "1i", "one", "1 0", "8589934592GiB", "9999999999999999999"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q: got %d, want an error", text, got)
		}
	}
}

func FuzzParseBytes(f *testing.F) {
	for _, text := range []string{"1", "64KiB", "-5 MB", "9223372036854775807b"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := ParseBytes(text)
		if err != nil {
			return
		}
		if back, err := ParseBytes(size.String()); err != nil || back != size {
			t.Errorf("%q: %d comes back as %d, %v", text, size, back, err)
		}
	})
}

func TestDurationText(t *testing.T) {
	for _, want := range []string{"0s", "-5s", "50ms", "25s", "60s", "90s", "2m", "2m5s", "10m", "1h", "1h5m", "1h0m5s", "24h"} {
		d, err := parseDuration(want)
		if got := durationText(d); err != nil || got != want {
			t.Errorf("got %s, %v, want %s", got, err, want)
		}
	}
	if got := durationText(119*time.Second + time.Millisecond); got != "1m59.001s" {
		t.Errorf("got %s", got)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"hold", "listen", "age", "messages", "control_connections"}
	tests := []struct{ name, want string }{
		{"hold", "hold"},
		{"holt", "hold"},
		{"hodl", "hold"},
		{"HOLD", "hold"},
		{"old", "hold"},
		{"ohld", "hold"},
		{"bolt", ""},
		{"listn", "listen"},
		{"listener", "listen"},
		{"liszten2", "listen"},
		{"control-conections", "control_connections"},
		{"contrl_conections", "control_connections"},
		{"connections", ""},
		{"ages", "age"},
		{"x", ""},
		{"", ""},
		{"mess", ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.name, names); got != tt.want {
			t.Errorf("nearest(%q): got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "ab", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3},
	}
	for _, tt := range tests {
		if distance(tt.a, tt.b) != tt.want || distance(tt.b, tt.a) != tt.want {
			t.Errorf("distance(%q, %q): got %d, want %d", tt.a, tt.b, distance(tt.a, tt.b), tt.want)
		}
	}
}
