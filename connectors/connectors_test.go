// Package connectors_test runs the connectors of all languages against the same servers and the same cases.
package connectors_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// vector is a case of docs/vectors/connector.json.
type vector struct {
	Name string `json:"name"`
	Why  string `json:"why"`
	Call struct {
		Method string         `json:"method"`
		Args   map[string]any `json:"args"`
	} `json:"call"`
	Request *struct {
		Method string          `json:"method"`
		Target string          `json:"target"`
		Body   json.RawMessage `json:"body"`
	} `json:"request"`
	Answer json.RawMessage `json:"answer"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Status int    `json:"status"`
		Reason string `json:"reason"`
		Entry  *int   `json:"entry"`
		Field  string `json:"field"`
	} `json:"error"`
	Log []string `json:"log"`
}

// vectors returns the cases, with id for $ID.
func vectors(t *testing.T, id string) []vector {
	t.Helper()
	text, err := os.ReadFile("../docs/vectors/connector.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		About string   `json:"about"`
		Cases []vector `json:"cases"`
	}
	decoder := json.NewDecoder(strings.NewReader(strings.ReplaceAll(string(text), "$ID", id)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Cases {
		for _, key := range []string{"path", "message"} {
			if text, ok := repeated(v.Call.Args[key]); ok {
				v.Call.Args[key] = text
			}
		}
	}
	return file.Cases
}

// repeated returns the string that [{"repeat": "a", "times": 3}] stands for.
func repeated(value any) (string, bool) {
	parts, _ := value.([]any)
	if len(parts) != 1 {
		return "", false
	}
	part, _ := parts[0].(map[string]any)
	text, ok := part["repeat"].(string)
	if !ok {
		return "", false
	}
	return strings.Repeat(text, int(part["times"].(float64))), true
}

func decode(t *testing.T, text []byte) (value any) {
	t.Helper()
	if len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, &value); err != nil {
		t.Errorf("%v in %q", err, text)
	}
	return value
}

func TestRequests(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		const id = "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17"
		answers := make(chan string, 1)
		server := record(t, func(conn net.Conn, _ request) bool { return answer(conn, http.StatusOK, <-answers) })
		d := l.start(t, server.url, "secret")
		ran := 0
		for _, v := range vectors(t, id) {
			if v.Request == nil {
				continue
			}
			answers <- string(v.Answer)
			o := d.call(v.Call.Method, v.Call.Args)
			o.ok(t)
			if v.Result != nil {
				wantMembers(t, v.Name, o.Result, decode(t, v.Result))
			}
			requests := server.seen()
			if len(requests) != ran+1 {
				t.Fatalf("%s: made %d requests, want 1", v.Name, len(requests)-ran)
			}
			wantRequest(t, v, requests[ran])
			ran++
		}
		for _, r := range server.seen() {
			if r.connection != 1 {
				t.Fatal("it opens a new connection though the old one is alive")
			}
		}
		t.Logf("vectors: connector %d", len(vectors(t, id)))
	})
}

func wantRequest(t *testing.T, v vector, got request) {
	t.Helper()
	if got.method != v.Request.Method || got.target != v.Request.Target {
		t.Errorf("%s: asks %s %s, want %s %s", v.Name, got.method, got.target, v.Request.Method, v.Request.Target)
	}
	if body, want := decode(t, got.body), decode(t, v.Request.Body); !reflect.DeepEqual(body, want) {
		t.Errorf("%s: sends %s, want %s", v.Name, got.body, v.Request.Body)
	}
	want := map[string]string{"Authorization": "Bearer secret"}
	if v.Request.Body != nil {
		want["Content-Type"] = "application/json"
	}
	for name, value := range want {
		if got.header.Get(name) != value {
			t.Errorf("%s: %s is %q, want %q", v.Name, name, got.header.Get(name), value)
		}
	}
	if agent := got.header.Get("User-Agent"); !strings.HasPrefix(agent, "rootsd-") {
		t.Errorf("%s: User-Agent is %q", v.Name, agent)
	}
}

// wantMembers checks that what a call returned has what it should have, at least.
func wantMembers(t *testing.T, name string, got, want any) {
	t.Helper()
	members, isObject := want.(map[string]any)
	have, hasObject := got.(map[string]any)
	if !isObject || !hasObject {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: returns %v, want %v", name, got, want)
		}
		return
	}
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if !reflect.DeepEqual(have[key], members[key]) {
			t.Errorf("%s: returns %v, of which %q should be %v", name, got, key, members[key])
		}
	}
}

func TestDaemon(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		daemon := serve(t)
		d := l.start(t, daemon.ingest, "")
		var want []string
		count := len(vectors(t, ""))
		for i := range count {
			id := openSession(t, daemon.push)
			v := vectors(t, id)[i]
			o := d.call(v.Call.Method, v.Call.Args)
			wantOutcome(t, v, o)
			want = append(want, v.Log...)
		}
		if got := daemon.lines(); !slices.Equal(got, want) {
			t.Errorf("the log of updates is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func wantOutcome(t *testing.T, v vector, o outcome) {
	t.Helper()
	if v.Error == nil {
		o.ok(t)
		if v.Result != nil {
			wantMembers(t, v.Name, o.Result, decode(t, v.Result))
		}
		return
	}
	if o.Error == nil {
		t.Errorf("%s: returns %v, want an error", v.Name, o.Result)
		return
	}
	got := *o.Error
	if got.Status != v.Error.Status || got.Reason != v.Error.Reason || got.Field != v.Error.Field && v.Error.Field != "" ||
		v.Error.Entry != nil && (got.Entry == nil || *got.Entry != *v.Error.Entry) {
		t.Errorf("%s: the error is %+v, want %+v", v.Name, got, *v.Error)
	}
	if got.Uncertain || got.Detail == "" || !strings.Contains(got.Text, got.Detail) || !strings.Contains(got.Text, v.Call.Method) && v.Call.Method != "updates" && v.Call.Method != "join" {
		t.Errorf("%s: the error does not say what is wrong: %+v", v.Name, got)
	}
}

// openSession returns the ID of a new client.
func openSession(t *testing.T, push string) string {
	t.Helper()
	response, err := http.Get(push + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var opened struct{ ReconnectWith string }
	if err := json.NewDecoder(response.Body).Decode(&opened); err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(opened.ReconnectWith, "/")
	return id
}

func TestToken(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		daemon := serve(t, "--ingest-tokens", "wFz1mV9dQb7Kx3Lr")
		l.start(t, daemon.ingest, "wFz1mV9dQb7Kx3Lr").update("a", 1).ok(t)
		for _, token := range []string{"", "hunter2hunter2"} {
			o := l.start(t, daemon.ingest, token).update("a", 2)
			o.want(t, "token", false)
			if o.Error != nil && (o.Error.Status != http.StatusUnauthorized || strings.Contains(o.Error.Text, "hunter2")) {
				t.Errorf("the error is %+v", *o.Error)
			}
		}
		if got := daemon.lines(); !slices.Equal(got, []string{"a; 1"}) {
			t.Errorf("the log of updates is %q", got)
		}
	})
}

// A hundred updates are one request.
func TestMany(t *testing.T) {
	eachLanguage(t, func(t *testing.T, l language) {
		daemon := serve(t)
		var updates []any
		var want []string
		for i := range 100 {
			updates = append(updates, map[string]any{"path": "a", "message": i})
			want = append(want, fmt.Sprint("a; ", i))
		}
		o := l.start(t, daemon.ingest, "").call("updates", map[string]any{"updates": updates})
		o.ok(t)
		wantMembers(t, "100 updates", o.Result, map[string]any{"accepted": 100.0})
		if got := daemon.lines(); !slices.Equal(got, want) {
			t.Errorf("the log of updates is %q", got)
		}
	})
}

// mostLines is how many lines of code a connector may have, as [countCode] counts them. Declarations of types are not
// among them: in Node and Ruby they stand in files of their own as well.
const mostLines = 149

func TestSize(t *testing.T) {
	for _, l := range languages {
		lines := 0
		for _, source := range l.sources {
			lines += countCode(t, source)
		}
		if lines > mostLines || lines < 50 {
			t.Errorf("%s has %d lines of code, want at most %d", l.name, lines, mostLines)
		}
		t.Logf("%s: %d lines of code", l.name, lines)
	}
}

var (
	nothing  = regexp.MustCompile(`^(end|[])}>,;]*)$`) // a line that only closes something
	imports  = regexp.MustCompile(`^(import|from|use|require|require_once|require_relative)\b`)
	comments = regexp.MustCompile(`^(//|#([ !]|$))`)
	opening  = map[string]string{`"""`: `"""`, "/*": "*/", "import (": ")"} // what goes over several lines, and its end
)

