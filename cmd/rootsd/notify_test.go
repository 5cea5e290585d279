package main

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Skipf("no unixgram here: %v", err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", "")
	if err := notify("READY=1"); err != nil {
		t.Errorf("with nobody there: %v", err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	if err := notify("READY=1", mainPID(7)); err != nil {
		t.Fatal(err)
	}
	var heard [100]byte
	n, err := conn.Read(heard[:])
	if want := "READY=1\nMAINPID=7"; string(heard[:n]) != want || err != nil {
		t.Errorf("heard %q, %v, not %q", heard[:n], err, want)
	}
	t.Setenv("NOTIFY_SOCKET", path+"/none")
	if err := notify("READY=1"); err == nil {
		t.Error("it was heard by nobody")
	}
}
