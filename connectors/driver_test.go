package connectors_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// language is one in which there is a connector.
type language struct {
	name    string
	needs   string   // the program that runs it
	get     string   // where that comes from
	command []string // starts its driver
	sources []string // of the connector itself
}

var languages = []language{
	{"python", "python3", "apt-get install python3", []string{"python3", "python/test/driver.py"}, []string{"python/rootsd/__init__.py"}},
	{"ruby", "ruby", "apt-get install ruby", []string{"ruby", "ruby/test/driver.rb"}, []string{"ruby/lib/rootsd.rb"}},
	{"php", "php", "apt-get install php-cli", []string{"php", "php/test/driver.php"}, []string{"php/src/Connector.php", "php/src/Error.php"}},
	{"node", "node", "apt-get install nodejs", []string{"node", "node/test/driver.js"}, []string{"node/rootsd.js"}},
	{"go", "go", "https://go.dev/dl", nil, []string{"go/rootsd.go"}},
}

// eachLanguage runs a test in every language that the machine has.
func eachLanguage(t *testing.T, test func(t *testing.T, l language)) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(l.needs); err != nil {
				t.Skipf("%s is not installed; get it with: %s", l.needs, l.get)
			}
			test(t, l)
		})
	}
}

var buildGoDriver = sync.OnceValues(func() (string, error) {
	return build("driver", "./go/test/driver")
})

// build builds a program of this module into a directory that is there until the tests end.
func build(name, pkg string) (string, error) {
	bin := filepath.Join(binaries, name)
	out, err := exec.Command("go", "build", "-o", bin, pkg).CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out)
	}
	return bin, err
}

// driver is a program in one of the languages that makes calls as it is told.
type driver struct {
	t     testing.TB
	in    io.WriteCloser
	out   *bufio.Scanner
	err   output
	timer *time.Timer
}

// patience is how long a driver may take for all that it is told.
const patience = 5 * time.Minute

// start starts a driver whose connector talks to url, with a token if it is not "". args go to the program.
func (l language) start(t testing.TB, url, token string, args ...string) *driver {
	t.Helper()
	command := l.command
	if command == nil {
		bin, err := buildGoDriver()
		if err != nil {
			t.Fatal(err)
		}
		command = []string{bin}
	}
	d := &driver{t: t}
	cmd := exec.Command(command[0], append(command[1:], args...)...)
	cmd.Env = append(os.Environ(), "ROOTS_URL="+url, "ROOTS_TOKEN="+token, "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = &d.err
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewScanner(out)
	d.out.Buffer(nil, 1<<20)
	d.timer = time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
		d.timer.Stop()
		if d.err.String() != "" {
			t.Errorf("the driver has written to stderr:\n%s", d.err.String())
		}
	})
	return d
}

// failure is a connector's error.
type failure struct {
	Text      string `json:"text"`
	Status    int    `json:"status"`
	Reason    string `json:"reason"`
	Detail    string `json:"detail"`
	Entry     *int   `json:"entry"`
	Field     string `json:"field"`
	Uncertain bool   `json:"uncertain"`
}

// outcome is what came of a call.
type outcome struct {
	Result any      `json:"result"`
	Error  *failure `json:"error"`
}

// call has the driver make a call, and returns what came of it.
func (d *driver) call(method string, args any) outcome {
	d.t.Helper()
	line, err := json.Marshal(map[string]any{"method": method, "args": args})
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		d.t.Fatalf("the driver has ended: %v\n%s", err, d.err.String())
	}
	if !d.out.Scan() {
		d.t.Fatalf("the driver says nothing to %.200s: %v\n%s", line, d.out.Err(), d.err.String())
	}
	var o outcome
	if err := json.Unmarshal(d.out.Bytes(), &o); err != nil {
		d.t.Fatalf("the driver says %q: %v", d.out.Text(), err)
	}
	return o
}

// update makes the call that most tests make.
func (d *driver) update(path string, message any) outcome {
	d.t.Helper()
	return d.call("update", map[string]any{"path": path, "message": message})
}

// want fails the test unless an outcome is an error of that reason, and certain or not.
func (o outcome) want(t *testing.T, reason string, uncertain bool) {
	t.Helper()
	switch {
	case o.Error == nil:
		t.Errorf("it succeeds with %v, want the error %s", o.Result, reason)
	case o.Error.Reason != reason || o.Error.Uncertain != uncertain:
		t.Errorf("the error is %+v, want %s, uncertain: %v", *o.Error, reason, uncertain)
	}
}

// ok fails the test unless an outcome is a result.
func (o outcome) ok(t *testing.T) {
	t.Helper()
	if o.Error != nil {
		t.Errorf("it fails: %+v", *o.Error)
	}
}
