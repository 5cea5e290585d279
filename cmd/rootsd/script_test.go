package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run the real program: "exec rootsd" starts this test binary again, which then is rootsd.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rootsd": main})
}

// TestScripts runs testdata/script/*.txtar: one behaviour a file, shown by the real program in a process of its own, with
// event loops and without. What the scripts can say beside testscript's own commands stands at [commands].
func TestScripts(t *testing.T) {
	for _, lane := range []string{"loops", "http"} {
		t.Run(lane, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: "testdata/script",
				Setup: func(env *testscript.Env) error {
					env.Setenv("LANE", lane)
					return setStage(env)
				},
				Cmds:                scriptCommands(),
				RequireExplicitExec: true,
				RequireUniqueNames:  true,
			})
		})
	}
}

// Every script begins by saying what it shows, so that ls and head are its table of contents.
func TestScriptsSayWhatTheyShow(t *testing.T) {
	names, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d scripts, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if first, _, _ := strings.Cut(string(text), "\n"); !strings.HasPrefix(first, "# ") {
			t.Errorf("%s begins with %q, not with a comment", name, first)
		}
	}
}

// patience is how long a script waits for anything. What it waits for comes much sooner, or never.
const patience = 30 * time.Second

// commands are what the scripts are written in, beside what "go doc testscript" lists. Texts may hold the escapes of Go's
// strings; what a command prints is for stdout and stderr to look at, as after exec.
var commands = map[string]command{
	// Processes. A NAME that is left out means the daemon.
	"daemon":  {(*stage).daemon, "[KEY=VALUE]... [FLAG]...: run rootsd serve, with so many DESCRIPTORS; sets PUSH INGEST LINE LINE_HTTP ADMIN"},
	"start":   {(*stage).start, "NAME PROGRAM [ARG]...: run a program in the background"},
	"signal":  {(*stage).signal, "TERM|INT|HUP|KILL [NAME]: send a signal"},
	"waitlog": {(*stage).waitLog, "PATTERN [NAME]: wait for a line on standard error"},
	"waitout": {(*stage).waitOut, "PATTERN [NAME]: wait for a line on standard output"},
	"probe":   {(*stage).probe, "PATH NAME: send updates at PATH until NAME has printed one, so that it is there"},
	"finish":  {(*stage).finish, "STATUS [NAME]: wait for the end, which is -1 by a signal; prints all output"},

	// Restarts. What is finished may be started again.
	"takeover": {(*stage).takeOver, "NAME [FLAG]...: run rootsd serve --takeover, as daemon does"},
	"activate": {(*stage).activate, "[SOCKET]... [FLAG]...: run the daemon with listening sockets that stay open for the next time"},
	"occupy":   {(*stage).occupy, "NAME: listen on a free address, which NAME is set to"},
	"tamper":   {(*stage).tamper, "FILE cut|flip|KEY=VALUE: cut a state file off, flip a bit, or change its header"},
	"crowd":    {(*stage).crowd, "URL: have clients come by a new connection each, until calm"},
	"calm":     {(*stage).calm, ": end all crowds; prints how many were answered, and how many were not"},

	// HTTP. Prints the body, and on stderr the status and the header.
	"http":    {(*stage).http, "STATUS METHOD URL [-H 'KEY: VALUE']... [-d TEXT | -f FILE]: one request, which must have this status"},
	"metrics": {(*stage).metrics, ": print /metrics as its own parser understands it, one sample a line"},
	"body":    {(*stage).body, "TEXT: the last output was exactly this"},
	"repeat":  {(*stage).repeat, "COUNT TEXT FILE: write TEXT so often; {n} is its number, {pad} 60,000 letters"},

	// Clients, by name. Sets NAME to the ID and NAME_token to the token.
	"open":   {(*stage).open, "NAME [QUERY]: open a session; prints the answer"},
	"poll":   {(*stage).poll, "NAME: come back with the last token; prints the answer"},
	"park":   {(*stage).park, "NAME [LABEL]: poll in the background, and wait until the daemon says that it is parked"},
	"answer": {(*stage).answer, "STATUS LABEL: wait for the answer of a parked poll; prints it"},
	"hangup": {(*stage).hangUp, "NAME [LABEL]: close the connection of a parked poll, and wait until the daemon has noticed"},
	"stall":  {(*stage).stall, "NAME: come back with the last token, and never read the answer"},

	// Certificates, for localhost, 127.0.0.1 and other names. Who trusts FILE.pem trusts it.
	"certificate": {(*stage).certificate, "[-expired] FILE [NAME]...: write FILE.pem and FILE.key"},

	// Bytes.
	"send": {(*stage).send, "[-open] ADDRESS TEXT: send it, end (unless -open), and print what comes back until the other side closes"},
	"dial": {(*stage).dial, "NAME ADDRESS: open a connection and leave it open"},
	"say":  {(*stage).say, "NAME TEXT [PATTERN]: send it on such a connection, and print what comes back until PATTERN is there or the other side closes"},
}

