package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	exampleFile   = "../../roots.toml"
	referencePage = "../../docs/configuration.md"
)

// read loads the text of a file, without environment and flags.
func read(t testing.TB, text string) *Config {
	t.Helper()
	l := newLoader()
	l.readTOML("roots.toml", text)
	config, err := l.finish()
	if err != nil {
		t.Fatalf("%v\nin:\n%s", err, text)
	}
	return config
}

func contents(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestDefaultConfigIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	if got := read(t, ""); !reflect.DeepEqual(got, DefaultConfig()) {
		t.Errorf("an empty file gives\n%v\nwant\n%v", got, DefaultConfig())
	}
}

// TestSettings pins the names, which users depend on, and what may change while the daemon runs.
func TestSettings(t *testing.T) {
	var reloadable, fixed []string
	for _, s := range Settings() {
		if s.Reload {
			reloadable = append(reloadable, s.Key)
		} else {
			fixed = append(fixed, s.Key)
		}
		if s.Help == "" || strings.HasSuffix(s.Help, ".") || strings.Contains(s.Help, "`") {
			t.Errorf("%s: help %q is not fit for a flag", s.Key, s.Help)
		}
		numeric := slices.Contains([]string{"int", "size", "duration"}, s.form().name)
		if numeric != (s.min != "" && s.max != "") {
			t.Errorf("%s: a number needs both bounds, and nothing else has any", s.Key)
		}
	}
	wantReloadable := "drain hosts push.hold push.bundle push.expire push.resume push.origins push.open push.proxies push.pace " +
		"push.queue.messages push.queue.bytes push.queue.age push.queue.total push.tls.cert push.tls.key ingest.tokens ingest.max_body ingest.max_message ingest.max_wait line.tokens " +
		"log.level admin.token limits.sessions limits.connections limits.control_connections limits.paths " +
		"limits.subscriptions limits.permits limits.publish limits.body limits.write limits.open_rate limits.publish_rate " +
		"limits.total_publish_rate limits.address_connections limits.address_sessions limits.address_open_rate limits.address_publish_rate"
	if got := strings.Join(reloadable, " "); got != wantReloadable {
		t.Errorf("reloadable:\n got %s\nwant %s", got, wantReloadable)
	}
	wantFixed := "name push.listen push.prefix push.tls.domains push.tls.cache push.tls.email push.tls.acme push.tls.http " +
		"ingest.listen line.listen line.http log.output log.format admin.listen limits.header limits.header_size " +
		"limits.idle limits.log_buffer limits.tail_buffer limits.history limits.loops limits.lane state.file state.age"
	if got := strings.Join(fixed, " "); got != wantFixed {
		t.Errorf("fixed:\n got %s\nwant %s", got, wantFixed)
	}
}

func TestSettingNames(t *testing.T) {
	s, ok := settingNamed("ingest.max_message")
	if !ok || s.Env() != "ROOTS_INGEST_MAX_MESSAGE" || s.Flag() != "ingest-max-message" || s.Default != `"64KiB"` {
		t.Errorf("got %+v, %s, %s", s, s.Env(), s.Flag())
	}
}

var keyLine = regexp.MustCompile(`(?m)^#([a-z_]+ = )`)

func TestExampleFile(t *testing.T) {
	text := contents(t, exampleFile)
	if got := read(t, text); !reflect.DeepEqual(got, DefaultConfig()) {
		t.Errorf("roots.toml as it stands gives\n%v\nwant\n%v", got, DefaultConfig())
	}
	l := newLoader()
	l.readTOML("roots.toml", keyLine.ReplaceAllString(text, "$1"))
	got, err := l.finish()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, DefaultConfig()) {
		t.Errorf("roots.toml without the comment signs gives\n%v\nwant\n%v", got, DefaultConfig())
	}
	for _, s := range Settings() {
		if _, ok := l.places[s.Key]; !ok {
			t.Errorf("roots.toml does not have %s", s.Key)
		}
	}
}

// TestExampleFileExplains checks that each key line follows a comment and that no line is too wide to read.
func TestExampleFileExplains(t *testing.T) {
	lines := strings.Split(contents(t, exampleFile), "\n")
	for i, line := range lines {
		if keyLine.MatchString(line) && !strings.HasPrefix(lines[i-1], "# ") {
			t.Errorf("roots.toml:%d: %s has no explanation above it", i+1, line)
		}
		if len(line) > 125 {
			t.Errorf("roots.toml:%d: %d bytes wide", i+1, len(line))
		}
	}
}

