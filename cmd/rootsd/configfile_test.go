package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestConfigFile(t *testing.T) {
	config := DefaultConfig()
	config.Name, config.Drain = "attic", 90*time.Second
	config.Push.Hold, config.Push.Open = 5*time.Second, []string{"public/**", "news/*"}
	config.Push.Queue.Bytes, config.Push.Queue.Messages = 1_000_000, 5
	config.Ingest.MaxBody = 65536
	config.Admin.Token = "s3cret"
	forms := map[string]string{
		"tables": `
			name = "attic"
			drain = "1m30s"
			[push]
			hold = "5s"
			open = ["public/**",
				"news/*", # the second
			]
			[push.queue]
			bytes = "1MB"
			messages = 5
			[ingest]
			max_body = 65_536
			[admin]
			token = "s3cret"`,
		"dotted": `
			name = 'attic'
			push.hold = "5000ms"
			push."queue".bytes = 1000000
			"push".queue.messages = 0x5
			push.open = ["public/**", "news/*"]
			drain = "90s"
			ingest.max_body = "64KiB"
			admin.token = """s3cret"""`,
		"inline, with a byte order mark": "\ufeff" + `name = "attic"
			drain = "90s"
			push = {hold = "5s", open = ["public/**", "news/*"], queue = {bytes = "1mb", messages = 5}}
			ingest = { max_body = "65536" }
			[admin]
			token = "s3cret"`,
	}
	for name, text := range forms {
		t.Run(name, func(t *testing.T) {
			if got := read(t, text); !reflect.DeepEqual(got, config) {
				t.Errorf("got\n%v\nwant\n%v", got, config)
			}
		})
	}
}

