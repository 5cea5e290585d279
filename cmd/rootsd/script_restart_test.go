package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func (s *stage) takeOver(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 1 {
		return nil, errUsage
	}
	p, err := s.launch(ts, args[0], nil, append(append(serveArgs(ts), "--takeover"), args[1:]...))
	if err != nil {
		return nil, err
	}
	return p.serves(ts)
}

// activate starts the daemon as systemd would: the sockets begin at descriptor 3, and are for its process alone.
func (s *stage) activate(ts *testscript.TestScript, args []string) (*output, error) {
	flags := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") })
	if flags < 0 {
		flags = len(args)
	}
	var files []*os.File
	for _, name := range args[:flags] {
		l, err := s.socket(name)
		if err != nil {
			return nil, err
		}
		file, err := l.(*net.TCPListener).File()
		if err != nil {
			return nil, err
		}
		defer file.Close()
		files = append(files, file)
	}
	environ := []string{"LISTEN_FDS=" + strconv.Itoa(flags), "LISTEN_FDNAMES=" + strings.Join(args[:flags], ":")}
	shell := []string{"sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh"}
	p, err := s.launch(ts, daemonName, environ, slices.Concat(shell, serveArgs(ts), args[flags:]), files...)
	if err != nil {
		return nil, err
	}
	return p.serves(ts)
}

// socket returns the socket of a name, which stays open until the script ends.
func (s *stage) socket(name string) (l net.Listener, err error) {
	if s.sockets[name] == nil {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
		s.sockets[name] = l
	}
	return s.sockets[name], nil
}

func (s *stage) occupy(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 1 {
		return nil, errUsage
	}
	l, err := s.socket(args[0])
	if err == nil {
		ts.Setenv(args[0], l.Addr().String())
	}
	return nil, err
}

func (s *stage) tamper(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 2 {
		return nil, errUsage
	}
	name := ts.MkAbs(args[0])
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	switch key, value, isHeader := strings.Cut(args[1], "="); {
	case isHeader:
		text, err = withHeader(text, key, value)
	case args[1] == "cut":
		text = text[:len(text)-1]
	case args[1] == "flip":
		text[len(text)-sha256.Size-1] ^= 1
	default:
		err = errUsage
	}
	if err != nil {
		return nil, err
	}
	return nil, os.WriteFile(name, text, 0o600)
}

// withHeader changes an entry of a state file's header, and its sum accordingly.
func withHeader(text []byte, key, value string) ([]byte, error) {
	lines := bytes.SplitN(text[:len(text)-sha256.Size], []byte("\n"), 3)
	if len(lines) < 3 {
		return nil, errors.New("it is no state file")
	}
	header := make(map[string]any)
	if err := json.Unmarshal(lines[1], &header); err != nil {
		return nil, err
	}
	header[key] = value
	if n, err := strconv.Atoi(value); err == nil {
		header[key] = n
	}
	line, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	text = bytes.Join([][]byte{lines[0], line, lines[2]}, []byte("\n"))
	sum := sha256.Sum256(text)
	return append(text, sum[:]...), nil
}

// crowd is clients that come one after the other, each by a new connection.
type crowd struct {
	url     string
	stop    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex // guards what follows
	answered int
	others   []string // what came of those that were not answered
}

func (s *stage) crowd(_ *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 1 {
		return nil, errUsage
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &crowd{url: args[0], stop: stop}
	s.crowds = append(s.crowds, c)
	for range 4 {
		c.running.Go(func() { c.come(ctx) })
	}
	return nil, c.answers(10)
}

func (c *crowd) come(ctx context.Context) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for ctx.Err() == nil {
		outcome := visit(client, c.url)
		c.mu.Lock()
		if outcome == "" {
			c.answered++
		} else {
			c.others = append(c.others, outcome)
		}
		c.mu.Unlock()
	}
}

// visit does one request and says what was wrong; "" for nothing.
func visit(client *http.Client, url string) string {
	answer, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	return ""
}

// answers waits until so many more were answered.
func (c *crowd) answers(more int) error {
	_, before := c.counts()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, now := c.counts(); now >= before+more {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("nobody is answered at %s", c.url)
		}
	}
}

func (c *crowd) counts() (others []string, answered int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.others, c.answered
}

func (c *crowd) end() {
	c.stop()
	c.running.Wait()
}

func (s *stage) calm(_ *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 0 {
		return nil, errUsage
	}
	var text strings.Builder
	for _, c := range s.crowds {
		if err := c.answers(10); err != nil { // the one that serves now is seen as well
			return nil, err
		}
		c.end()
		others, answered := c.counts()
		fmt.Fprintf(&text, "%s: %d answered, %d not\n%s\n", c.url, answered, len(others), strings.Join(others, "\n"))
	}
	s.crowds = nil
	return &output{out: text.String()}, nil
}
