package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration and say what is wrong with it",
		Long: `Check reads the configuration just as serve does, from the file, the environment
and the flags, and names every problem: the line, the key, and the nearest right
name. A certificate in files is read as well. It opens no port and touches no
running daemon.`,
		Example: `  rootsd check --config roots.toml
  ROOTS_PUSH_HOLD=1m rootsd check --print`,
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := configOf(cmd)
			if err != nil {
				return err
			}
			if show, _ := cmd.Flags().GetBool("print"); show {
				return printConfig(cmd, config)
			}
			if err := checkCertificate(&config.Push); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "the configuration is good")
			return nil
		},
	}
	cmd.Flags().Bool("print", false, "print the whole configuration that results, without its secrets")
	RegisterFlags(cmd.Flags())
	return cmd
}

// checkCertificate reads the push port's certificate as serve would.
func checkCertificate(c *PushConfig) error {
	if c.Listen == "" || c.TLS.Cert == "" {
		return nil
	}
	_, err := readPair(c.TLS.Cert, c.TLS.Key)
	return err
}

// printConfig prints every key with its value, as a file could have it.
func printConfig(cmd *cobra.Command, config *Config) error {
	for _, s := range Settings() {
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s = %s\n", s.Key, tomlText(config.field(s))); err != nil {
			return err
		}
	}
	return nil
}
