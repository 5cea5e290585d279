package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestValidate gives a change of the defaults, as a file, and what is said about it; nothing if it is right.
func TestValidate(t *testing.T) {
	const exposed = `can be reached from other machines and`
	tests := []struct{ key, value, want string }{
		{"name", `"a_B9"`, ""},
		{"name", `""`, "cannot begin an ID"},
		{"name", `"a-b"`, "cannot begin an ID"},
		{"name", `"a\n"`, "cannot begin an ID"},
		{"name", `"` + strings.Repeat("a", 32) + `"`, ""},
		{"name", `"` + strings.Repeat("a", 33) + `"`, "1 to 32 letters"},

		{"hosts", `["roots.internal", "10.0.0.5", "::1", "[::1]", "my_host"]`, ""},
		{"hosts", `["roots:8004"]`, "without scheme, port and path"},
		{"hosts", `["http://roots"]`, "without scheme, port and path"},
		{"hosts", `["*"]`, "not a host's name"},
		{"hosts", `["-a"]`, "not a host's name"},
		{"hosts", `[""]`, "not a host's name"},

		{"push.listen", `""`, ""},
		{"push.listen", `":0"`, ""},
		{"push.listen", `"[::]:8008"`, ""},
		{"push.listen", `"roots.internal:8008"`, ""},
		{"push.listen", `"8008"`, `"8008" is not host:port`},
		{"push.listen", `"::1:8008"`, "is not host:port"},
		{"push.listen", `":65536"`, "between 0 and 65535"},
		{"push.listen", `":-1"`, "between 0 and 65535"},
		{"push.listen", `":http"`, "between 0 and 65535"},
		{"push.listen", `"a b:1"`, "neither an IP address nor a host's name"},

		{"push.prefix", `"/comet/"`, ""},
		{"push.prefix", `"/a/b.c/"`, ""},
		{"push.prefix", `"comet/"`, "is not a prefix"},
		{"push.prefix", `"/comet"`, "is not a prefix"},
		{"push.prefix", `"/"`, "leave it empty"},
		{"push.prefix", `"//"`, "is not a prefix"},
		{"push.prefix", `"/a//b/"`, "is not a prefix"},
		{"push.prefix", `"/a/../"`, "is not a prefix"},
		{"push.prefix", `"/a?b/"`, "is not a prefix"},

		{"push.origins", `[]`, ""},
		{"push.origins", `["*", "https://a.example", "http://localhost:3000", "https://*.a.example", "capacitor://localhost"]`, ""},
		{"push.origins", `["http://[::1]:3000", "http://10.0.0.1"]`, ""},
		{"push.origins", `["a.example"]`, "is not an origin"},
		{"push.origins", `["https://"]`, "is not an origin"},
		{"push.origins", `["https://a.example/"]`, "is not an origin"},
		{"push.origins", `["https://u@a.example"]`, "is not an origin"},
		{"push.origins", `["https://a.example?x"]`, "is not an origin"},
		{"push.origins", `["https://a.*.example"]`, "is not an origin"},
		{"push.origins", `["https://*"]`, "is not an origin"},
		{"push.origins", `["https://a.example:0"]`, "is not an origin"},
		{"push.origins", `["https://a.example:99999"]`, "is not an origin"},
		{"push.origins", `["null", ""]`, "is not an origin"},
		{"push.origins", `["https://A.example"]`, `write "https://a.example"`},
		{"push.origins", `["HTTPS://A.example:443"]`, `write "https://a.example"`},
		{"push.origins", `["http://a.example:80"]`, `write "http://a.example"`},
		{"push.origins", `["http://a.example:443"]`, ""},
		{"push.origins", `["http://a.example:"]`, `write "http://a.example"`},

		{"push.open", `["public/**", "news/*", "one"]`, ""},
		{"push.open", `["/::connect"]`, "belong to the system"},
		{"push.open", `["**/a"]`, `before its last segment`},
		{"push.open", `[""]`, "path is empty"},

		{"push.tls", `{cert = "a.pem", key = "a.key"}`, ""},
		{"push.tls", `{cert = "a.pem", key = "a.key", http = ":80"}`, ""},
		{"push.tls.cert", `"a.pem"`, "push.tls.cert: push.tls.cert and push.tls.key belong together"},
		{"push.tls.key", `"a.key"`, "push.tls.key: push.tls.cert and push.tls.key belong together"},
		{"push.tls", `{cert = "a.pem", key = "a.key", domains = ["a.example"], cache = "c"}`, "exclude each other"},
		{"push.tls", `{domains = ["a.example", "xn--bcher-kva.example", "b-1.a.example"], cache = "c", http = ":80"}`, ""},
		{"push.tls.domains", `["a.example"]`, "push.tls.cache must name a directory"},
		{"push.tls.domains", `["*.a.example"]`, "is not a domain to get a certificate for"},
		{"push.tls.domains", `["A.example"]`, "is not a domain to get a certificate for"},
		{"push.tls.domains", `["a.example:443"]`, "is not a domain to get a certificate for"},
		{"push.tls.domains", `["localhost"]`, "is not a domain to get a certificate for"},
		{"push.tls.domains", `["10.0.0.1"]`, "is not a domain to get a certificate for"},
		{"push.tls.domains", `["a.example."]`, "is not a domain to get a certificate for"},
		{"push.tls.domains", `["bücher.example"]`, "is not a domain to get a certificate for"},
		{"push.tls.email", `"admin@a.example"`, ""},
		{"push.tls.email", `"Admin <admin@a.example>"`, "is not an e-mail address"},
		{"push.tls.email", `"admin"`, "is not an e-mail address"},
		{"push.tls.acme", `"https://ca.internal/acme/acme/directory"`, ""},
		{"push.tls.acme", `"http://127.0.0.1:14000/dir"`, ""},
		{"push.tls.acme", `"http://ca.internal/directory"`, "is not the directory of an ACME server"},
		{"push.tls.acme", `"letsencrypt"`, "is not the directory of an ACME server"},
		{"push.tls.http", `":80"`, "it sends clients to https, which is not there"},
		{"push.tls", `{cert = "a", key = "b", http = "80"}`, "push.tls.http: \"80\" is not host:port"},
		{"push.tls", `{cert = "a", key = "b", http = ":8008"}`, "push.listen and push.tls.http cannot both listen on :8008"},

		{"push.resume", `0`, ""},
		{"push.resume", `-1`, "must be between 0 and 1000000, got -1"},
		{"limits.loops", `257`, "must be between 0 and 256, got 257"},
		{"limits.lane", `"http"`, ""},
		{"limits.lane", `"fast"`, `"fast" is not one of loops, http`},

		{"push.expire", `"999ms"`, "must be between 1s and 24h, got 999ms"},
		{"push.queue.bytes", `"63KiB"`, "push.queue.bytes (63KiB) must be at least ingest.max_message (64KiB)"},
		{"push.queue.bytes", `"64KiB"`, ""},
		{"ingest.max_body", `"63KiB"`, "ingest.max_body (63KiB) must be at least ingest.max_message (64KiB)"},
		{"ingest.max_body", `"64KiB"`, ""},

		{"ingest.listen", `"localhost:8004"`, ""},
		{"ingest.listen", `"127.1.2.3:8004"`, ""},
		{"ingest.listen", `"[::1]:8004"`, ""},
		{"ingest.listen", `"[::ffff:127.0.0.1]:8004"`, ""},
		{"ingest.listen", `":8004"`, `":8004" ` + exposed + ` ingest.tokens is empty; set it, or ROOTS_INGEST_TOKENS in the environment, or listen on a loopback address such as 127.0.0.1:8004`},
		{"ingest.listen", `"0.0.0.0:8004"`, exposed + " ingest.tokens"},
		{"ingest.listen", `"[::]:8004"`, exposed + " ingest.tokens"},
		{"ingest.listen", `"roots:8004"`, exposed + " ingest.tokens"},
		{"line.listen", `":8007"`, exposed + " line.tokens"},
		{"line.http", `":8003"`, exposed + " line.tokens"},
		{"admin.listen", `":8009"`, exposed + " admin.token"},
		{"ingest", `{listen = ":8004", tokens = ["a"]}`, ""},
		{"line", `{listen = ":8007", http = ":8003", tokens = ["a"]}`, ""},
		{"admin", `{listen = ":8009", token = "a"}`, ""},

		{"ingest.listen", `"127.0.0.1:8007"`, "ingest.listen and line.listen cannot both listen on 127.0.0.1:8007"},
		{"push.listen", `":8004"`, "push.listen and ingest.listen cannot both listen on 127.0.0.1:8004"},
		{"push.listen", `"localhost:8009"`, "push.listen and admin.listen cannot both listen on 127.0.0.1:8009"},
		{"push.listen", `"10.0.0.1:8004"`, ""},
		{"push.listen", `"roots:08004"`, ""},
		{"line", `{listen = "127.0.0.1:0", http = "127.0.0.1:0"}`, ""},

		{"line.tokens", `["a b"]`, "must not hold white space"},
		{"line.tokens", `["a\u00a0b"]`, "must not hold white space"},
		{"line.tokens", `["a\u0007"]`, "must not hold white space"},
		{"line.tokens", `["a", ""]`, "must not be empty"},
		{"admin.token", `""`, ""},
		{"admin.token", `" "`, "must not hold white space"},

		{"log.output", `"/var/log/roots.log"`, ""},
		{"log.output", `"stdout"`, ""},
		{"log.output", `""`, "not a place to write to"},
		{"log.output", `"stderr"`, "carries the daemon's own messages"},
		{"log.format", `"xml"`, `"xml" is not one of text, json`},
		{"log.level", `"INFO"`, `"INFO" is not one of debug, info, warn, error`},
	}
	for _, tt := range tests {
		l := newLoader()
		l.readTOML("roots.toml", tt.key+" = "+tt.value)
		_, err := l.finish()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s = %s: got %v, want %q", tt.key, tt.value, err, tt.want)
		}
	}
}

