package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// flagsOf parses a command line.
func flagsOf(t *testing.T, arguments ...string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("rootsd", pflag.ContinueOnError)
	RegisterFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		t.Fatal(err)
	}
	return flags
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "roots.toml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoadConfigPrecedence(t *testing.T) {
	file := writeFile(t, "name = \"file\"\n[push]\nhold = \"1s\"\norigins = [\"https://file.example\"]\nexpire = \"1s\"")
	environ := []string{"ROOTS_NAME=environment", "ROOTS_PUSH_HOLD=2s", "HOME=/root"}
	flags := flagsOf(t, "--name", "flag")
	got, warnings, err := LoadConfig(file, flags, environ)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", warnings, err)
	}
	want := DefaultConfig()
	want.Name = "flag"
	want.Push.Hold = 2e9
	want.Push.Expire = 1e9
	want.Push.Origins = []string{"https://file.example"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
}

func TestLoadConfigWithoutAnything(t *testing.T) {
	for _, flags := range []*pflag.FlagSet{nil, flagsOf(t), pflag.NewFlagSet("other", pflag.ContinueOnError)} {
		got, warnings, err := LoadConfig("", flags, nil)
		if err != nil || len(warnings) > 0 || !reflect.DeepEqual(got, DefaultConfig()) {
			t.Errorf("got\n%v\n%v, %v", got, warnings, err)
		}
	}
}

func TestLoadConfigNamedByVariable(t *testing.T) {
	file := writeFile(t, "name = \"attic\"")
	got, _, err := LoadConfig("", nil, []string{"ROOTS_CONFIG=" + file})
	if err != nil || got.Name != "attic" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, _, err = LoadConfig(file, nil, []string{"ROOTS_CONFIG=elsewhere"}); err != nil {
		t.Errorf("--config does not go before ROOTS_CONFIG: %v", err)
	}
}

// TestEverySettingFromEverySource sets each key to its default by each way in, after making it something else.
func TestEverySettingFromEverySource(t *testing.T) {
	for _, s := range Settings() {
		text := strings.ReplaceAll(strings.Trim(s.Default, `[]"`), `", "`, ",")
		loaders := map[string]func(*loader){
			"file":        func(l *loader) { l.readTOML("roots.toml", s.Key+" = "+s.Default) },
			"environment": func(l *loader) { l.readEnvironment([]string{s.Env() + "=" + text}) },
			"flag":        func(l *loader) { l.readFlags(flagsOf(t, "--"+s.Flag()+"="+text)) },
		}
		for name, load := range loaders {
			l := newLoader()
			l.config.field(s).SetZero()
			load(l)
			got, err := l.finish()
			if err != nil || !reflect.DeepEqual(got, DefaultConfig()) {
				t.Errorf("%s from the %s: got\n%v\n%v", s.Key, name, got, err)
			}
		}
	}
}

