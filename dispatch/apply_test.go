package dispatch_test

import (
	"errors"
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

// The texts of errors are in testdata; this is what code tests for.
func TestErrors(t *testing.T) {
	c, d := running(t)
	id := c.Register(silent{})
	d.SetLimits(dispatch.Limits{Paths: 1, Permits: 1})
	command := func(path dispatch.Path, text string) dispatch.Update {
		return dispatch.Update{Path: path, Message: dispatch.TextMessage(text, dispatch.Options{})}
	}
	arrow := func(path dispatch.Path, pattern dispatch.Pattern) dispatch.Update {
		return dispatch.Command(path, id, pattern, 0)
	}
	number := dispatch.Update{Path: dispatch.PathKick, Message: message("1", dispatch.Options{})}
	tests := []struct {
		name   string
		update dispatch.Update
		want   error
	}{
		{"unknown ID", dispatch.Command(dispatch.PathConnect, "nobody", "chat", 0), dispatch.ErrUnknownID},
		{"no arrow", command(dispatch.PathConnect, "chat"), dispatch.ErrCommand},
		{"no ID", command(dispatch.PathPermit, "->chat"), dispatch.ErrCommand},
		{"no pattern", arrow(dispatch.PathForbid, ""), dispatch.ErrPathEmpty},
		{"bad pattern", arrow(dispatch.PathDisconnect, "**/chat"), dispatch.ErrPatternTail},
		{"kick of nobody", dispatch.Kick("nobody"), dispatch.ErrUnknownID},
		{"kick of no text", number, dispatch.ErrKick},
		{"to nobody", command(dispatch.PathTo("nobody"), "psst"), dispatch.ErrUnknownID},
		{"gone", command(dispatch.PathGone, string(id)), dispatch.ErrReserved},
		{"disconnected", command(dispatch.PathDisconnected, "chat"), dispatch.ErrReserved},
		{"members", command(dispatch.PathMembers("chat"), "{}"), dispatch.ErrReserved},
		{"no command", command("::nothing", "chat"), dispatch.ErrNoCommand},
		{"paths", arrow(dispatch.PathConnect, "2"), dispatch.ErrPaths},
		{"permits", arrow(dispatch.PathPermit, "2"), dispatch.ErrPermits},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			good := []dispatch.Update{arrow(dispatch.PathConnect, "1"), arrow(dispatch.PathPermit, "1")}
			err := d.Apply("", append(good, test.update)...)
			var at *dispatch.UpdateError
			if !errors.As(err, &at) || at.Index != 2 || at.Path != test.update.Path || !errors.Is(err, test.want) {
				t.Errorf("got %v (%+v), want %v at 2", err, at, test.want)
			}
			if info, _ := d.Client(id); len(info.Connected)+len(info.Permits) != 0 {
				t.Errorf("the batch was refused and has changed something: %+v", info)
			}
		})
	}
}

func TestPublishErrors(t *testing.T) {
	c, d := running(t)
	hi := dispatch.Update{Path: "chat", Message: dispatch.TextMessage("hi", dispatch.Options{})}
	if err := d.Publish(c.Register(silent{}), hi); !errors.Is(err, dispatch.ErrNotPermitted) {
		t.Errorf("Publish: got %v, want %v", err, dispatch.ErrNotPermitted)
	}
	if err := d.Publish("nobody"); !errors.Is(err, dispatch.ErrUnknownID) {
		t.Errorf("Publish: got %v, want %v", err, dispatch.ErrUnknownID)
	}
}
