package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkHandOver has listeners take each other's place under clients that connect without a pause, b.N times: by
// SO_REUSEPORT, and by passing the socket on. It reports how many connections there were, and how many of them failed.
func BenchmarkHandOver(b *testing.B) {
	b.Run("reuseport", func(b *testing.B) {
		handOver(b, func(b *testing.B, old *net.TCPListener) *net.TCPListener {
			return listenReusing(b, old.Addr().String())
		})
	})
	b.Run("passed", func(b *testing.B) { handOver(b, passed) })
}

func handOver(b *testing.B, next func(*testing.B, *net.TCPListener) *net.TCPListener) {
	l := listenReusing(b, "127.0.0.1:0")
	address := l.Addr().String()
	var serving, asking sync.WaitGroup
	serving.Go(func() { echo(l) })
	var answered, failed atomic.Int64
	var over atomic.Bool
	for range 64 {
		asking.Go(func() {
			for !over.Load() {
				if askOnce(address) != nil {
					failed.Add(1)
				}
				answered.Add(1)
			}
		})
	}
	for range b.N {
		time.Sleep(50 * time.Millisecond) // of work
		old := l
		l = next(b, old)
		newest := l
		serving.Go(func() { echo(newest) })
		old.Close()
	}
	over.Store(true)
	asking.Wait()
	l.Close()
	serving.Wait()
	b.ReportMetric(float64(answered.Load()), "connections")
	b.ReportMetric(float64(failed.Load()), "failed")
}

func listenReusing(b *testing.B, address string) *net.TCPListener {
	b.Helper()
	reuse := func(_, _ string, raw syscall.RawConn) (err error) {
		control := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		if control != nil {
			return control
		}
		return err
	}
	l, err := (&net.ListenConfig{Control: reuse}).Listen(context.Background(), "tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	return l.(*net.TCPListener)
}

// passed returns a listener of the same socket.
func passed(b *testing.B, old *net.TCPListener) *net.TCPListener {
	b.Helper()
	file, err := old.File()
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		b.Fatal(err)
	}
	return l.(*net.TCPListener)
}

// echo sends each client the byte that it sends, until l is closed.
func echo(l net.Listener) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		serving.Go(func() {
			defer conn.Close()
			var one [1]byte
			if _, err := conn.Read(one[:]); err == nil {
				_, _ = conn.Write(one[:])
			}
		})
	}
}

func askOnce(address string) error {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	one := []byte("x")
	if _, err := conn.Write(one); err != nil {
		return err
	}
	_, err = conn.Read(one)
	return err
}
