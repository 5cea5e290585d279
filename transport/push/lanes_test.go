package push

import (
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// onLanes runs test with each of the lanes: use has a rig served by it.
func onLanes(t *testing.T, test func(t *testing.T, use func(*rig))) {
	t.Run("net/http", func(t *testing.T) { test(t, func(*rig) {}) })
	t.Run("loops", func(t *testing.T) { test(t, (*rig).serveOnLoops) })
}

// serveOnLoops has event loops serve the rig, and net/http what they leave, on a network in memory.
func (r *rig) serveOnLoops() {
	network := new(lanetest.Net)
	log := slog.New(slog.DiscardHandler)
	bounds := lane.Bounds{Header: 10 * time.Second, Idle: 2 * time.Minute, Write: r.made.WriteTime}
	loops, err := lane.NewLoops(2, network.Open, bounds, log)
	if err != nil {
		r.Fatal(err)
	}
	listener := network.Listen()
	port, err := loops.OpenFD("push", lane.NewLimitListener(listener, 10_000, nil), r.Fast(""), listener.FD)
	if err != nil {
		r.Fatal(err)
	}
	server := lane.NewServer(r, bounds, log)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(port) }()
	r.Cleanup(func() {
		server.Close()
		<-served
		_ = port.Shutdown(r.Context())
		if err := loops.Close(); err != nil {
			r.Error(err)
		}
	})
	r.dial = func() net.Conn {
		c, err := listener.Dial()
		if err != nil {
			r.Fatal(err)
		}
		c.SetWindow(16) // so that all answers are written in parts
		return c
	}
}
