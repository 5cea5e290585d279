package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// pages are the documents whose command blocks run here, each against a daemon of its own, in the order in which they
// stand. A block begins with ```sh; after "background" it runs beside the others and is ended with the page, and after
// "no-run" it is for the eye alone.
var pages = []string{"README.md", "docs/protocol.md", "docs/browser.md", "docs/curl.md", "docs/operations.md"}

func TestDocs(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed; get it with: apt-get install %s", tool, tool)
		}
	}
	bin := buildRootsd(t)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			runPage(t, bin, page)
		})
	}
}

// runPage runs the blocks of one page.
func runPage(t *testing.T, bin, page string) {
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	daemon := startDocsDaemon(t, bin)
	dir := t.TempDir()
	copyFile(t, "../../roots.toml", filepath.Join(dir, "roots.toml"))
	client := &background{t: t, dir: dir, env: daemon.env}
	var script strings.Builder
	script.WriteString("set -eu\n")
	for _, block := range blocksOf(string(text)) {
		code := daemon.localise(block.code)
		switch block.kind {
		case "sh background":
			client.start(code)
			fmt.Fprintf(&script, "ID=%s\n", client.id())
		case "sh":
			fmt.Fprintf(&script, "echo '# line %d' >&2\n%s", block.line, code)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir, cmd.Env = dir, daemon.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", page, err, out)
	}
	if page == "README.md" {
		client.waitFor(`{"path":"orders/42","message":{"state":"shipped"}}`)
		wantText(t, string(out), `"field":"mesage"`)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func wantText(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("the output has no %s:\n%s", want, got)
	}
}

// block is one fenced block of a page.
type block struct {
	kind string // what follows the fence
	code string
	line int
}

func blocksOf(text string) (blocks []block) {
	var current *block
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && current == nil:
			current = &block{kind: fence, line: i + 1}
		case isFence:
			blocks = append(blocks, *current)
			current = nil
		case current != nil:
			current.code += line + "\n"
		}
	}
	return blocks
}

// background is a block that runs beside the others.
type background struct {
	t   *testing.T
	dir string
	env []string

	mu  sync.Mutex // guards out
	out bytes.Buffer
}

func (b *background) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

func (b *background) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

func (b *background) start(code string) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "bash", "-c", code)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.WaitDelay = b.dir, b.env, b, time.Second
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { cancel(); _ = cmd.Wait() })
}

// id returns the ID that the client was given, which its first line shows.
func (b *background) id() string {
	b.t.Helper()
	b.waitFor("\n")
	line, _, _ := strings.Cut(b.String(), "\n")
	var session struct{ ID string }
	if err := json.Unmarshal([]byte(line), &session); err != nil || session.ID == "" {
		b.t.Fatalf("the block in the background begins with %q, not with an ID", line)
	}
	return session.ID
}

func (b *background) waitFor(text string) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); !strings.Contains(b.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("the block in the background has not printed %q, but:\n%s", text, b.String())
		}
	}
}

// docsDaemon is a running daemon as the pages' commands see it.
type docsDaemon struct {
	urls map[string]string // by key: "push.listen"
	env  []string
}

// localise has a page's command reach this daemon instead of one on the default ports.
func (d *docsDaemon) localise(code string) string {
	for port, key := range map[string]string{"8008": "push.listen", "8004": "ingest.listen", "8009": "admin.listen"} {
		address := strings.TrimPrefix(d.urls[key], "http://")
		code = strings.NewReplacer("localhost:"+port, address, "127.0.0.1:"+port, address).Replace(code)
	}
	return strings.ReplaceAll(code, "bin/rootsd", "rootsd")
}

var listening = regexp.MustCompile(`msg=listening for=(\S+) url=(\S+)`)

// startDocsDaemon serves until the test ends.
func startDocsDaemon(t *testing.T, bin string) *docsDaemon {
	log := &background{t: t}
	cmd := exec.Command(bin, "serve", "--push-listen", "127.0.0.1:0", "--ingest-listen", "127.0.0.1:0",
		"--line-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
	cmd.Stderr, cmd.WaitDelay = log, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	log.waitFor("msg=ready")
	d := &docsDaemon{urls: make(map[string]string)}
	for _, found := range listening.FindAllStringSubmatch(log.String(), -1) {
		d.urls[found[1]] = found[2]
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(d.urls["line.listen"], "tcp://"), ":")
	d.env = append(os.Environ(), "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"),
		"PUSH="+d.urls["push.listen"], "INGEST="+d.urls["ingest.listen"], "ADMIN="+d.urls["admin.listen"],
		"LINE_HOST="+host, "LINE_PORT="+port, "ROOTS_URL="+d.urls["ingest.listen"])
	return d
}

// buildRootsd builds the program into a directory of the test's own.
func buildRootsd(t *testing.T) string {
	bin := filepath.Join(t.TempDir(), "rootsd")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}
