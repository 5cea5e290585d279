package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// benchOptions are the flags of bench that are not a [load.Config]'s own.
type benchOptions struct {
	push, ingest    string
	transport       string
	asJSON, browser bool
}

func newBench() *cobra.Command {
	var config load.Config
	var options benchOptions
	cmd := &cobra.Command{
		Use:   "bench [work]",
		Short: "Put a running daemon under load and count what comes of it",
		Long: `Bench opens many clients at a running daemon, publishes, and says how fast and how late
messages came. It fails if one was lost, came twice or out of order. The works are

  park       every client listens at a path of its own; nothing is published
  broadcast  all clients listen at one path (the default)
  unicast    every client listens at a path of its own; messages go round
  publish    messages that nobody listens to
  churn      clients come, hear some messages at a path of their own, and leave

Without --rate the next message is published when all clients have the one before, as
fast as that goes; with it, messages are published when they are due, and latencies
count from then. A long-poll answers at most once in push.bundle (50ms), so that alone
bounds what comes one after the other.

It holds as many clients as there may be open files, needs Linux, and speaks plain HTTP:
behind TLS, give it the address of the daemon itself. The daemon should be one that has
nothing else to do: it is put under as much load as it takes.`,
		Example: `  rootsd bench --clients 100 --count 50
  rootsd bench broadcast --clients 10000 --transport sse --rate 10 --duration 10s
  rootsd bench unicast --window 8 --transport websocket --json
  rootsd bench park --clients 18000 --browser --duration 1m
  rootsd bench --push http://10.0.0.5:8008 --ingest http://10.0.0.5:8004 --token "$TOKEN"`,
		ValidArgsFunction: func(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(given) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return texts(load.Works), cobra.ShellCompDirectiveNoFileComp
		},
		Args: func(cmd *cobra.Command, given []string) error {
			if len(given) == 1 && !slices.Contains(load.Works, load.Work(given[0])) {
				return usageError{fmt.Errorf("bench takes one of %s, not %q", strings.Join(texts(load.Works), ", "), given[0])}
			}
			return args(0, 1, "at most one work")(cmd, given)
		},
		RunE: func(cmd *cobra.Command, given []string) error {
			config.Work = load.Broadcast
			if len(given) > 0 {
				config.Work = load.Work(given[0])
			}
			return bench(cmd, config, options)
		},
	}
	addBenchFlags(cmd, &config, &options)
	return cmd
}

func addBenchFlags(cmd *cobra.Command, config *load.Config, options *benchOptions) {
	flags := cmd.Flags()
	flags.StringVar(&options.push, "push", "", "where clients go (default: the address in the configuration)")
	flags.StringVar(&options.ingest, "ingest", "", "where messages go (default: $ROOTS_URL, or the address in the configuration)")
	flags.String("token", "", "token to send to ingest (default: $ROOTS_TOKEN, or one of the configuration)")
	flags.StringVar(&options.transport, "transport", string(load.LongPoll),
		"how clients listen: "+strings.Join(texts(load.Transports), ", "))
	flags.IntVar(&config.Clients, "clients", 1000, "how many clients listen, or are there at a time")
	flags.IntVar(&config.Publishers, "publishers", 1, "how many connections publish")
	flags.DurationVar(&config.Duration, "duration", 0, "how long to measure (default 10s, unless there is a --count)")
	flags.IntVar(&config.Count, "count", 0, "how many messages, or visits, to measure")
	flags.IntVar(&config.Warmup, "warmup", 10, "how many messages, or visits, before that")
	flags.Float64Var(&config.Rate, "rate", 0, "how many messages, or visits, are due a second (default: one after the other)")
	flags.IntVar(&config.Burst, "burst", 1, "broadcast: how many messages in a row")
	flags.IntVar(&config.Window, "window", 1, "unicast: how many messages may be on their way")
	flags.IntVar(&config.Visit, "visit", 3, "churn: how many messages a client stays for")
	flags.IntVar(&config.Size, "size", 100, "`bytes` of a message")
	flags.DurationVar(&config.Patience, "patience", 10*time.Second, "how long nothing may come before what is missing is lost")
	flags.BoolVar(&config.Busy, "busy", false, "never sleep: takes a whole processor, and spares the daemon the waking")
	flags.BoolVar(&options.browser, "browser", false, "send headers of a browser's size, 600 bytes more")
	flags.BoolVar(&options.asJSON, "json", false, "print one JSON object")
	_ = cmd.RegisterFlagCompletionFunc("transport",
		cobra.FixedCompletions(texts(load.Transports), cobra.ShellCompDirectiveNoFileComp))
}

