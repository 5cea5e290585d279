package main

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// notify tells systemd how the daemon is, as sd_notify(3) says: lines such as "READY=1". Where nobody wants to know, it
// does nothing.
func notify(lines ...string) error {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	return nil
}

// tell is [notify] for the daemon, which goes on if it cannot be heard.
func (d *daemon) tell(lines ...string) {
	if err := notify(lines...); err != nil {
		d.log.Warn("systemd cannot be told", "what", strings.Join(lines, " "), "err", err)
	}
}

// mainPID says which process is the service from now on.
func mainPID(pid int) string { return fmt.Sprintf("MAINPID=%d", pid) }
