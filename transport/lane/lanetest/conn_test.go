package lanetest

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// pair returns the two ends of a connection.
func pair(t *testing.T) (*Client, net.Conn) {
	var network Net
	listener := network.Listen()
	client, err := listener.Dial()
	if err != nil {
		t.Fatal(err)
	}
	sockets, _ := network.Open()
	if err := sockets.Watch(listener.FD, lane.Readable); err != nil {
		t.Fatal(err)
	}
	var events [4]lane.Event
	if n := sockets.Poll(events[:]); n != 1 || events[0].FD != listener.FD {
		t.Fatalf("got %v, want one to accept", events[:n])
	}
	fd, err := sockets.Accept(listener.FD)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := sockets.Conn(fd)
	if err != nil {
		t.Fatal(err)
	}
	return client, conn
}

// A connection carries what either end writes, however small the window, until either closes it.
func TestConnCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		client.SetWindow(10)
		text := strings.Repeat("0123456789abc", 1000)
		go func() {
			_, _ = io.Copy(server, server)
			_ = server.Close()
		}()
		if _, err := io.WriteString(client, text); err != nil {
			t.Fatal(err)
		}
		_ = client.CloseWrite()
		if got, err := io.ReadAll(client); string(got) != text || err != nil {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
		if _, err := client.Write([]byte("more")); err == nil {
			t.Error("wrote to a connection that the server has closed")
		}
	})
}

// Both ends keep their deadlines, and Close ends what waits.
func TestConnDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		client.SetWindow(10)
		buf := make([]byte, 100)
		for name, wait := range map[string]func() (int, error){
			"read of the server":  func() (int, error) { return server.Read(buf) },
			"write of the server": func() (int, error) { return server.Write(buf) },
			"read of the client":  func() (int, error) { client.SetWindow(0); return io.ReadFull(client, buf) },
		} {
			began := time.Now()
			_ = server.SetDeadline(began.Add(time.Minute))
			_ = client.SetDeadline(began.Add(time.Minute))
			if _, err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
				t.Errorf("%s ended after %v with %v", name, time.Since(began), err)
			}
		}
		_ = server.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			_ = server.Close()
		}()
		if _, err := server.Read(buf); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a read that was closed got %v", err)
		}
		if err := server.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a deadline of a closed connection got %v", err)
		}
	})
}

// The server hears of a client that vanishes, and can end what it writes alone.
func TestConnEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t)
		_, _ = io.WriteString(server, "bye")
		_ = server.(interface{ CloseWrite() error }).CloseWrite()
		if got, err := io.ReadAll(client); string(got) != "bye" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := client.Write([]byte("more")); err != nil {
			t.Error(err)
		}
		_ = client.Close()
		buf := make([]byte, 100)
		if n, err := server.Read(buf); string(buf[:n]) != "more" || err != nil {
			t.Errorf("the server got %q, %v", buf[:n], err)
		}
		if n, err := server.Read(buf); n != 0 || err == nil || errors.Is(err, io.EOF) {
			t.Errorf("the server got %q, %v of a client that has vanished", buf[:n], err)
		}
		if _, err := server.Write(buf); err == nil {
			t.Error("the server wrote to a client that has vanished")
		}
	})
}