func TestReferencePage(t *testing.T) {
	text := contents(t, referencePage)
	for _, s := range Settings() {
		reload := "no"
		if s.Reload {
			reload = "yes"
		}
		row := fmt.Sprintf("\n| `%s` | `%s` | %s | %s | %s | ", s.Key, s.Default, s.min, s.max, reload)
		if row = strings.ReplaceAll(row, "|  |", "| |"); !strings.Contains(text, strings.ReplaceAll(row, "|  |", "| |")) {
			t.Errorf("docs/configuration.md lacks the row%s", row)
		}
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(text, -1) {
		if _, ok := settingNamed(row[1]); !ok {
			t.Errorf("docs/configuration.md has a row for %s, which is no setting", row[1])
		}
	}
}

func TestReferenceExamplesLoad(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(contents(t, referencePage), -1)
	if len(blocks) < 4 {
		t.Fatalf("found %d toml blocks", len(blocks))
	}
	for _, block := range blocks {
		if got := read(t, block[1]); reflect.DeepEqual(got, DefaultConfig()) {
			t.Errorf("this example changes nothing:\n%s", block[1])
		}
	}
}

// TestReferenceErrors checks that the errors which the page shows are the ones that a user gets.
func TestReferenceErrors(t *testing.T) {
	l := newLoader()
	l.readTOML("roots.toml", "\n\n[push]\nholt = 1\n\n[push.queue]\nmessages = \"many\"\n")
	l.readEnvironment([]string{"ROOTS_LIMITS_HEADER=1h"})
	_, err := l.finish()
	want := "    " + strings.ReplaceAll(fmt.Sprint(err), "\n", "\n    ") + "\n"
	if !strings.Contains(contents(t, referencePage), want) {
		t.Errorf("docs/configuration.md lacks\n%s", want)
	}
}

func TestChanges(t *testing.T) {
	next := DefaultConfig()
	next.Name = "attic"
	next.Push.Hold = time.Second
	next.Push.Queue.Bytes = 1 << 20
	next.Ingest.Tokens = []Secret{"one"}
	next.Hosts = nil // the same as an empty list
	next.Limits.TailBuffer = 1
	reloadable, fixed := DefaultConfig().Changes(next)
	if want := []string{"push.hold", "push.queue.bytes", "ingest.tokens"}; !slices.Equal(reloadable, want) {
		t.Errorf("reloadable: got %v, want %v", reloadable, want)
	}
	if want := []string{"name", "limits.tail_buffer"}; !slices.Equal(fixed, want) {
		t.Errorf("fixed: got %v, want %v", fixed, want)
	}
}

func TestWithFixedFrom(t *testing.T) {
	running, next := DefaultConfig(), DefaultConfig()
	next.Name, next.Push.Open = "attic", []string{"public/**"}
	mixed, err := next.WithFixedFrom(running)
	if err != nil {
		t.Fatal(err)
	}
	reloadable, fixed := running.Changes(mixed)
	if len(fixed) > 0 || !slices.Equal(reloadable, []string{"push.open"}) {
		t.Errorf("got %v and %v, want only push.open to change", reloadable, fixed)
	}
	mixed.Push.Open[0] = "changed"
	if next.Push.Open[0] != "public/**" || next.Name != "attic" {
		t.Error("the mixture shares memory with its parts")
	}
}

// A certificate is replaced while the daemon runs, but no port begins or ceases to speak TLS.
func TestChangesOfTLS(t *testing.T) {
	none := DefaultConfig()
	files := read(t, "[push.tls]\ncert = \"a.pem\"\nkey = \"a.key\"")
	others := read(t, "[push.tls]\ncert = \"b.pem\"\nkey = \"a.key\"")
	acme := read(t, "[push.tls]\ndomains = [\"a.example\"]\ncache = \"c\"")
	tests := []struct {
		name              string
		running, next     *Config
		reloadable, fixed string
	}{
		{"other files", files, others, "push.tls.cert", ""},
		{"on", none, files, "", "push.tls.cert push.tls.key"},
		{"off", files, none, "", "push.tls.cert push.tls.key"},
		{"to ACME", files, acme, "", "push.tls.cert push.tls.key push.tls.domains push.tls.cache"},
	}
	for _, tt := range tests {
		reloadable, fixed := tt.running.Changes(tt.next)
		if got := strings.Join(reloadable, " "); got != tt.reloadable {
			t.Errorf("%s: reloadable: got %q, want %q", tt.name, got, tt.reloadable)
		}
		if got := strings.Join(fixed, " "); got != tt.fixed {
			t.Errorf("%s: fixed: got %q, want %q", tt.name, got, tt.fixed)
		}
		mixed, err := tt.next.WithFixedFrom(tt.running)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if _, left := tt.running.Changes(mixed); len(left) > 0 {
			t.Errorf("%s: the mixture changes %v", tt.name, left)
		}
	}
}

// TestWithFixedFromKeepsTokens: moving ingest to loopback and dropping its tokens is right after a restart, and would
// open the old address to everybody before it.
func TestWithFixedFromKeepsTokens(t *testing.T) {
	running := read(t, "[ingest]\nlisten = \":8004\"\ntokens = [\"one\"]")
	_, err := DefaultConfig().WithFixedFrom(running)
	want := `config: not without a restart: ingest.listen: ":8004" can be reached from other machines and ingest.tokens ` +
		`is empty; set it, or ROOTS_INGEST_TOKENS in the environment, or listen on a loopback address such as 127.0.0.1:8004`
	if fmt.Sprint(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	config := DefaultConfig()
	config.Ingest.Tokens, config.Line.Tokens, config.Admin.Token = []Secret{"hunter2"}, []Secret{"hunter2"}, "hunter2"
	encoded, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(encoded), config.Admin.Token.LogValue().String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		texts = append(texts, fmt.Sprintf(verb, config), fmt.Sprintf(verb, *config), fmt.Sprintf(verb, config.Admin.Token))
	}
	for _, text := range texts {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("shows a secret: %s", text)
		}
	}
	if got := Reveal(config.Ingest.Tokens); !slices.Equal(got, []string{"hunter2"}) {
		t.Errorf("Reveal: got %q", got)
	}
}
