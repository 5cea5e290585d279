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
	var withDemo bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the daemon",
		Long: `Serve runs the daemon until it is told to stop. Without a configuration it works
as it is: clients on :8008, back-ends on 127.0.0.1:8004, the line protocol on
127.0.0.1:8007, metrics and health on 127.0.0.1:8009.

SIGTERM and SIGINT stop it in good order: waiting polls are answered first. A
second one stops it at once. SIGHUP reads the configuration again, takes what can
be changed, names what needs a restart, and reopens the log of updates.`,
		Example: `  rootsd serve
  rootsd serve --demo
  rootsd serve --config roots.toml
  rootsd serve --push-listen :9000 --push-open 'public/**'`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			load := func() (*Config, error) { return configOf(cmd) }
			config, err := load()
			if err != nil {
				return err
			}
			return serve(cmd.Context(), config, withDemo, load)
		},
	}
	RegisterFlags(cmd.Flags())
	cmd.Flags().BoolVar(&withDemo, "demo", false, "serve a demo at /demo/ on the push port, and feed it")
	return cmd
}

// errInterrupted is returned when a second signal did not let the daemon stop in good order.
var errInterrupted = errors.New("stopped at once by a second signal")

// serve runs a daemon until a signal stops it, with a demo if it is asked for; load reads the configuration again.
func serve(ctx context.Context, config *Config, withDemo bool, load func() (*Config, error)) error {
	if ctx == nil {
		ctx = context.Background()
	}
	// Before the ports are open, so that a signal that comes with the first request is not lost.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	// A log that nobody reads any more is an error to report, not a reason to end.
	signal.Ignore(syscall.SIGPIPE)

	defer tendMemory()()
	level := new(slog.LevelVar)
	d := newDaemon(config, newLogger(os.Stderr, config.Log.Format, level), level)
	d.withDemo = withDemo
	if err := d.start(); err != nil {
		return err
	}
	for {
		select {
		case err := <-d.failed:
			return errors.Join(err, d.stop(signals))
		case <-ctx.Done():
			return d.stop(signals)
		case s := <-signals:
			if s != syscall.SIGHUP {
				d.log.Info("stopping", "signal", s.String(), "within", d.config.Drain)
				return d.stop(signals)
			}
			d.reload(load)
		}
	}
}
