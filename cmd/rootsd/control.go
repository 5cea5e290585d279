package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rootsd/rootsd/transport/lane"
)

// control talks to a running daemon, as a back-end or an operator does.
type control struct {
	base  string // URL without a slash at its end
	token string
}

// controlTime is how long a daemon may take for an answer, beside what it was asked to wait.
const controlTime = 10 * time.Second

// addControlFlags gives cmd the flags by which the daemon is found.
func addControlFlags(cmd *cobra.Command) {
	cmd.Flags().String("url", "", "where the daemon is (default: $ROOTS_URL, or the address in the configuration)")
	cmd.Flags().String("token", "", "token to send (default: $ROOTS_TOKEN, or one of the configuration)")
}

// calledPort is a port of the daemon as those who call it know it.
type calledPort struct {
	address, token string // keys of the settings; token is "" where none is sent
	of             func(*Config) (address, token string)
}

var (
	clientsPort  = calledPort{"push.listen", "", func(c *Config) (string, string) { return c.Push.Listen, "" }}
	backendsPort = calledPort{"ingest.listen", "ingest.tokens", func(c *Config) (string, string) {
		if len(c.Ingest.Tokens) == 0 {
			return c.Ingest.Listen, ""
		}
		return c.Ingest.Listen, string(c.Ingest.Tokens[0])
	}}
	operatorsPort = calledPort{"admin.listen", "admin.token", func(c *Config) (string, string) {
		return c.Admin.Listen, string(c.Admin.Token)
	}}
)

// ingestControl finds the port of the daemon that back-ends use.
func ingestControl(cmd *cobra.Command) (*control, error) {
	return findControl(cmd, os.Getenv("ROOTS_URL"), backendsPort)
}

// adminControl finds the port of the daemon that operators use. ROOTS_URL is the other one's.
func adminControl(cmd *cobra.Command) (*control, error) { return findControl(cmd, "", operatorsPort) }

// findControl finds a port. Of the configuration it reads only what neither the command line nor the environment says.
func findControl(cmd *cobra.Command, environment string, port calledPort) (*control, error) {
	base, _ := cmd.Flags().GetString("url")
	token, _ := cmd.Flags().GetString("token")
	if base == "" {
		base = environment
	}
	if token == "" {
		token = os.Getenv("ROOTS_TOKEN")
	}
	var needed []string
	if base == "" {
		needed = append(needed, port.address)
	}
	if token == "" && port.token != "" {
		needed = append(needed, port.token)
	}
	config, err := someOf(cmd, needed)
	if err != nil {
		return nil, err
	}
	address, configured := port.of(config)
	if token == "" {
		token = configured
	}
	if base == "" {
		if address == "" {
			return nil, errors.New("the configuration turns that port of the daemon off; say where it is with --url")
		}
		base = "http://" + localAddress(address)
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, usageError{fmt.Errorf("%q is not a URL such as http://127.0.0.1:8004", base)}
	}
	return &control{strings.TrimSuffix(base, "/"), token}, nil
}

// localAddress is where this machine reaches what listens on address.
func localAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// do sends a request and returns the body of a good answer. The error of another one is what the daemon said.
func (c *control) do(method, path string, body any, patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), controlTime+patience)
	defer cancel()
	answer, err := c.open(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	text, err := io.ReadAll(answer)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	return text, nil
}

// open sends a request and returns the body of a good answer as it comes.
func (c *control) open(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(encoded)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, usageError{err}
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := http.DefaultClient.Do(r)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("nothing answers at %s; is rootsd running there? (--url says where it is)", c.base)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s did not answer in time", c.base)
	case err != nil:
		return nil, err
	case answer.StatusCode >= 300:
		defer answer.Body.Close()
		return nil, problemOf(answer)
	}
	return answer.Body, nil
}

// refusal is a daemon's problem+json as an error.
type refusal struct{ lane.Problem }

func (r *refusal) Error() string {
	text := r.Detail
	if r.Reason == "token" {
		return text + " (give one with --token, ROOTS_TOKEN or the configuration)"
	}
	if r.Field != "" {
		text = r.Field + ": " + text
	}
	if r.Entry != nil && *r.Entry > 0 {
		text = fmt.Sprintf("%s (number %d)", text, *r.Entry+1)
	}
	return text
}

func problemOf(answer *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	var r refusal
	if json.Unmarshal(text, &r.Problem) != nil || r.Detail == "" {
		return fmt.Errorf("the answer was %s; is that a rootsd?", answer.Status)
	}
	return &r
}

// idOf takes an ID, or a whole token, whose first segment is one.
func idOf(text string) string {
	id, _, _ := strings.Cut(text, "/")
	return id
}
