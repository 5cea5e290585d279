package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How long a server may take to listen, and to stop when it is asked to.
const (
	startTime = 10 * time.Second
	stopTime  = 3 * time.Second
)

// A process is a server that this program has started, with all that belongs to it, in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer // of the server; to be read when it has ended
	ended  chan struct{}
}

// startProcess starts a server on one core and returns as soon as it accepts connections at all the addresses.
func startProcess(ctx context.Context, core int, dir string, args []string, addresses ...string) (*process, error) {
	p := &process{cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := startOn(core, p.cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(args[0]), err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ends does not matter
		close(p.ended)
	}()
	for _, address := range addresses {
		if err := p.await(ctx, address); err != nil {
			p.stop()
			return nil, fmt.Errorf("start %s: %w\n%s", filepath.Base(args[0]), err, p.output.Bytes())
		}
	}
	return p, nil
}

// startOn starts a command from a thread that may run on one core alone, which the command inherits.
func startOn(core int, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &own); err != nil {
		return err
	}
	only := oneCore(core)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &own) }()
	return cmd.Start()
}

// await returns when the process listens at an address.
func (p *process) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.ended:
			return errors.New("it has ended")
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the process and its workers, and returns when they have.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTime):
	}
	_ = syscall.Kill(group, syscall.SIGKILL) // fails if nobody is left
	<-p.ended
}

// cpu returns what the process and its workers have used of the processor so far, in user space and in the kernel.
func (p *process) cpu() (time.Duration, error) {
	var total time.Duration
	for _, pid := range p.members() {
		used, err := processClock(pid)
		if err != nil {
			return 0, fmt.Errorf("CPU clock of process %d: %w", pid, err)
		}
		total += used
	}
	return total, nil
}

// processClock reads the clock that counts what all threads of a process use; see clock_getcpuclockid(3).
func processClock(pid int) (time.Duration, error) {
	const cpuClockSched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClockSched), &ts); err != nil {
		return 0, err
	}
	return time.Duration(ts.Nano()), nil
}

// resident returns the bytes that the process and its workers occupy; what they share counts once.
func (p *process) resident() (int64, error) {
	var total int64
	for _, pid := range p.members() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		size, err := proportional(string(text))
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		total += size
	}
	return total, nil
}

// proportional finds the line "Pss: 123 kB" in the text of smaps_rollup.
func proportional(text string) (int64, error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "Pss:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, errors.New("there is no Pss in smaps_rollup")
}

// members lists the process and its workers. A server may listen before it has any, so they are looked for each time.
func (p *process) members() []int {
	var pids []int
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if groupOf(string(text)) == p.cmd.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}

// groupOf finds the process group in the text of /proc/<pid>/stat: the third field after the name, which may hold
// anything, a closing parenthesis included.
func groupOf(stat string) int {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return 0
	}
	group, _ := strconv.Atoi(fields[2])
	return group
}

// twoCores returns the two cores to use, of those that this process may run on.
func twoCores() (server, generator int, err error) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return 0, 0, err
	}
	var cores []int
	for core := 0; len(cores) < 2 && core < len(allowed)*bits.UintSize; core++ {
		if allowed.IsSet(core) {
			cores = append(cores, core)
		}
	}
	if len(cores) < 2 {
		return 0, 0, errors.New("two cores are needed: one for the server, one for the load")
	}
	return cores[1], cores[0], nil
}

// pinSelf binds all threads of this program to one core; those that come later inherit it.
func pinSelf(core int) error {
	names, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	only := oneCore(core)
	for _, name := range names {
		thread, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(thread, &only); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("pin to core %d: %w", core, err)
		}
	}
	return nil
}

func oneCore(core int) (set unix.CPUSet) {
	set.Set(core)
	return set
}

// raiseFiles lets this program and the servers that it starts have as many descriptors as may be, and returns how many.
func raiseFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return int(limit.Cur), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
