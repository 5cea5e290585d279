package proxytest

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for a program.
const patience = 20 * time.Second

// A process is a program that runs beside a test.
type process struct {
	cmd   *exec.Cmd
	out   output
	ended chan struct{} // closed when it has ended
}

// run starts a program that ends with the test. What it writes is shown if the test has failed by then.
func run(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &p.out, &p.out, time.Second
	group(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is in what it wrote
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", cmd.Path, p.out.String())
		}
	})
	return p
}

// until waits for what a program does, and returns false if it ends before.
func (p *process) until(t testing.TB, done func() bool) bool {
	t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.ended:
			return false
		default:
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not ready in time", p.cmd.Path)
		}
	}
	return true
}

// stop returns when the program and its workers have ended.
func (p *process) stop() {
	stop(p.cmd)
	select {
	case <-p.ended:
	case <-time.After(2 * time.Second): // Caddy waits for its clients
	}
	kill(p.cmd)
	<-p.ended
}

// output is what a program has written so far.
type output struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
