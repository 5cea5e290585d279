//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// daemon is where a rootsd of this trial is, or is to be. Its processes come and go.
type daemon struct {
	push, ingest, admin string // host:port
	dir                 string // for its state and its log
	program             string
	limit               int64             // GOMEMLIMIT, in bytes; 0 for none
	settings            map[string]string // flags of rootsd serve
	http                *http.Client
}

// newDaemon builds rootsd out of the tree, unless program names one that is built already, and finds addresses for it.
// End it with its close.
func newDaemon(ctx context.Context, program string) (d *daemon, err error) {
	// One connection, so that it is one descriptor of the daemon whenever they are counted.
	d = &daemon{program: program, settings: map[string]string{},
		http: &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 1}}}
	if d.dir, err = os.MkdirTemp("", "rootsd-soak-"); err != nil {
		return nil, err
	}
	if program == "" {
		if d.program, err = build(ctx, d.dir); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	for _, address := range []*string{&d.push, &d.ingest, &d.admin} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, d.close())
		}
		defer listener.Close()
		*address = listener.Addr().String()
	}
	return d, nil
}

// build builds the program, and returns its path.
func build(ctx context.Context, dir string) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	program := filepath.Join(dir, "rootsd")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/rootsd")
	cmd.Dir = filepath.Dir(strings.TrimSpace(string(mod)))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building rootsd: %w\n%s", err, out)
	}
	return program, nil
}

// close removes what the daemon has left on disk. No process of it may run any more.
func (d *daemon) close() error {
	d.http.CloseIdleConnections()
	return os.RemoveAll(d.dir)
}

// process is one rootsd.
type process struct {
	cmd     *exec.Cmd
	started time.Time
	ended   chan struct{} // closed when it has ended
	err     error         // of its end, then
	log     string        // its file
}

// start starts a process, with more flags, and returns when it serves. Listeners are given to it as systemd does it, with
// these names.
func (d *daemon) start(ctx context.Context, listeners map[string]net.Listener, more ...string) (*process, error) {
	p, err := d.launch(listeners, more...)
	if err != nil {
		return nil, err
	}
	if err := d.ready(ctx, p); err != nil {
		p.kill()
		text, _ := os.ReadFile(p.log) // what there is of it
		return nil, fmt.Errorf("starting rootsd: %w\n%s", err, text)
	}
	return p, nil
}

// launch starts a process, and does not wait for it.
func (d *daemon) launch(listeners map[string]net.Listener, more ...string) (*process, error) {
	cmd := exec.Command(d.program, append(d.flags(), more...)...)
	cmd.Env = append(os.Environ(), "GOTRACEBACK=all", "XDG_STATE_HOME="+d.dir)
	if d.limit > 0 {
		cmd.Env = append(cmd.Env, "GOMEMLIMIT="+strconv.FormatInt(d.limit, 10))
	}
	if len(listeners) > 0 {
		if err := hand(cmd, listeners); err != nil {
			return nil, err
		}
		defer closeAll(cmd.ExtraFiles)
	}
	log, err := os.CreateTemp(d.dir, "log-*.txt")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // an interrupt is for us alone
	p := &process{cmd: cmd, started: time.Now(), ended: make(chan struct{}), log: log.Name()}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// flags are those of rootsd serve.
func (d *daemon) flags() []string {
	args := []string{"serve", "--push-listen", d.push, "--ingest-listen", d.ingest, "--admin-listen", d.admin,
		"--line-listen", "", "--state-file", filepath.Join(d.dir, "rootsd.state")}
	for name, value := range d.settings {
		args = append(args, "--"+name, value)
	}
	return args
}

// hand gives listeners to a process, from descriptor 3 on, by a shell that knows the number which the process will have.
func hand(cmd *exec.Cmd, listeners map[string]net.Listener) error {
	var names []string
	for name, l := range listeners {
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
		names = append(names, name)
	}
	cmd.Env = append(cmd.Env, fmt.Sprintf("LISTEN_FDS=%d", len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	shell, err := exec.LookPath("sh")
	if err != nil {
		return err
	}
	cmd.Args = append([]string{shell, "-c", `export LISTEN_PID=$$; exec "$0" "$@"`}, cmd.Args...)
	cmd.Path = shell
	return nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		_ = file.Close() // the process has its own
	}
}

// ready returns when the daemon serves.
func (d *daemon) ready(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if _, err := d.get(ctx, d.admin, "/readyz"); err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// get asks for a page.
func (d *daemon) get(ctx context.Context, address, target string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+target, nil)
	if err != nil {
		return nil, err
	}
	response, err := d.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %.200s", target, response.Status, text)
	}
	return text, err
}

// stop asks the process to end.
func (p *process) stop() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// kill ends the process at once, and returns when it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// hasEnded tells whether it has.
func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// cpu is what the process has used of the processors, in user space and in the kernel. It has to run, or not to be waited
// for yet.
func (p *process) cpu() time.Duration {
	if p.hasEnded() {
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	}
	const cpuClockSched = 2 // see clock_getcpuclockid(3)
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.pid()<<3|cpuClockSched), &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// resident returns the memory that the process occupies, and the most that it ever has, in bytes.
func (p *process) resident() (now, most int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	return statusField(string(text), "VmRSS:"), statusField(string(text), "VmHWM:"), err
}

// statusField finds a line such as "VmRSS:   123 kB" and returns its bytes; 0 if there is none.
func statusField(text, name string) int64 {
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// files counts the descriptors of the process.
func (p *process) files() (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid()))
	return len(entries), err
}
