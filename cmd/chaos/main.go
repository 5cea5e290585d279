package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	seed, first uint64
	seeds       int
	parallel    int
	schedule    string
	print       bool
	planted     string
	binary      string
	race        bool
	shrink      time.Duration
	out         string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := command(ctx, os.Args[1:])
	stop()
	if err == nil {
		return
	}
	if !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	os.Exit(1)
}

func parseOptions(args []string, out io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("chaos", flag.ContinueOnError)
	f.SetOutput(out)
	f.Uint64Var(&o.seed, "seed", 0, "run this seed alone")
	f.Uint64Var(&o.first, "first", 1, "the first of several seeds")
	f.IntVar(&o.seeds, "seeds", 50, "how many seeds to run")
	f.IntVar(&o.parallel, "parallel", runtime.NumCPU(), "how many at a time, each with a daemon of its own")
	f.StringVar(&o.schedule, "schedule", "", "run the schedule in this file")
	f.BoolVar(&o.print, "print", false, "print the schedule of -seed, and do not run it")
	f.StringVar(&o.planted, "planted", "", "look for a planted fault, or for all")
	f.StringVar(&o.binary, "rootsd", "", "the rootsd to test; by default it is built")
	f.BoolVar(&o.race, "race", false, "build rootsd with the race detector")
	f.DurationVar(&o.shrink, "shrink", 2*time.Minute, "how long to look for a shorter schedule that fails")
	f.StringVar(&o.out, "out", ".", "the directory for schedules that fail")
	f.Usage = func() {
		fmt.Fprintln(f.Output(),
			"Chaos breaks what can break around a rootsd, and compares what clients saw with what is promised.\n"+
				"See \"go doc ./cmd/chaos\" for what it does and checks, and how schedules are written.")
		f.PrintDefaults()
	}
	err := f.Parse(args)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("there are flags alone, and %q is none", f.Arg(0))
	}
	return o, err
}

// command does what the command line says.
func command(ctx context.Context, args []string) error {
	o, err := parseOptions(args, os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		if o.binary, err = build(ctx, dir, o.race, o.planted != ""); err != nil {
			return err
		}
	}
	c := &campaign{options: o, keeps: takesOver(ctx, o.binary)}
	if o.planted != "" {
		return c.planted(ctx)
	}
	schedules, err := c.schedules()
	if err != nil {
		return err
	}
	if o.print {
		for _, s := range schedules {
			fmt.Print(s.Schedule)
		}
		return nil
	}
	return c.all(ctx, schedules)
}

// build builds rootsd in dir.
func build(ctx context.Context, dir string, race, planted bool) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("looking for the module: %w", err)
	}
	binary := filepath.Join(dir, "rootsd")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	if planted {
		args = append(args, "-tags", "planted")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/rootsd")...)
	cmd.Dir = strings.TrimSpace(string(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building rootsd: %w\n%s", err, out)
	}
	return binary, nil
}

// takesOver tells whether a rootsd keeps sessions over a restart, and takes over from another: both came together.
func takesOver(ctx context.Context, binary string) bool {
	help, err := exec.CommandContext(ctx, binary, "serve", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(help), "--takeover")
}
