package main

import (
	"math"
	"testing"

	"github.com/rootsd/rootsd/transport/lane"
)

// Clients have what others do not need, and never more than is set.
func TestConnectionsWithin(t *testing.T) {
	const own = 36
	tests := []struct{ descriptors, set, control, want int }{
		{math.MaxInt32, 1_000_000, 1000, 1_000_000}, // no bound is known
		{1_048_576, 1_000_000, 1000, 1_000_000},
		{524_288, 1_000_000, 1000, 523_188},
		{524_288, 5000, 1000, 5000},
		{20_000, 1_000_000, 1000, 18_900},
		{4096, 1_000_000, 1000, 2996},
		{4096, 1_000_000, 100, 3896},
		{1024, 1_000_000, 1000, 668}, // a quarter is for control ports
		{128, 1_000_000, 1000, 41},
		{64, 1_000_000, 1000, 5},
		{64, 3, 1000, 3},
		{16, 1_000_000, 1000, 1},
		{0, 1_000_000, 1000, 1},
	}
	for _, tt := range tests {
		limits := &LimitsConfig{Connections: tt.set, ControlConnections: tt.control}
		got := connectionsWithin(tt.descriptors, own, limits)
		if got != tt.want {
			t.Errorf("%d descriptors, %d and %d set: %d, want %d", tt.descriptors, tt.set, tt.control, got, tt.want)
		}
		all := got + lane.Lingers(got) + own + min(tt.control, tt.descriptors/4)
		if got > 1 && all > tt.descriptors {
			t.Errorf("%d descriptors, %d and %d set: %d are needed", tt.descriptors, tt.set, tt.control, all)
		}
	}
}