// command is something that a script can say.
type command struct {
	do   func(s *stage, ts *testscript.TestScript, args []string) (*output, error)
	help string
}

// output is what a command prints. One that prints nothing leaves what stdout and stderr look at as it was.
type output struct{ out, err string }

// scriptCommands gives testscript the commands, and until, which repeats one of them.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	all := map[string]func(*testscript.TestScript, bool, []string){"until": until}
	for name, c := range commands {
		all[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			if neg {
				ts.Fatalf("%s cannot be expected to fail", name)
			}
			printed, err := c.do(stageOf(ts), ts, args)
			printed.show(ts)
			if errors.Is(err, errUsage) {
				ts.Fatalf("usage: %s %s", name, c.help)
			}
			if err != nil {
				ts.Fatalf("%s: %v", name, err)
			}
		}
	}
	return all
}

// until is "until PATTERN COMMAND [ARG]...": it repeats a command until that succeeds and its output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || commands[args[1]].do == nil {
		ts.Fatalf("usage: until PATTERN COMMAND [ARG]...")
	}
	pattern, err := linePattern(args[0])
	ts.Check(err)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		printed, err := commands[args[1]].do(stageOf(ts), ts, args[2:])
		if err == nil && printed != nil && pattern.MatchString(printed.out) {
			printed.show(ts)
			return
		}
		if time.Now().After(end) {
			printed.show(ts)
			ts.Fatalf("until %q: not in time (%v)", pattern, err)
		}
	}
}

// linePattern reads a pattern as testscript does: ^ and $ are the ends of any line.
func linePattern(text string) (*regexp.Regexp, error) { return regexp.Compile("(?m)" + text) }

func (o *output) show(ts *testscript.TestScript) {
	if o == nil {
		return
	}
	fmt.Fprint(ts.Stdout(), o.out)
	fmt.Fprint(ts.Stderr(), o.err)
}

// errUsage is the error of a command that was given the wrong arguments.
var errUsage = errors.New("wrong arguments")

// unquote reads the escapes of Go's strings, such as \r and \x00. Quotation marks stand for themselves.
func unquote(text string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
}

// stage is what one script has made.
type stage struct {
	t         testing.TB
	processes map[string]*process
	parked    map[string]*parkedPoll
	conns     map[string]net.Conn
	sockets   map[string]net.Listener
	crowds    []*crowd
}

type stageKey struct{}

// setStage prepares the script's stage, and clears it in the end.
func setStage(env *testscript.Env) error {
	s := &stage{
		t:         env.T().(testing.TB),
		processes: make(map[string]*process),
		parked:    make(map[string]*parkedPoll),
		conns:     make(map[string]net.Conn),
		sockets:   make(map[string]net.Listener),
	}
	env.Values[stageKey{}] = s
	env.Setenv("GOCOVERDIR", os.Getenv("GOCOVERDIR"))
	env.Setenv("GORACE", "atexit_sleep_ms=0") // a second for each program, by default
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state-home"))
	env.Defer(s.clear)
	return nil
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// clear ends what the script left running. A daemon must end well even then: the clients that still wait are answered.
func (s *stage) clear() {
	for _, conn := range s.conns {
		conn.Close()
	}
	for _, p := range s.processes {
		p.clear(s.t)
	}
	for _, p := range s.parked {
		p.cancel()
		<-p.done
	}
	for _, c := range s.crowds {
		c.end()
	}
	for _, l := range s.sockets {
		l.Close()
	}
}

// one returns the process named by the argument at i, or the daemon where there is none.
func (s *stage) one(args []string, i int) (*process, error) {
	name := daemonName
	if i < len(args) {
		name = args[i]
	}
	p := s.processes[name]
	if p == nil {
		return nil, fmt.Errorf("nothing named %s was started", name)
	}
	return p, nil
}