func TestValidateByHand(t *testing.T) {
	config := DefaultConfig()
	config.Name = ""
	config.Push.Queue.Messages = 0
	want := "push.queue.messages: must be between 1 and 1000000, got 0\n" +
		`name: "" cannot begin an ID; use 1 to 32 letters, digits and underscores (A-Z a-z 0-9 _)`
	if err := config.Validate(); fmt.Sprint(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// TestValidateSaysAll: a size may be too large for several others.
func TestValidateSaysAll(t *testing.T) {
	config := DefaultConfig()
	config.Ingest.MaxMessage = 2 << 20
	config.Push.Queue.Bytes, config.Push.Queue.Total = 1536<<10, 1<<20
	want := "ingest.max_body: ingest.max_body (1MiB) must be at least ingest.max_message (2MiB): a body holds whole messages\n" +
		"push.queue.bytes: push.queue.bytes (1536KiB) must be at least ingest.max_message (2MiB): a queue must hold one message\n" +
		"push.queue.total: push.queue.total (1MiB) must be at least push.queue.bytes (1536KiB): all queues together must hold one"
	if err := config.Validate(); fmt.Sprint(err) != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestOverlap(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{":1", ":1", true},
		{":1", ":2", false},
		{":0", ":0", false},
		{":1", "10.0.0.1:1", true},
		{"0.0.0.0:1", "[::]:1", true},
		{"localhost:1", "127.0.0.1:01", true},
		{"127.0.0.1:1", "[::ffff:127.0.0.1]:1", true},
		{"127.0.0.1:1", "[::1]:1", false},
		{"a:1", "A:1", true},
		{"a:1", "b:1", false},
		{"a:1", "10.0.0.1:1", false},
		{"a:1", ":1", true},
		{"", ":1", false},
	}
	for _, tt := range tests {
		if overlap(tt.a, tt.b) != tt.want || overlap(tt.b, tt.a) != tt.want {
			t.Errorf("overlap(%q, %q) is not %v", tt.a, tt.b, tt.want)
		}
	}
}
