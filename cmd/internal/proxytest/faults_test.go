package proxytest

import (
	"slices"
	"strings"
	"testing"
)

// An effect is what a client sees of a fault: parts of the errors of its transports, "" where they work, and a part of
// the header of an answer.
type effect struct{ poll, events, socket, header string }

const late = "deadline exceeded"

// effects are what clients see of Faults.
var effects = map[string]effect{
	"nginx: no Upgrade":                {socket: "status: 200"},
	"nginx: HTTP/1.0":                  {socket: "status: 400"},
	"nginx: X-Accel-Buffering ignored": {events: late, socket: "status: 400"},
	"nginx: proxy_read_timeout":        {"held poll: status 504", "held stream: unexpected EOF", "held socket: EOF", ""},
	"nginx: gzip of streams":           {events: "Content-Encoding: gzip"},
	"nginx: add_header":                {header: "Access-Control-Allow-Origin: * *"},
	"nginx: Set-Cookie":                {header: "Set-Cookie: seen"},
	"nginx: no slash at the end":       {poll: "status 404"},
	"nginx: ingest's port":             {"status 405", "status 405", "status: 405", ""},
	"nginx: admin's port":              {"not an answer", "/connect: 404", "status: 200", ""},

	"caddy: buffer_responses":         {events: late, socket: "handshake"},
	"caddy: read_timeout":             {"held poll: status 504", "held stream: EOF", "held socket: EOF", ""},
	"caddy: encode of streams":        {events: "first event: context " + late},
	"caddy: header":                   {header: "Access-Control-Allow-Origin: * *"},
	"caddy: lb_policy cookie":         {header: "Set-Cookie: lb="},
	"caddy: handle":                   {poll: "status 404"},
	"caddy: ingest's port":            {"status 405", "status 405", "status: 405", ""},
	"haproxy: wait-for-body":          {events: late},
	"haproxy: timeout server":         {"held poll: status 504", "held stream: unexpected EOF", "", ""},
	"haproxy: timeout tunnel":         {socket: "held socket: EOF"},
	"haproxy: compression":            {events: `event "": `},
	"haproxy: add-header":             {header: "Access-Control-Allow-Origin: * *"},
	"haproxy: cookie":                 {header: "Set-Cookie: SERVER="},
	"haproxy: no replace-path":        {poll: "status 404"},
	"haproxy: ingest's port":          {"status 405", "status 405", "status: 405", ""},
	"apache: no upgrade":              {socket: "status: 200"},
	"apache: Timeout":                 {"held poll: status 502", "held stream: unexpected EOF", "held socket: EOF", ""},
	"apache: ProxyTimeout":            {"held poll: status 502", "held stream: unexpected EOF", "", ""},
	"apache: DEFLATE of all":          {events: "Content-Encoding: gzip"},
	"apache: Header add":              {header: "Access-Control-Allow-Origin: * *"},
	"apache: CookieTracking":          {header: "Set-Cookie: Apache="},
	"apache: ingest's port":           {"status 405", "status 405", "status: 405", ""},
	"apache: force-proxy-request-1.0": {socket: "status: 200"},
	"apache: /comet/ on both sides":   {poll: "status 404"},
}

func TestFaults(t *testing.T) {
	t.Parallel()
	daemon := Rootsd(t)
	for _, fault := range Faults {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, daemon, Start(t, fault.Program, daemon.Behind(fault.Config(t))), nil)
			failed := s.works(t)
			want := effects[fault.Name]
			wantError(t, "poll", failed["poll"], want.poll)
			wantError(t, "events", failed["events"], want.events)
			wantError(t, "socket", failed["socket"], want.socket)
			if got := s.header(t); !strings.Contains(got, want.header) {
				t.Errorf("got the header %q, want %q", got, want.header)
			}
		})
	}
}

// wantError compares an error with a part of it; "" stands for none.
func wantError(t *testing.T, transport string, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if (want == "") != (got == "") || !strings.Contains(got, want) {
		t.Errorf("%s: got the error %q, want %q", transport, got, want)
	}
}

// header returns the header of an answer, a field a line.
func (s *site) header(t *testing.T) string {
	t.Helper()
	response, err := s.client.Get(s.base)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	var fields []string
	for name, values := range response.Header {
		fields = append(fields, name+": "+strings.Join(values, " "))
	}
	slices.Sort(fields)
	return strings.Join(fields, "\n")
}

// TestEffects makes sure that each fault goes wrong in some way, and has a name of its own.
func TestEffects(t *testing.T) {
	seen := make(map[string]bool)
	for _, fault := range Faults {
		if effects[fault.Name] == (effect{}) {
			t.Errorf("%s: no client sees it", fault.Name)
		}
		seen[fault.Name] = true
	}
	if len(seen) != len(Faults) || len(seen) != len(effects) {
		t.Errorf("got %d names and %d effects of %d faults", len(seen), len(effects), len(Faults))
	}
}