// TestConfigFileErrors gives a file, and all that is said about it.
func TestConfigFileErrors(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "[push]\n\nholt = \"25s\"", "roots.toml:3: push.holt: unknown key; did you mean push.hold?"},
		{"swapped letters", "[push]\nhodl = 1", "roots.toml:2: push.hodl: unknown key; did you mean push.hold?"},
		{"hyphen", "[ingest]\nmax-body = 1", "roots.toml:2: ingest.max-body: unknown key; did you mean ingest.max_body?"},
		{"capitals", "[log]\nLEVEL = 1", "roots.toml:2: log.LEVEL: unknown key; did you mean log.level?"},
		{"nothing near", "colour = 1", "roots.toml:1: colour: unknown key"},
		{"many namesakes", "listen = 1", "roots.toml:1: listen: unknown key"},
		{"below the wrong header", "[push]\ndrain = \"5s\"", "roots.toml:2: push.drain: unknown key; did you mean drain?"},
		{"without its table", "messages = 5", "roots.toml:1: messages: unknown key; did you mean push.queue.messages?"},
		{"dotted", "# first\npush.holt = 1", "roots.toml:2: push.holt: unknown key; did you mean push.hold?"},
		{"quoted", "# first\n\"push.hold\" = 1", `roots.toml:2: "push.hold": unknown key; did you mean push.hold?`},
		{"odd", "# first\n\"a\\nb\" = 1", `roots.toml:2: "a\nb": unknown key`},
		{"empty", "[push]\n\"\" = 1", `roots.toml:2: push."": unknown key`},
		{"inline", "#\npush = {hold = \"5s\", holt = 1}", "roots.toml:2: push.holt: unknown key; did you mean push.hold?"},
		{"inline over lines", "push = {\n hold = \"5s\",\n queue = {\n  age = \"5s\",\n  bites = 1,\n }\n}",
			"roots.toml:5: push.queue.bites: unknown key; did you mean push.queue.bytes?"},
		{"after a multi-line string", "name = \"\"\"\nro\\\nots\"\"\"\nx = 1", "roots.toml:4: x: unknown key"},
		{"a multi-line string", "x = 1\nname = '''\na\nb'''\n",
			"roots.toml:1: x: unknown key\n" +
				`roots.toml:2: name: "a\nb" cannot begin an ID; use 1 to 32 letters, digits and underscores (A-Z a-z 0-9 _)`},
		{"carriage returns", "\r\n[push]\r\nholt = 1\r\n", "roots.toml:3: push.holt: unknown key; did you mean push.hold?"},

		{"unknown table", "[psh]\nhold = 1", "roots.toml:1: psh: unknown table; did you mean push?"},
		{"unknown inner table", "[push.queu]\nage = 1", "roots.toml:1: push.queu: unknown table; did you mean push.queue?"},
		{"outer table forgotten", "\n[queue]\nage = 1", "roots.toml:2: queue: unknown table; did you mean push.queue?"},
		{"header without its parent", "#\n[psh.queue]\nage = 1", "roots.toml:2: psh: unknown table; did you mean push?"},
		{"dotted table", "#\n\npsh.hold = 1\npsh.age = 1", "roots.toml:3: psh: unknown table; did you mean push?"},
		{"empty table", "[elsewhere]", "roots.toml:1: elsewhere: unknown table"},
		{"array of tables", "[[push]]\nhold = \"5s\"", "roots.toml:1: push: expected a table, got an array of tables"},
		{"value for a table", "push = 5", "roots.toml:1: push: expected a table, got an integer"},
		{"table for a value", "[push.hold]\nx = 1", `roots.toml:1: push.hold: expected a duration such as "25s", got a table`},

		{"string for an integer", "push.queue.messages = \"5\"", "roots.toml:1: push.queue.messages: expected an integer, got a string"},
		{"float for an integer", "limits.paths = 1.5", "roots.toml:1: limits.paths: expected an integer, got a float"},
		{"integer for a duration", "push.hold = 25", `roots.toml:1: push.hold: expected a duration such as "25s", got an integer`},
		{"boolean for a string", "name = true", "roots.toml:1: name: expected a string, got a boolean"},
		{"date for a size", "ingest.max_body = 2009-01-01", `roots.toml:1: ingest.max_body: expected a size such as "64KiB", got a date or time`},
		{"string for a list", "hosts = \"a\"", "roots.toml:1: hosts: expected an array of strings, got a string"},
		{"integer in a list", "hosts = [\"a\", 5]", "roots.toml:1: hosts: expected an array of strings, got an array with an integer in it"},
		{"list for a string", "name = [\"a\"]", "roots.toml:1: name: expected a string, got an array"},

		{"no unit", "drain = \"25\"", `roots.toml:1: drain: "25" has no unit; write "25s" for seconds`},
		{"no duration", "drain = \"soon\"", `roots.toml:1: drain: expected a duration such as "25s", "50ms" or "1m30s", got "soon"`},
		{"no size", "ingest.max_body = \"1 pound\"", `roots.toml:1: ingest.max_body: expected a size such as "64KiB", "1MiB" or 65536, got "1 pound"`},
		{"out of range", "\npush.hold = \"5ms\"", "roots.toml:2: push.hold: must be between 100ms and 10m, got 5ms"},
		{"negative", "drain = \"-5s\"", "roots.toml:1: drain: must be between 0s and 10m, got -5s"},
		{"negative size", "ingest.max_body = -1", "roots.toml:1: ingest.max_body: must be between 1KiB and 1GiB, got -1B"},

		{"relation, at the key that was set", "[ingest]\nmax_message = \"512KiB\"",
			"roots.toml:2: ingest.max_message: push.queue.bytes (256KiB) must be at least ingest.max_message (512KiB): a queue must hold one message"},
		{"nothing to serve", "ingest.listen = \"\"\nline.listen = \"\"\npush.listen = \"\"",
			"roots.toml:3: push.listen: must not be empty with ingest.listen, line.listen and line.http: nothing would be served"},
		{"no relation with what cannot be read", "[ingest]\nmax_body = \"big\"\nmax_message = \"2KiB\"\ntokens = 1\nlisten=\":1\"",
			`roots.toml:2: ingest.max_body: expected a size such as "64KiB", "1MiB" or 65536, got "big"` + "\n" +
				"roots.toml:4: ingest.tokens: expected an array of strings, got an integer"},
		{"everything at once, in order", "[push]\nhold = \"1h\"\nholt = 1\nopen = [\"a//b\", \"::connect\"]\n[limits]\npaths = 0",
			"roots.toml:2: push.hold: must be between 100ms and 10m, got 1h\n" +
				"roots.toml:3: push.holt: unknown key; did you mean push.hold?\n" +
				"roots.toml:4: push.open: \"a//b\": path has an empty segment\n" +
				"roots.toml:4: push.open: \"::connect\": paths that begin with \"::\" belong to the system and cannot be open\n" +
				"roots.toml:6: limits.paths: must be between 1 and 1000000, got 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLoader()
			l.readTOML("roots.toml", tt.file)
			if _, err := l.finish(); fmt.Sprint(err) != tt.want {
				t.Errorf("got\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

// TestConfigFileSyntax checks place and key of syntax errors; the rest of the text is the library's.
func TestConfigFileSyntax(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"no quotes", "[push]\n\nhold = 25s", "roots.toml:3: "},
		{"no quotes, the reason", "hold = 25s", "text stands in double quotes"},
		{"no value", "[push]\nhold =\nage = 1", "roots.toml:2: push.hold: "},
		{"no end", "name = \"roots", "roots.toml:1: name: "},
		{"no equals sign", "#\nname", "roots.toml:2: "},
		{"twice", "#\nname = \"a\"\nname = \"b\"", "roots.toml:3: name: "},
		{"open header", "#\n\n[push\n", "roots.toml:3: "},
		{"open array", "#\nhosts = [\n\"a\",\n", "roots.toml:"},
		{"not text", "\x00\x01", "roots.toml:1: "},
		{"not UTF-8", "#\nname = \"\xff\"", "roots.toml:2: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLoader()
			l.readTOML("roots.toml", tt.file)
			if _, err := l.finish(); !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestConfigFileHidesSecrets gives each mistake that one can make with a token.
func TestConfigFileHidesSecrets(t *testing.T) {
	for _, text := range []string{
		"[admin]\ntoken = hunter2",
		"[admin]\ntokn = hunter2",
		"[admin]\ntoken = 777hunter2",
		"admin = {token = hunter2}",
		"[admin]\ntoken = \"hunter2\ntoken",
		"[admin]\ntoken = \"hunter2 \"",
		"[admin]\ntoken = [\"hunter2\"]",
		"[ingest]\ntokens = [hunter2]",
		"[ingest]\ntokens = \"hunter2\"",
		"[ingest]\ntokens = [\"hunter2\", 5]",
		"[ingest]\ntokens = [\"hunter2,hunter2\"]",
		"[line]\ntoken = [\"hunter2\"]",
	} {
		l := newLoader()
		l.readTOML("roots.toml", text)
		if _, err := l.finish(); err == nil || strings.Contains(err.Error(), "unter") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	for _, number := range []string{"99999999999999999999", "01234567890123456789", "2009-99-99"} {
		l := newLoader()
		l.readTOML("roots.toml", "admin.token = "+number)
		if _, err := l.finish(); err == nil || strings.Contains(err.Error(), number) {
			t.Errorf("%s: got %v", number, err)
		}
	}
}

func TestConfigFileUnreadable(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.toml")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ file, want string }{
		{filepath.Join(dir, "none.toml"), "config: cannot read " + dir + "/none.toml: no such file or directory"},
		{dir, "config: cannot read " + dir + ": is a directory"},
		{big, "config: cannot read " + big + ": larger than 1MiB; is it a configuration file?"},
	}
	for _, tt := range tests {
		if _, _, err := LoadConfig(tt.file, nil, nil); fmt.Sprint(err) != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// problemsIn takes a joined error apart.
func problemsIn(err error) []error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	return joined.Unwrap()
}

// FuzzConfigFile: whatever a file holds, reading it ends with a valid configuration, or with problems each of which has
// a line of that file and a reason.
func FuzzConfigFile(f *testing.F) {
	for _, name := range []string{exampleFile, referencePage} {
		f.Add(contents(f, name))
		f.Add(keyLine.ReplaceAllString(contents(f, name), "$1"))
	}
	f.Add("[push]\n\nholt = 25s\npush = {a.b = [[{}]]}\n[[push.queue]]\n\"\" = 1\n")
	f.Add("push = {hold = 1}\n[psh.queue]\n\n[psh]\nx.y.z = '''\n'''\ningest.listen = ':1'")
	f.Fuzz(func(t *testing.T, text string) {
		l := newLoader()
		l.readTOML("roots.toml", text)
		config, err := l.finish()
		if err == nil {
			if err := config.Validate(); err != nil {
				t.Errorf("accepted, and not valid: %v", err)
			}
			return
		}
		problems := problemsIn(err)
		for _, p := range problems {
			var problem *ConfigError
			if !errors.As(p, &problem) || problem.File != "roots.toml" || problem.Reason == "" ||
				problem.Line < 1 || problem.Line > 1+strings.Count(text, "\n") {
				t.Errorf("%q: no line of the file, or no reason", p)
			}
		}
		if len(problems) == 0 {
			t.Errorf("%v: not a joined error", err)
		}
	})
}
