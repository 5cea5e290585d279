package proxytest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// TestDocs makes sure that what docs/proxies.md shows of the files stands in them as it is.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root(t), "docs", "proxies.md"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"nginx": "nginx", "caddyfile": "caddy", "haproxy": "haproxy", "apache": "apache"}
	shown := make(map[string]bool)
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		language, code := block[1], block[2]
		if files[language] == "" {
			continue
		}
		shown[language] = true
		if !strings.Contains(Config(t, files[language]), code) {
			t.Errorf("%s's file has no\n%s", language, code)
		}
	}
	if len(shown) != len(files) {
		t.Errorf("the page shows something of %v alone", shown)
	}
}
