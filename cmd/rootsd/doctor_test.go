package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rootsd/rootsd/cmd/internal/doctor"
)

// On a terminal no line is broken in its middle; elsewhere what is to be copied stays in one piece.
func TestCheckPrinter(t *testing.T) {
	setting := "  nginx: " + strings.Repeat("proxy_set_header Upgrade; ", 5)
	c := doctor.Check{
		Name: "upgrade", State: doctor.Failed, Seen: strings.Repeat("seen ", 30), Fix: strings.Repeat("mend ", 30) + "\n" +
			setting,
	}
	var shown, piped strings.Builder
	checkPrinter{&shown, 80 - checkIndent, true}.print(c)
	for line := range strings.Lines(shown.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("a line has %d characters: %s", n, line)
		}
	}
	if strings.Count(shown.String(), "proxy_set_header") != 5 {
		t.Errorf("something is missing:\n%s", &shown)
	}
	newCheckPrinter(&piped).print(c)
	if !strings.Contains(piped.String(), setting) {
		t.Errorf("the setting is broken:\n%s", &piped)
	}
}

// Where a site redirects, its pages are of the origin that it redirects to, unless --origin says otherwise.
func TestReadDoctorOrigin(t *testing.T) {
	for origin, want := range map[string]string{"": "", "https://app.example/": "https://app.example"} {
		var config doctor.Config
		options := doctorOptions{origin: origin, connect: "/connect/{id}"}
		config.Paths = []string{"news"}
		if err := readDoctor(newDoctor(), &config, options, "http://example.com/comet/"); err != nil {
			t.Fatal(err)
		}
		if config.Origin != want || config.Connect.IsAbs() {
			t.Errorf("--origin %q: pages of %q connect at %s", origin, config.Origin, config.Connect)
		}
	}
}
