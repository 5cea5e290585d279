// Package tool runs the programs that measure and try rootsd.
package tool

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// ErrUsage is in the errors about a command line.
var ErrUsage = errors.New("usage")

// The statuses that programs exit with, beside 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Run has cmd do what args say, until it is done or the process is told to end. It says what went wrong on cmd's
// stderr, and returns the status to exit with: 0; 2 if the command line is wrong; 1 for any other error.
func Run(cmd *cobra.Command, args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", ErrUsage, err) })
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v; see --help\n", cmd.Name(), err)
		return exitUsage
	default:
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", cmd.Name(), err)
		return exitFailed
	}
}