// texts are names as plain strings.
func texts[T ~string](names []T) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = string(name)
	}
	return all
}

// bench does one run and prints what came of it.
func bench(cmd *cobra.Command, config load.Config, options benchOptions) error {
	config.Transport = load.Transport(options.transport)
	if config.Count == 0 && !cmd.Flags().Changed("duration") {
		config.Duration = 10 * time.Second
	}
	if err := aim(cmd, &config, options); err != nil {
		return err
	}
	bar := bar{newProgress(cmd.ErrOrStderr())}
	config.Progress = bar.show
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	result, err := load.Run(ctx, config)
	bar.clear()
	if result != nil {
		if err := printResult(cmd.OutOrStdout(), result, options.asJSON); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; what was on its way then is not counted")
	case err != nil:
		return benchError(err)
	case !result.Clean():
		return errors.New("the run was not clean: " + faults(result))
	}
	return nil
}

// aim finds the two ports of the daemon.
func aim(cmd *cobra.Command, config *load.Config, options benchOptions) error {
	push, err := findControl(cmd, options.push, clientsPort)
	if err != nil {
		return fmt.Errorf("--push: %w", err)
	}
	ingest, err := findControl(cmd, cmp.Or(options.ingest, os.Getenv("ROOTS_URL")), backendsPort)
	if err != nil {
		return fmt.Errorf("--ingest: %w", err)
	}
	clients, err := plainURL(push.base)
	if err != nil {
		return err
	}
	backend, err := plainURL(ingest.base)
	if err != nil {
		return err
	}
	dialect := &load.Rootsd{
		Transport: config.Transport, Push: clients.Host, Ingest: backend.Host, Token: ingest.token,
		Target: strings.TrimSuffix(clients.EscapedPath(), "/") + "/",
	}
	if options.browser {
		dialect.Fields = load.BrowserFields
	}
	config.Dialect, config.Subscribe, config.Publish = dialect, hostPort(clients), hostPort(backend)
	return nil
}

// plainURL reads a URL that is not behind TLS, which the load generator does not speak.
func plainURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" {
		return nil, usageError{fmt.Errorf("bench speaks plain HTTP alone, and %q is not; give it the address behind TLS", text)}
	}
	return u, nil
}

func hostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")) }

// benchError says what to do about a run that could not begin.
func benchError(err error) error {
	var field *load.ConfigError
	var answer *load.AnswerError
	switch {
	case errors.As(err, &field):
		return usageError{fmt.Errorf("--%w", field)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w; is rootsd running there? (--push and --ingest say where it is)", err)
	case errors.As(err, &answer):
		var said refusal
		if json.Unmarshal([]byte(answer.Body), &said.Problem) == nil && said.Detail != "" {
			return &said
		}
		if answer.Status == http.StatusBadRequest && strings.Contains(answer.Body, "HTTPS") { // so say net/http and nginx
			option := "--push"
			if strings.HasPrefix(answer.Kind, "refused") { // the publisher's
				option = "--ingest"
			}
			return fmt.Errorf("%s: bench speaks plain HTTP alone, and that address TLS; give it a plain one, such as that "+
				"of a rootsd without push.tls", option)
		}
	}
	return err
}
