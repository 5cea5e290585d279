package ingest

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// BenchmarkFast is an update that nobody hears on the event loops, without what the system takes for it.
func BenchmarkFast(b *testing.B) {
	c := dispatch.NewController("test")
	d := dispatch.NewDispatcher(c)
	in := New(Config{MaxBody: 1 << 20, MaxMessage: 64 << 10, MaxWait: time.Minute}, c, d, slog.New(slog.DiscardHandler))
	var network lanetest.Net
	loops, err := lane.NewLoops(1, network.Open, lane.Bounds{Header: time.Minute, Idle: time.Minute, Write: time.Minute}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	listener := network.Listen()
	port, err := loops.OpenFD("ingest", lane.NewLimitListener(listener, 10, nil), in.Fast(), listener.FD)
	if err != nil {
		b.Fatal(err)
	}
	body := `{"path":"orders/42/lines/7","message":"` + fmt.Sprintf("%060d", 7) + `"}`
	request := fmt.Appendf(nil, "POST /update HTTP/1.1\r\nHost: 127.0.0.1:8004\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	left, done := 0, make(chan struct{}, 1)
	s := &lanetest.Socket{}
	s.Written = func(s *lanetest.Socket, text []byte) int {
		if left--; left > 0 {
			s.Send(request)
		} else if left == 0 {
			done <- struct{}{}
		}
		return len(text)
	}
	if err := listener.Connect(s); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	left = b.N
	s.Send(request)
	<-done
	b.StopTimer()
	s.Reset()
	_ = port.Shutdown(b.Context())
	_ = loops.Close()
	_ = d.Close()
}
