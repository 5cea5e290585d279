// Rootsd is push for the web application you already have: back-ends tell it what happened and who may hear of it, and
// browsers that wait hear it at once. See "rootsd help" and the README.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// The statuses that the program exits with, beside 0.
const (
	exitFailed = 1 // what was asked for could not be done
	exitUsage  = 2 // what was asked for could not be understood
)

func main() { os.Exit(run(os.Args[1:])) }

// run does what the command line says and returns the status to exit with.
func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.Execute()
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "rootsd: %v\nrun 'rootsd help' or add --help to the command to see how it is used\n", err)
		return exitUsage
	default:
		fmt.Fprintf(os.Stderr, "rootsd: %v\n", err)
		return exitFailed
	}
}

// usageError is an error in the command line itself.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "rootsd",
		Short: "Push for the web application you already have",
		Long: `rootsd is push for the web application you already have.

Back-ends POST what happened (update) and who may hear of it (connect); browsers
wait, on a long-poll, an event stream or a WebSocket, and hear it at once. One process, no broker, no database.`,
		Example: `  rootsd serve                              # with the defaults; prints the URLs
  rootsd update orders/42 'it has shipped'   # tell whoever is connected to orders/42
  rootsd tail 'orders/**'                    # watch what goes by`,
		Args: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return unknownCommand(cmd, given[0])
			}
			return nil
		},
		RunE:                  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Version:               versionText(),
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableFlagsInUseLine: true,
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(unknownFlag)
	root.PersistentFlags().String("config", "", "configuration `file` (default: $ROOTS_CONFIG, or none)")
	_ = root.MarkPersistentFlagFilename("config", "toml")
	root.AddCommand(newServe(), newCheck(), newUpdate(), newConnect(), newDisconnect(), newTail(), newExplain(), newBench(), newDoctor(), newCompletion(), newVersion())
	root.SetHelpCommand(newHelp())
	return root
}

// args makes a command take so many arguments; others are a usage error that names what is missing.
func args(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) >= least && (len(given) <= most || most < 0) {
			return nil
		}
		return usageError{fmt.Errorf("%s takes %s, but was given %d", cmd.Name(), names, len(given))}
	}
}

// configOf loads the configuration that the command line names, and warns of what looks wrong. This is for serve and
// check, which alone have flags for its keys.
func configOf(cmd *cobra.Command) (*Config, error) {
	return loadBy(cmd, func(file string) (*Config, []string, error) {
		return LoadConfig(file, cmd.Flags(), os.Environ())
	})
}

// someOf loads these settings as configOf does all of them.
func someOf(cmd *cobra.Command, keys []string) (*Config, error) {
	return loadBy(cmd, func(file string) (*Config, []string, error) { return LoadSome(keys, file, os.Environ()) })
}

func loadBy(cmd *cobra.Command, load func(file string) (*Config, []string, error)) (*Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	config, warnings, err := load(file)
	for _, warning := range warnings {
		fmt.Fprintf(cmd.ErrOrStderr(), "rootsd: warning: %s\n", warning)
	}
	return config, err
}