func TestLists(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"", []string{}},
		{" ", []string{}},
		{"a", []string{"a"}},
		{"a, b ,c", []string{"a", "b", "c"}},
	}
	for _, tt := range tests {
		got, _, err := LoadConfig("", nil, []string{"ROOTS_HOSTS=" + tt.text})
		if err != nil || !reflect.DeepEqual(got.Hosts, tt.want) {
			t.Errorf("%q: got %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	got, _, err := LoadConfig("", flagsOf(t, "--hosts=a,b", "--hosts", "c"), []string{"ROOTS_HOSTS=z"})
	if err != nil || !slices.Equal(got.Hosts, []string{"a", "b", "c"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestLoadConfigErrors checks that a problem is reported under the name that its source has for the key.
func TestLoadConfigErrors(t *testing.T) {
	file := writeFile(t, "[push]\nhold = \"9h\"\nbundle = 5\n[ingest]\nlisten = \":8004\"")
	environ := []string{"ROOTS_PUSH_EXPIRE=0s", "ROOTS_LIMITS_PATHS=many", "ROOTS_LIMITS_PERMITS=", "ROOTS_INGEST_TOKENS=a,,hunter 2"}
	flags := flagsOf(t, "--push-hold=1ms", "--line-http=:8004", "--admin-token=hunter 2")
	config, _, err := LoadConfig(file, flags, environ)
	want := []string{
		file + `:3: push.bundle: expected a duration such as "25s", got an integer`,
		`ROOTS_LIMITS_PATHS: expected an integer, got "many"`,
		`ROOTS_LIMITS_PERMITS: expected an integer, got ""`,
		`--push-hold: must be between 100ms and 10m, got 1ms`,
		`ROOTS_PUSH_EXPIRE: must be between 1s and 24h, got 0s`,
		`ROOTS_INGEST_TOKENS: a token must not be empty`,
		`ROOTS_INGEST_TOKENS: a token must not hold white space, commas or control characters`,
		`--admin-token: a token must not hold white space, commas or control characters`,
		`--line-http: ":8004" can be reached from other machines and line.tokens is empty; set it, or ROOTS_LINE_TOKENS in ` +
			`the environment, or listen on a loopback address such as 127.0.0.1:8004`,
		`--line-http: ingest.listen and line.http cannot both listen on :8004; change the port of one of them`,
	}
	if got := fmt.Sprint(err); config != nil || got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// TestLoadSome: whoever needs some settings alone hears of nothing else, but of all that keeps those from being read.
func TestLoadSome(t *testing.T) {
	needed := []string{"ingest.listen", "ingest.tokens"}
	const exposed = "[push]\nholt = \"1s\"\nlisten = \":8004\"\n[ingest]\nlisten = \":8004\"\nmax_body = \"1KiB\"\n[lnie]\nlisten = 1"
	tests := []struct{ name, file, environ, want string }{
		{"others are wrong", exposed, "ROOTS_PUSH_HOLD=soon", ""},
		{"of the wrong kind", "[ingest]\nlisten = 8004", "", "FILE:2: ingest.listen: expected a string, got an integer"},
		{"no address", "[ingest]\nlisten = \"8004\"", "", `FILE:2: ingest.listen: "8004" is not host:port; ` +
			`write ":8008", "127.0.0.1:8008" or "[::1]:8008", or "" for off`},
		{"no token", exposed, "ROOTS_INGEST_TOKENS=a b",
			"ROOTS_INGEST_TOKENS: a token must not hold white space, commas or control characters"},
		{"no file of ours", "= 1", "", "FILE:1: unexpected '='"},
	}
	for _, tt := range tests {
		file := writeFile(t, tt.file)
		got, _, err := LoadSome(needed, file, []string{tt.environ})
		if tt.want != "" {
			if want := strings.ReplaceAll(tt.want, "FILE", file); !strings.HasPrefix(fmt.Sprint(err), want) {
				t.Errorf("%s: got\n%v\nwant\n%s", tt.name, err, want)
			}
			continue
		}
		want := DefaultConfig()
		want.Ingest.Listen = ":8004"
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%v, %v\nwant\n%v", tt.name, got, err, want)
		}
	}
}

// TestLaterSourceRepairsRelations: a file alone may be wrong where the whole is right.
func TestLaterSourceRepairsRelations(t *testing.T) {
	file := writeFile(t, "[ingest]\nlisten = \":8004\"")
	if _, _, err := LoadConfig(file, nil, []string{"ROOTS_INGEST_TOKENS=one"}); err != nil {
		t.Error(err)
	}
}

func TestUnknownVariables(t *testing.T) {
	environ := []string{
		"ROOTS_CONFIG=", "ROOTS_URL=http://localhost:8004", "ROOTS_TOKEN=hunter2", "ROOTS_PUSH_HOLD=5s", "ROOT_PUSH=", "PATH=/bin",
		"ROOTS_SERVICE_HOST=10.0.0.1", "ROOTS_PUSH_HOLT=5s", "ROOTS_QUEUE=5", "ROOTS_TOKNE=hunter2", "roots_name=x", "ROOTS_",
	}
	_, warnings, err := LoadConfig("", nil, environ)
	want := []string{
		"ROOTS_SERVICE_HOST: unknown variable, ignored",
		"ROOTS_PUSH_HOLT: unknown variable, ignored; did you mean ROOTS_PUSH_HOLD?",
		"ROOTS_QUEUE: unknown variable, ignored",
		"ROOTS_TOKNE: unknown variable, ignored; did you mean ROOTS_TOKEN?",
		"ROOTS_: unknown variable, ignored",
	}
	if err != nil || !slices.Equal(warnings, want) {
		t.Errorf("got\n%s\n%v\nwant\n%s", strings.Join(warnings, "\n"), err, strings.Join(want, "\n"))
	}
}

func TestFlagHelp(t *testing.T) {
	usage := flagsOf(t).FlagUsages()
	for _, want := range []string{
		`--push-hold duration`, `how long a poll waits for a message, and a stream is silent before a ping (default 25s)`,
		`--ingest-max-body size`, `(default 1MiB)`, `--push-origins list`, `web origins whose pages may connect (default *)`,
		`--admin-token token`, "--limits-paths int", "(default 1000)",
	} {
		if !strings.Contains(usage, want) {
			t.Errorf("the help lacks %q:\n%s", want, usage)
		}
	}
}