// countCode counts lines that are neither blank, nor a comment, nor a docstring's, nor an import, nor a lone bracket.
func countCode(t *testing.T, source string) (lines int) {
	t.Helper()
	text, err := os.ReadFile(source)
	if err != nil {
		t.Error(err)
	}
	until := "" // what ends something of several lines
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if until != "" {
			if strings.Contains(line, until) {
				until = ""
			}
			continue
		}
		until = begins(line)
		if until == "" && !nothing.MatchString(line) && !imports.MatchString(line) && !comments.MatchString(line) && !isBlock(line) {
			lines++
		}
	}
	return lines
}

// begins returns what ends the comment or import that begins at a line, "" where it ends there or none does.
func begins(line string) string {
	for start, end := range opening {
		if rest, ok := strings.CutPrefix(line, start); ok && !strings.Contains(rest, end) {
			return end
		}
	}
	return ""
}

// isBlock tells whether a line is a whole docstring or comment.
func isBlock(line string) bool {
	return strings.HasPrefix(line, `"""`) || strings.HasPrefix(line, "/*")
}

func TestCountCode(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	text := "import (\n\"os\"\n)\n# a\n\n// b\n/* c\nd */\n\"\"\" e \"\"\"\n\"\"\" f\n g \"\"\"\nx = 1 # one\n#[two]\n  }\nend\n});\nfrom a import b\nreturn 3\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := countCode(t, source); got != 3 {
		t.Errorf("counted %d lines, want 3", got)
	}
}
