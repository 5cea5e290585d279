package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// clientHarness runs the loop of docs/browser.md with an application that is this test: connect asks it by way of ingest, and what
// is shown is printed.
const clientHarness = `
const connect = (id) => fetch("%s/connect", { method: "POST", body: JSON.stringify({ id, paths: ["orders/42"] }) });
listen("%s/", connect, (path, message, gap) => console.log(JSON.stringify({ path, message, gap })));
`

// TestDocsClient runs the JavaScript of docs/browser.md, "Without it", in Node against a daemon, and kicks it once: it has to come back by itself.
func TestDocsClient(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed; get it with: apt-get install nodejs")
	}
	page, err := os.ReadFile("../../docs/browser.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := blocksOf(string(page))
	i := slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.code, "async function listen") })
	daemon := startDocsDaemon(t, buildRootsd(t))
	ingest := daemon.urls["ingest.listen"]
	script := filepath.Join(t.TempDir(), "client.mjs")
	code := blocks[i].code + fmt.Sprintf(clientHarness, ingest, daemon.urls["push.listen"])
	if err := os.WriteFile(script, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	client := &background{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, node, script)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = client, client, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })

	blank := `{"path":"orders/42","message":""}` + "\n"
	client.waitFor(blank)
	post(t, ingest+"/update", `{"path":"orders/42","message":1}`)
	client.waitFor(blank + `{"path":"orders/42","message":1}` + "\n")
	post(t, ingest+"/kick", fmt.Sprintf(`{"id":%q}`, someID(t, ingest)))
	client.waitFor(`"message":1}` + "\n" + blank)
	post(t, ingest+"/update", `{"path":"orders/42","message":2}`)
	client.waitFor(blank + `{"path":"orders/42","message":2}` + "\n")
}

func post(t *testing.T, url, body string) {
	t.Helper()
	response, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, response.Status)
	}
}

// someID returns the ID of the one client that is connected to orders/42.
func someID(t *testing.T, ingest string) string {
	t.Helper()
	c := &control{base: ingest}
	text, err := c.do(http.MethodGet, "/paths/orders/42", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}
