package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var how serving
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon",
		Long: `Serve runs the daemon until it is told to stop. Without a configuration it works
as it is: clients on :8008, back-ends on 127.0.0.1:8004, the line protocol on
127.0.0.1:8007, metrics and health on 127.0.0.1:8009.

SIGTERM and SIGINT stop it in good order: waiting polls are answered first, and
sessions are kept in state.file for the next start. A second one does not wait.
With --takeover, it takes the place of the rootsd that runs with the same
state.file: that one hands over its sockets and sessions and ends, and no
connection is refused meanwhile. SIGHUP reads the configuration again, takes what can
be changed, names what needs a restart, and reopens the log of updates.`,
		Example: `  rootsd serve
  rootsd serve --demo
  rootsd serve --config roots.toml
  rootsd serve --config roots.toml --takeover
  rootsd serve --push-listen :9000 --push-open 'public/**'`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*Config, error) { return configOf(cmd) }
			config, err := load()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), config, how, load)
		},
	}
	RegisterFlags(cmd.Flags())
	cmd.Flags().BoolVar(&how.demo, "demo", false, "serve a demo at /demo/ on the push port, and feed it")
	cmd.Flags().BoolVar(&how.takeover, "takeover", false, "take the place of the rootsd that runs with the same state.file")
	return cmd
}

// errInterrupted is returned when a second signal did not let the daemon stop in good order.
var errInterrupted = errors.New("stopped at once by a second signal")

// serving is what the command line alone says about a daemon.
type serving struct {
	demo     bool // serve it too
	takeover bool // take the place of the one that runs
}

// serve runs a daemon until a signal or another rootsd stops it; load reads the configuration again.
func serve(ctx context.Context, config *Config, how serving, load func() (*Config, error)) error {
	if ctx == nil {
		ctx = context.Background()
	}
	// Before the ports are open, so that a signal that comes with the first request is not lost.
	stops := make(chan os.Signal, 2)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(stops)
	reloads := make(chan os.Signal, 1) // one stands for all that have come
	signal.Notify(reloads, syscall.SIGHUP)
	defer signal.Stop(reloads)

	// A log that nobody reads any more is an error to report, not a reason to end.
	signal.Ignore(syscall.SIGPIPE)

	defer tendMemory()()
	level := new(slog.LevelVar)
	d := newDaemon(config, newLogger(os.Stderr, config.Log.Format, level), level)
	d.withDemo, d.takeover = how.demo, how.takeover
	if err := d.start(); err != nil {
		return err
	}
	for {
		select {
		case err := <-d.failed:
			return errors.Join(err, d.stop(stops))
		case <-ctx.Done():
			return d.stop(stops)
		case <-d.successor():
			d.log.Info("handing over", "to", d.handover.pid(), "within", d.config.Drain)
			d.tell(mainPID(d.handover.pid()))
			return d.stop(stops)
		case s := <-stops:
			d.log.Info("stopping", "signal", s.String(), "within", d.config.Drain)
			d.tell("STOPPING=1")
			return d.stop(stops)
		case <-reloads:
			d.tell("RELOADING=1", monotonicNow())
			d.reload(load)
			d.tell("READY=1")
		}
	}
}
