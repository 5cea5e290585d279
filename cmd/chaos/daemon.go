package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Daemon is one rootsd at fixed addresses, which is stopped and started again. Its methods are for one goroutine, but
// for addresses and Output.
type Daemon struct {
	binary  string
	args    []string
	env     []string
	push    string
	ingest  string
	line    string
	history *History
	secure  *tls.Config // for clients; nil: push is not over TLS
	process *process
	stops   atomic.Int64 // how often it has begun to end, and come up again: odd while it does

	mu     sync.Mutex // guards output
	output bytes.Buffer
}

// process is one process of it.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once ended
}

// newDaemon prepares a daemon in dir, at addresses of host that are free now.
func newDaemon(binary, dir, host string, schedule *Schedule, h *History) (*Daemon, error) {
	d := &Daemon{binary: binary, history: h}
	for _, address := range []*string{&d.push, &d.ingest, &d.line} {
		l, err := net.Listen("tcp", host+":0")
		if err != nil {
			return nil, err
		}
		defer l.Close()
		*address = l.Addr().String()
	}
	d.args = []string{
		"serve", "--push-listen", d.push, "--ingest-listen", d.ingest, "--line-listen", d.line, "--admin-listen", "",
		"--state-file", filepath.Join(dir, "rootsd.state"), "--log-level", "warn",
	}
	for _, setting := range schedule.Config {
		key, value, _ := strings.Cut(setting, "=")
		if key == settingTLS {
			continue
		}
		d.args = append(d.args, "--"+strings.NewReplacer(".", "-", "_", "-").Replace(key), value)
	}
	if schedule.setting(settingTLS) != "" {
		own, err := newIdentity(dir, host)
		if err != nil {
			return nil, err
		}
		d.secure = own.client
		d.args = append(d.args, "--push-tls-cert", own.cert, "--push-tls-key", own.key)
	}
	d.env = append(os.Environ(), "XDG_STATE_HOME="+dir, "GORACE=halt_on_error=0")
	return d, nil
}

// Write takes what the daemon says on stderr.
func (d *Daemon) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.Write(p)
}

// Output returns all that the daemon has said.
func (d *Daemon) Output() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output.String()
}

// patience is how long the daemon may take to come up, or to end.
const patience = 20 * time.Second

// start starts the daemon and waits until it answers.
func (d *Daemon) start(more ...string) error {
	p := &process{cmd: exec.Command(d.binary, append(d.args, more...)...), ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Env = d, d.env
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	old := d.process
	d.process = p
	if old != nil && len(more) > 0 {
		if err := old.wait(); err != nil {
			return fmt.Errorf("the daemon that was taken over: %w", err)
		}
	}
	return d.answers()
}

// answers waits until all ports take connections.
func (d *Daemon) answers() error {
	for _, address := range []string{d.push, d.ingest, d.line} {
		for end := time.Now().Add(patience); ; {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-d.process.ended:
				return fmt.Errorf("rootsd ended at its start: %w", d.process.err)
			case <-time.After(5 * time.Millisecond):
			}
			if time.Now().After(end) {
				return fmt.Errorf("rootsd does not answer: %w", err)
			}
		}
	}
	return nil
}

func (d *Daemon) signal(s os.Signal) { _ = d.process.cmd.Process.Signal(s) }

var errStuck = errors.New("it does not end")

// wait waits for a process to end well.
func (p *process) wait() error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errStuck
	}
}

// stop ends the daemon in peace.
func (d *Daemon) stop() error {
	d.signal(syscall.SIGTERM)
	return d.process.wait()
}

// obey does a step of the daemon's keeper. The error is fatal for the run.
func (d *Daemon) obey(s Step) error {
	d.history.fault(s.Verb)
	if s.Verb != "pause" {
		d.stops.Add(1)
		defer d.stops.Add(1)
		defer d.history.during(&d.history.Stops)()
	}
	switch s.Verb {
	case "pause":
		term, _ := time.ParseDuration(s.arg(0))
		d.signal(syscall.SIGSTOP)
		time.Sleep(term)
		d.signal(syscall.SIGCONT)
		return nil
	case "takeover":
		return d.start("--takeover")
	case "kill":
		defer d.history.during(&d.history.Lost)()
		d.signal(syscall.SIGKILL)
		<-d.process.ended
	case "restart":
		if d.history.Rules.Keeps {
			defer d.history.during(&d.history.Restarts)()
		} else {
			defer d.history.during(&d.history.Lost)()
		}
		if err := d.stop(); err != nil {
			return fmt.Errorf("rootsd did not end well: %w", err)
		}
	}
	time.Sleep(s.time("down"))
	return d.start()
}

// end kills what is left of the daemon.
func (d *Daemon) end() {
	if d.process == nil {
		return
	}
	d.signal(syscall.SIGCONT)
	_ = d.process.cmd.Process.Kill()
	<-d.process.ended
}
