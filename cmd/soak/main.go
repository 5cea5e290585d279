//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/cmd/internal/tool"
)

func main() { os.Exit(tool.Run(newCommand(), os.Args[1:])) }

func newCommand() *cobra.Command {
	o := soakOptions{scale: 1}
	var minutes float64
	var figure, samples string
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Have clients come and go for long, and look whether rootsd bears it",
		Long: `Soak builds rootsd, runs it with a stated memory ceiling, and has clients come, listen
on all three transports, stall, leave, vanish, move and expire, while updates flow. It
fails if memory passes the ceiling, if a client is given an update twice, late or not
at all without a gap mark, or if anything is left behind when all have gone.`,
		Example: `  make soak MINUTES=30 CLIENTS=15000
  go run ./cmd/soak --minutes 3 --clients 2000 --plot soak.svg --csv soak.csv
  go run ./cmd/soak restart
  go run ./cmd/soak storm`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.length = time.Duration(minutes * float64(time.Minute))
			return soakAndReport(cmd.Context(), o, figure, samples)
		},
	}
	cmd.PersistentFlags().StringVar(&o.program, "rootsd", "", "a rootsd that is built already")
	cmd.Flags().IntVar(&o.clients, "clients", 15000, "how many clients; each takes a descriptor of either process")
	cmd.Flags().Float64Var(&minutes, "minutes", 30, "for how long they live, beside coming and going")
	cmd.Flags().StringVar(&figure, "plot", "", "file to draw memory, clients, goroutines, latency and queues in, as SVG")
	cmd.Flags().StringVar(&samples, "csv", "", "file to write what was measured to, as CSV")
	cmd.AddCommand(newRestartCommand(&o.program), newStormCommand(&o.program))
	return cmd
}

// soakAndReport runs a soak, prints what came of it, and writes the files that were asked for.
func soakAndReport(ctx context.Context, o soakOptions, figure, samples string) error {
	if o.clients < 1 || o.length <= 0 {
		return fmt.Errorf("%w: there must be at least one client, and some time", tool.ErrUsage)
	}
	bounds := soakBounds(o.clients)
	fmt.Printf("%d clients for %v; at the worst, rootsd takes\n", o.clients, o.length)
	if err := bounds.write(os.Stdout); err != nil {
		return err
	}
	screen := newScreen(os.Stderr)
	s, err := runSoak(ctx, o, screen)
	screen.clear()
	if s == nil {
		return err
	}
	return errors.Join(err, s.write(os.Stdout), save(figure, s.figure().write), save(samples, s.writeSamples), s.verdict())
}

// save has a file written; "" is none.
func save(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
