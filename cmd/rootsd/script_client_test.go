package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// remember keeps the token of an answer for the client's next poll.
func remember(ts *testscript.TestScript, name, answer string) error {
	var told struct {
		ReconnectWith string `json:"reconnectWith"`
	}
	if err := json.Unmarshal([]byte(answer), &told); err != nil || told.ReconnectWith == "" {
		return fmt.Errorf("the answer has no token: %q", answer)
	}
	ts.Setenv(name, idOf(told.ReconnectWith))
	ts.Setenv(name+"_token", told.ReconnectWith)
	return nil
}

func (s *stage) open(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errUsage
	}
	return s.visit(ts, args[0], "/"+strings.Join(args[1:], ""))
}

func (s *stage) poll(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 1 {
		return nil, errUsage
	}
	return s.visit(ts, args[0], "/"+ts.Getenv(args[0]+"_token"))
}

func (s *stage) visit(ts *testscript.TestScript, name, path string) (*output, error) {
	answer, err := fetch(context.Background(), request{method: http.MethodGet, url: ts.Getenv("PUSH") + path})
	if err != nil {
		return nil, err
	}
	printed, err := answer.want("200")
	if err != nil {
		return printed, err
	}
	return printed, remember(ts, name, answer.body)
}

// parkedPoll is a poll in the background.
type parkedPoll struct {
	name   string // of the client
	cancel context.CancelFunc
	done   chan struct{} // closed when the reply, or err, is there
	reply  reply
	err    error
}

func (s *stage) park(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 1 || len(args) > 2 {
		return nil, errUsage
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &parkedPoll{name: args[0], cancel: cancel, done: make(chan struct{})}
	label := args[len(args)-1]
	if s.parked[label] != nil {
		cancel()
		return nil, fmt.Errorf("there is a poll named %s", label)
	}
	s.parked[label] = p
	url := ts.Getenv("PUSH") + "/" + ts.Getenv(args[0]+"_token")
	go func() {
		defer close(p.done)
		p.reply, p.err = fetch(ctx, request{method: http.MethodGet, url: url})
	}()
	return nil, s.awaitParked(ts, args[0], true)
}

// awaitParked waits until the daemon says that a client is parked, or is not.
func (s *stage) awaitParked(ts *testscript.TestScript, name string, want bool) error {
	url := ts.Getenv("INGEST") + "/clients/" + ts.Getenv(name)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		answer, err := fetch(context.Background(), request{method: http.MethodGet, url: url})
		if err != nil {
			return err
		}
		var client clientView
		if err := json.Unmarshal([]byte(answer.body), &client); err != nil || client.Session == nil {
			return fmt.Errorf("asking about %s: %s %s", name, answer.status, answer.body)
		}
		if client.Session.Parked == want {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: parked is not %v in time", name, want)
		}
	}
}

func (s *stage) answer(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 2 || s.parked[args[1]] == nil {
		return nil, errUsage
	}
	p := s.parked[args[1]]
	delete(s.parked, args[1])
	<-p.done // the client has a time-out
	p.cancel()
	if p.err != nil {
		return nil, p.err
	}
	printed, err := p.reply.want(args[0])
	if err != nil || p.reply.code != http.StatusOK {
		return printed, err
	}
	return printed, remember(ts, p.name, p.reply.body)
}

func (s *stage) hangUp(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 1 || len(args) > 2 || s.parked[args[len(args)-1]] == nil {
		return nil, errUsage
	}
	label := args[len(args)-1]
	p := s.parked[label]
	delete(s.parked, label)
	p.cancel()
	<-p.done
	return nil, s.awaitParked(ts, args[0], false)
}
