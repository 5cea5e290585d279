package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// orderBody is what POST /connect and /disconnect take.
type orderBody struct {
	ID    string   `json:"id"`
	Paths []string `json:"paths"`
	For   string   `json:"for,omitempty"`
}

func newConnect() *cobra.Command {
	var term time.Duration
	cmd := &cobra.Command{
		Use:   "connect <id> <path>...",
		Short: "Connect a client to paths",
		Long: `Connect lets a client hear of what happens at paths, or at patterns: "*" stands for
one segment, "**" at the end for one or more. The client is told with a blank message
at each. Its ID is the first part of its token; a whole token will do.`,
		Example: `  rootsd connect roots-5sLnQ0cTz0VvJb1yX9w2Rk-17 orders/42
  rootsd connect --for 1h "$TOKEN" 'orders/*' news`,
		Args: args(2, -1, "an ID and at least one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTerm(cmd, "for", term); err != nil {
				return err
			}
			body := orderBody{ID: idOf(args[0]), Paths: args[1:]}
			if term > 0 {
				body.For = term.String()
			}
			return sendOrder(cmd, "/connect", body)
		},
	}
	cmd.Flags().DurationVar(&term, "for", 0, "how long the connection stands unless it is renewed (default: for ever)")
	addControlFlags(cmd)
	return cmd
}

func newDisconnect() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "disconnect <id> <path>...",
		Short:   "Disconnect a client from paths",
		Long:    `Disconnect undoes connect, for the very paths or patterns that were connected.`,
		Example: `  rootsd disconnect roots-5sLnQ0cTz0VvJb1yX9w2Rk-17 orders/42`,
		Args:    args(2, -1, "an ID and at least one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return sendOrder(cmd, "/disconnect", orderBody{ID: idOf(args[0]), Paths: args[1:]})
		},
	}
	addControlFlags(cmd)
	return cmd
}

func sendOrder(cmd *cobra.Command, path string, body orderBody) error {
	c, err := ingestControl(cmd)
	if err != nil {
		return err
	}
	_, err = c.do(http.MethodPost, path, body, 0)
	return err
}

// checkTerm refuses a time of 0 or less. Taken for one that was left out, it would mean the opposite: for ever.
func checkTerm(cmd *cobra.Command, flag string, d time.Duration) error {
	if cmd.Flags().Changed(flag) && d <= 0 {
		return usageError{fmt.Errorf("--%s must be above 0, such as 2s or 1h30m", flag)}
	}
	return nil
}
