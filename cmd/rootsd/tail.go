package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/line"
	"github.com/rootsd/rootsd/transport/tail"
)

func newTail() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tail [pattern]",
		Short: "Print the updates that go by",
		Long: `Tail prints what goes by in a running daemon, a line each, until it is interrupted:
what matches the pattern, or everything, commands to rootsd itself included. In the
pattern "*" stands for one segment, "**" at the end for one or more.

If it cannot keep up, a line at ::+::dropped says how many updates it left out.`,
		Example: `  rootsd tail
  rootsd tail 'orders/**'
  rootsd tail --json ::connect`,
		Args: args(0, 1, "one pattern"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := adminControl(cmd)
			if err != nil {
				return err
			}
			query := ""
			if len(args) > 0 {
				query = "?pattern=" + url.QueryEscape(args[0])
			}
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			stream, err := c.open(ctx, http.MethodGet, "/tail"+query, nil)
			if err != nil {
				return err
			}
			defer stream.Close()
			err = printTail(cmd.OutOrStdout(), stream, asJSON)
			if ctx.Err() != nil {
				return nil
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON objects with time, sender, path and message")
	addControlFlags(cmd)
	cmd.Flags().Lookup("url").Usage = "where the daemon's admin port is (default: the address in the configuration)"
	cmd.Flags().Lookup("token").Usage = "token to send (default: $ROOTS_TOKEN, or the admin token in the configuration)"
	return cmd
}

// errStopped is what tail ends with when it is not the one to end.
var errStopped = errors.New("the daemon has closed the stream; it may have stopped")

// printTail prints a stream of tail.Line objects until it ends.
func printTail(w io.Writer, stream io.Reader, asJSON bool) error {
	// Lines come with a flush each when it is quiet and in blocks when it is not; printing follows that.
	in := bufio.NewReader(stream)
	out := bufio.NewWriter(w)
	defer func() { _ = out.Flush() }()
	var buf []byte
	for {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return errStopped
		}
		if asJSON {
			buf = append(buf[:0], text...)
		} else if buf, err = appendTail(buf[:0], text); err != nil {
			return fmt.Errorf("the daemon sent what is not a line of tail: %w", err)
		}
		if _, err := out.Write(buf); err != nil {
			return err
		}
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// appendTail writes one tail.Line in the line protocol's form.
func appendTail(dst, text []byte) ([]byte, error) {
	var l tail.Line
	if err := json.Unmarshal(text, &l); err != nil {
		return dst, err
	}
	if l.Dropped > 0 {
		dst = line.Append(dst, line.PathDropped, strconv.FormatUint(l.Dropped, 10))
	}
	msg, err := dispatch.JSONMessage(l.Message, dispatch.Options{})
	if err != nil {
		return dst, err
	}
	return line.AppendUpdate(dst, l.Path, msg), nil
}
