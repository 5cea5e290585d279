package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// process is a program that a script runs beside itself.
type process struct {
	name     string
	cmd      *exec.Cmd
	out, err transcript
	done     chan struct{} // closed when it has ended
	finished bool          // the script has looked at how it ended
}

const daemonName = "daemon"

// launch starts a program in the script's directory and with its PATH. One that has ended may be started again.
func (s *stage) launch(ts *testscript.TestScript, name string, environ, args []string, files ...*os.File) (*process, error) {
	if before := s.processes[name]; before != nil && !before.finished {
		return nil, fmt.Errorf("%s was started before", name)
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.Command(path, args[1:]...), done: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	p.cmd.Env = environ
	for _, key := range []string{"PATH", "HOME", "GOCOVERDIR", "GORACE", "ROOTS_URL", "ROOTS_TOKEN", "XDG_STATE_HOME"} {
		if value := ts.Getenv(key); value != "" {
			p.cmd.Env = append(p.cmd.Env, key+"="+value)
		}
	}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = &p.out, &p.err, files
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	s.processes[name] = p
	go func() {
		_ = p.cmd.Wait() // its status is asked for later
		close(p.done)
	}()
	return p, nil
}

func (s *stage) start(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 2 {
		return nil, errUsage
	}
	_, err := s.launch(ts, args[0], nil, args[1:])
	return nil, err
}

// listeningLine is how the daemon says where its ports are.
var listeningLine = regexp.MustCompile(`msg=listening for=(\S+) url=(\S+)`)

// portVariables are what scripts call the ports.
var portVariables = map[string]string{
	"push.listen": "PUSH", "ingest.listen": "INGEST", "admin.listen": "ADMIN", "line.listen": "LINE", "line.http": "LINE_HTTP",
	"push.tls.http": "PUSH_HTTP",
}

func (s *stage) daemon(ts *testscript.TestScript, args []string) (*output, error) {
	environ := 0
	for environ < len(args) && !strings.HasPrefix(args[environ], "-") {
		environ++
	}
	program := append(serveArgs(ts), args[environ:]...)
	if n := ts.Getenv("DESCRIPTORS"); n != "" {
		program = append([]string{"sh", "-c", "ulimit -n " + n + ` && exec "$@"`, "sh"}, program...)
	}
	p, err := s.launch(ts, daemonName, args[:environ], program)
	if err != nil {
		return nil, err
	}
	return p.serves(ts)
}

// serveArgs run a rootsd on free ports. Flags that come later go before these.
func serveArgs(ts *testscript.TestScript) []string {
	return []string{"rootsd", "serve", "--drain=10s", "--push-listen=127.0.0.1:0", "--ingest-listen=127.0.0.1:0",
		"--line-listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--limits-lane=" + ts.Getenv("LANE")}
}

// serves waits until a daemon is ready, and notes where its ports are.
func (p *process) serves(ts *testscript.TestScript) (*output, error) {
	if err := p.waitFor(&p.err, "msg=ready"); err != nil {
		return &output{err: p.err.String()}, err
	}
	for _, found := range listeningLine.FindAllStringSubmatch(p.err.String(), -1) {
		ts.Setenv(portVariables[found[1]], strings.TrimPrefix(found[2], "tcp://"))
	}
	return nil, nil
}

func (s *stage) signal(_ *testscript.TestScript, args []string) (*output, error) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	if len(args) < 1 || len(args) > 2 || signals[args[0]] == nil {
		return nil, errUsage
	}
	p, err := s.one(args, 1)
	if err != nil {
		return nil, err
	}
	return nil, p.cmd.Process.Signal(signals[args[0]])
}

func (s *stage) waitLog(_ *testscript.TestScript, args []string) (*output, error) {
	return s.waitText(args, func(p *process) *transcript { return &p.err })
}

func (s *stage) waitOut(_ *testscript.TestScript, args []string) (*output, error) {
	return s.waitText(args, func(p *process) *transcript { return &p.out })
}

func (s *stage) waitText(args []string, of func(*process) *transcript) (*output, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errUsage
	}
	p, err := s.one(args, 1)
	if err != nil {
		return nil, err
	}
	err = p.waitFor(of(p), args[0])
	return &output{out: of(p).String()}, err
}

// probe makes sure that a rootsd tail or the like is there before anything is said that it must not miss.
func (s *stage) probe(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 2 {
		return nil, errUsage
	}
	p, err := s.one(args, 1)
	if err != nil {
		return nil, err
	}
	body := fmt.Sprintf(`{"path":%q,"message":"probe"}`, args[0])
	for end := time.Now().Add(patience); !strings.Contains(p.out.String(), args[0]); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return &output{err: p.err.String()}, errors.New("it has not printed the path in time")
		}
		if _, err := fetch(context.Background(), request{method: http.MethodPost, url: ts.Getenv("INGEST") + "/update", body: body}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (s *stage) finish(_ *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errUsage
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, errUsage
	}
	p, err := s.one(args, 1)
	if err != nil {
		return nil, err
	}
	if !p.ended() {
		return &output{out: p.out.String(), err: p.err.String()}, errors.New("it has not ended in time")
	}
	p.finished = true
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		err = fmt.Errorf("it has ended with status %d, not %d", got, want)
	}
	return &output{out: p.out.String(), err: p.err.String()}, err
}

// ended waits for the end of p.
func (p *process) ended() bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// clear ends p, and reports what must not have happened to it.
func (p *process) clear(t testing.TB) {
	if !p.finished {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if !p.ended() {
			t.Errorf("%s does not end at SIGTERM", p.name)
			_ = p.cmd.Process.Kill()
			<-p.done
		} else if !p.cmd.ProcessState.Success() && p.name == daemonName {
			t.Errorf("%s ended with %v", p.name, p.cmd.ProcessState)
		}
	}
	if log := p.err.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic") {
		t.Errorf("%s has a race or a panic in its log", p.name)
	}
	if t.Failed() {
		t.Logf("%s wrote:\n%s%s", p.name, p.out.String(), p.err.String())
	}
}

// waitFor waits until text has a line that matches pattern.
func (p *process) waitFor(text *transcript, pattern string) error {
	re, err := linePattern(pattern)
	if err != nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		so, changed := text.look()
		if re.MatchString(so) {
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return fmt.Errorf("%q was not written in time", pattern)
		case <-p.done:
			if re.MatchString(text.String()) {
				return nil
			}
			return fmt.Errorf("%s ended without writing %q", p.name, pattern)
		}
	}
}

// transcript is what a process has written.
type transcript struct {
	mu      sync.Mutex // guards the fields below
	text    strings.Builder
	changed chan struct{} // closed at the next write; nil while nobody waits
}

// Write implements io.Writer.
func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
	return t.text.Write(p)
}

func (t *transcript) String() string {
	text, _ := t.look()
	return text
}

// look returns the text so far, and a channel that is closed when there is more.
func (t *transcript) look() (text string, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.text.String(), t.changed
}

// hostOf returns the host and port of a URL or an address.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}
