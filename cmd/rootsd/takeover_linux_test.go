package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// awaitHandover begins to wait for a rootsd that takes over, with one port. It ends with the test, unless that ends it.
func awaitHandover(t *testing.T, stateFile string) *handover {
	t.Helper()
	s := aSocket(t, "push.listen")
	h, err := listenHandover(stateFile, false, newLogger(t.Output(), "text", new(slog.LevelVar)), func() (welcome, []*net.TCPListener, error) {
		w := welcome{Version: "old", Node: "roots", Drain: time.Second, Sockets: []passedSocket{{"push.listen", "127.0.0.1:0"}}}
		return w, []*net.TCPListener{s.listener}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.start()
	return h
}

// place is a state file's path in a directory that is the user's alone.
func place(t *testing.T) string {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "roots.state")
}

// The new one is given the very sockets, and is told when the old one has left, and why it has left nothing.
func TestHandover(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	at := place(t)
	h := awaitHandover(t, at)
	old, err := callPredecessor(at)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if old.welcome.Version != "old" || len(old.sockets) != 1 || old.sockets[0].name != "push.listen" || old.pid != 0 && old.pid != os.Getpid() {
		t.Errorf("it was told %+v, %v", old.welcome, old.sockets)
	}
	defer old.sockets[0].listener.Close()
	left := make(chan error, 1)
	log := newLogger(t.Output(), "text", new(slog.LevelVar))
	go func() {
		err := old.dismiss()
		problem, leaveErr := old.leave()
		// Whoever comes before the heir waits finds that somebody is there.
		_, third := listenHandover(at, false, log, nil)
		heir, heirErr := listenHandover(at, true, log, nil)
		left <- errors.Join(err, leaveErr, errors.New(problem), third, heirErr, old.Close())
		if heirErr == nil {
			left <- heir.close(nil)
		}
	}()
	<-h.ready
	if _, err := os.Stat(handoverPath(at)); err != nil {
		t.Error(err)
	}
	if err := h.close(errors.New("the disk is full")); err != nil {
		t.Error(err)
	}
	if err := <-left; err.Error() != "the disk is full\n"+errRunning.Error() {
		t.Errorf("it has left with %v", err)
	}
	if err := <-left; err != nil {
		t.Error(err)
	}
	if _, err := callPredecessor(at); !errors.Is(err, errNobody) {
		t.Errorf("called again: %v", err)
	}
}

// A rootsd that could not leave its state is told so before anything is done, and goes on.
func TestHandoverRefused(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	at := place(t)
	h, err := listenHandover(at, false, newLogger(t.Output(), "text", new(slog.LevelVar)), func() (welcome, []*net.TCPListener, error) {
		return welcome{}, nil, errors.New("its state could not be written: no space left on device")
	})
	if err != nil {
		t.Fatal(err)
	}
	h.start()
	_, err = callPredecessor(at)
	if err == nil || err.Error() != "the running rootsd: its state could not be written: no space left on device" {
		t.Errorf("called: %v", err)
	}
	if err := h.close(nil); err != nil {
		t.Error(err)
	}
}

// What stands where the state is to be written is found before the state is.
func TestReserve(t *testing.T) {
	f := someState(t)
	if err := f.reserve(1 << 20); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(f.beside()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has left its file: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(f.beside(), "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.reserve(1); err == nil {
		t.Error("nothing is in the way")
	}
}

// Whoever is told to go, and dies without a word, or says no, is not waited for.
func TestHandoverOfTheDead(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	at := place(t)
	h := awaitHandover(t, at)
	for _, said := range []bool{false, true} {
		old, err := callPredecessor(at)
		if err != nil {
			t.Fatal(err)
		}
		closeUntaken(old.sockets)
		if err := old.say(ready{Go: said}); err != nil {
			t.Fatal(err)
		}
		if !said { // it is not taken for a yes
			if _, err := old.leave(); !errors.Is(err, io.EOF) {
				t.Errorf("answered %v", err)
			}
			old.Close()
			continue
		}
		<-h.ready
		_ = h.next.Close() // as if it had died
		if _, err := old.leave(); err == nil {
			t.Error("it has said that it has left")
		}
		old.Close()
	}
	if err := h.close(nil); err == nil || !strings.Contains(err.Error(), "nobody serves") {
		t.Errorf("close: %v", err)
	}
}

// Whoever is not ready, says nothing or something else, or looks in only, changes nothing: the next is heard.
func TestHandoverGoesOn(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	at := place(t)
	h := awaitHandover(t, at)
	for said, want := range map[string]string{
		"":                                       "",
		"GET / HTTP/1.1\n":                       "",
		`{"protocol":99,"version":"9.9"}` + "\n": "hands over in another way than 9.9",
		fmt.Sprintf(`{"protocol":%d,"version":"x"}`+"\n{}x\n", takeoverProtocol): `"push.listen"`,
	} {
		conn, err := net.Dial("unix", handoverPath(at))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, said) // it may have been closed at the first line
		_ = conn.(*net.UnixConn).CloseWrite()
		_ = conn.SetDeadline(time.Now().Add(patience))
		if got, _ := bufio.NewReader(conn).ReadString('\n'); !strings.Contains(got, want) {
			t.Errorf("%q is answered %q, not %q", said, got, want)
		}
		conn.Close()
	}
	if _, err := listenHandover(at, false, newLogger(t.Output(), "text", new(slog.LevelVar)), nil); !errors.Is(err, errRunning) {
		t.Errorf("a second one is there: %v", err)
	}
	select {
	case <-h.ready:
		t.Error("somebody is taken to be ready")
	default:
	}
	old, err := callPredecessor(at)
	if err != nil {
		t.Fatal(err)
	}
	closeUntaken(old.sockets)
	old.Close()
	if err := h.close(nil); err != nil {
		t.Error(err)
	}
}

// A daemon that stops by itself does not wait for one that is about to take over.
func TestHandoverStops(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	at := place(t)
	h := awaitHandover(t, at)
	old, err := callPredecessor(at)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	closeUntaken(old.sockets)
	if err := h.close(nil); err != nil {
		t.Error(err)
	}
	if _, err := old.leave(); err == nil {
		t.Error("it has said that it has left")
	}
}
