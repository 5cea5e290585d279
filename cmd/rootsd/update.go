package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/dispatch"
)

// updateBody is what POST /update takes.
type updateBody struct {
	Path    string          `json:"path"`
	Message json.RawMessage `json:"message"`
	Latest  bool            `json:"latest,omitempty"`
	Except  string          `json:"except,omitempty"`
	Wait    string          `json:"wait,omitempty"`
}

func newUpdate() *cobra.Command {
	var isJSON, latest bool
	var except string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "update <path> [message]",
		Short: "Tell whoever is connected to a path",
		Long: `Update sends a message to everyone who is connected to a path. The message is a
text, or any JSON value with --json; "-" reads it from standard input, without the
newline at its end. Without a message the update is blank, which tells clients to load
their view of the path afresh.`,
		Example: `  rootsd update orders/42 'it has shipped'
  rootsd update --json orders/42 '{"state":"shipped"}'
  rootsd update --wait 2s orders/42 hello    # and say who has got it`,
		Args: args(1, 2, "a path and at most one message"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTerm(cmd, "wait", wait); err != nil {
				return err
			}
			if !utf8.ValidString(args[0]) {
				return usageError{errors.New("the path is not UTF-8")}
			}
			message, err := messageOf(cmd, args[1:], isJSON)
			if err != nil {
				return err
			}
			body := updateBody{Path: args[0], Message: message, Latest: latest, Except: idOf(except)}
			if wait > 0 {
				body.Wait = wait.String()
			}
			c, err := ingestControl(cmd)
			if err != nil {
				return err
			}
			answer, err := c.do(http.MethodPost, "/update", body, wait)
			if err != nil || wait == 0 {
				return err
			}
			return printReceipt(cmd.OutOrStdout(), answer)
		},
	}
	cmd.Flags().BoolVar(&isJSON, "json", false, "the message is JSON")
	cmd.Flags().BoolVar(&latest, "latest", false, "take the place of an earlier --latest update that a client has not been sent yet")
	cmd.Flags().StringVar(&except, "except", "", "`id` of a client to leave out")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait until every client has confirmed, for at most this `time`, and print a receipt")
	addControlFlags(cmd)
	return cmd
}

// messageOf returns the message that the arguments mean, as JSON.
func messageOf(cmd *cobra.Command, args []string, isJSON bool) (json.RawMessage, error) {
	text := ""
	if len(args) > 0 {
		text = args[0]
	}
	if text == "-" {
		all, err := io.ReadAll(cmd.InOrStdin())
		if err != nil {
			return nil, fmt.Errorf("reading the message from standard input: %w", err)
		}
		text = strings.TrimSuffix(string(all), "\n")
	}
	if !utf8.ValidString(text) {
		return nil, usageError{errors.New("the message is not UTF-8")}
	}
	if !isJSON || (text == "" && len(args) == 0) {
		return json.Marshal(text)
	}
	if !json.Valid([]byte(text)) {
		return nil, usageError{errors.New("the message is not JSON; leave --json out to send it as a text")}
	}
	return json.RawMessage(text), nil
}

func printReceipt(w io.Writer, answer []byte) error {
	var counts dispatch.Counts
	if err := json.Unmarshal(answer, &counts); err != nil {
		return fmt.Errorf("the receipt is not what was expected: %w", err)
	}
	_, err := fmt.Fprintf(w, "matched %d  delivered %d  confirmed %d  gapped %d\n",
		counts.Matched, counts.Delivered, counts.Confirmed, counts.Gapped)
	return err
}
