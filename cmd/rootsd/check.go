package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/transport/line"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration and say what is wrong with it",
		Long: `Check reads the configuration just as serve does, from the file, the environment
and the flags, and names every problem: the line, the key, and the nearest right
name. It reads a certificate in files as well, and looks for the directory of
log.output. It opens no port and touches no running daemon.`,
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
			if err := checkFiles(cmd.ErrOrStderr(), config); err != nil {
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

// checkFiles looks at the files that a configuration names, as serve would, and writes warnings to w.
func checkFiles(w io.Writer, c *Config) error {
	return errors.Join(checkCertificate(w, &c.Push), checkOutput(c.Log.Output))
}

func checkCertificate(w io.Writer, c *PushConfig) error {
	if c.Listen == "" || c.TLS.Cert == "" {
		return nil
	}
	pair, err := readPair(c.TLS.Cert, c.TLS.Key)
	if err != nil {
		return err
	}
	if warning, key, at := untimely(pair.Leaf, time.Now()); warning != "" {
		fmt.Fprintf(w, "rootsd: warning: push.tls.cert: %s (%s %s %s)\n", warning, c.TLS.Cert, key, at.Format(time.RFC3339))
	}
	return nil
}

func checkOutput(output string) error {
	if output == "off" || output == "stdout" {
		return nil
	}
	return line.CheckFile(output)
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
