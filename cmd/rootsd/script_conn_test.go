package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func (s *stage) stall(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 1 {
		return nil, errUsage
	}
	conn, err := net.Dial("tcp", hostOf(ts.Getenv("PUSH")))
	if err != nil {
		return nil, err
	}
	s.conns["stalled "+args[0]] = conn
	if err := conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", ts.Getenv(args[0]+"_token"))
	return nil, err
}

func (s *stage) send(_ *testscript.TestScript, args []string) (*output, error) {
	open := len(args) > 0 && args[0] == "-open"
	if open {
		args = args[1:]
	}
	if len(args) != 2 {
		return nil, errUsage
	}
	conn, err := net.Dial("tcp", hostOf(args[0]))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := say(conn, args[1]); err != nil {
		return nil, err
	}
	if !open {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return nil, err
		}
	}
	return listen(conn, nil)
}

func (s *stage) dial(_ *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 2 || s.conns[args[0]] != nil {
		return nil, errUsage
	}
	conn, err := net.Dial("tcp", hostOf(args[1]))
	if err != nil {
		return nil, err
	}
	s.conns[args[0]] = conn
	return nil, nil
}

func (s *stage) say(_ *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 2 || len(args) > 3 || s.conns[args[0]] == nil {
		return nil, errUsage
	}
	var until *regexp.Regexp
	if len(args) == 3 {
		var err error
		if until, err = linePattern(args[2]); err != nil {
			return nil, err
		}
	}
	if err := say(s.conns[args[0]], args[1]); err != nil {
		return nil, err
	}
	return listen(s.conns[args[0]], until)
}

// say sends a text. What is said to one that has closed already is no error: it may have said something before.
func say(conn net.Conn, text string) error {
	text, err := unquote(text)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, _ = io.WriteString(conn, text)
	return nil
}

// listen returns what comes back until that matches, if there is a pattern, or the other side closes. A reset is an end
// too: it is what the other side's kernel says where something that was sent is never read.
func listen(conn net.Conn, until *regexp.Regexp) (*output, error) {
	var back []byte
	for until == nil || !until.Match(back) {
		var some [4096]byte
		n, err := conn.Read(some[:])
		back = append(back, some[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return &output{out: string(back)}, errors.New("what was waited for has not come in time")
		}
		if err != nil {
			break
		}
	}
	return &output{out: string(back)}, nil
}
