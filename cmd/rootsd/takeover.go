package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/rootsd/rootsd/transport/push"
)

// How a rootsd takes the place of another. Both talk over a socket beside the state file, in lines of JSON:
//
//	new: who it is               (introduction)
//	old: who it is, its sockets  (welcome, and the descriptors)
//	new: "go", once all that can fail has been done
//	old: that it has left        (farewell), once its state is written
//	new: the end, once it waits at the same place for the one after it
//
// Until "go", the old one serves as before, whatever becomes of the new one. From then on the new one does, whatever
// becomes of the old one: nobody else has the sockets.

// takeoverProtocol is the number of this way of talking.
const takeoverProtocol = 1

// The times that each side gives the other.
const (
	talkTime  = 10 * time.Second // for an answer that takes no work
	readyTime = 30 * time.Second // for the new one to be ready
	leaveTime = 60 * time.Second // for the old one to write its state, after it has drained
)

// introduction is what the new one says first.
type introduction struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"`
}

// welcome is what the old one answers: a refusal, or who it is.
type welcome struct {
	Refusal string         `json:"refusal,omitempty"`
	Version string         `json:"version"`
	Node    string         `json:"node"`
	Format  int            `json:"format"` // of the state that it will write
	Drain   time.Duration  `json:"drain"`  // how long it may take to stop
	Sockets []passedSocket `json:"sockets"`
}

// passedSocket describes a socket whose descriptor comes along, in the same order.
type passedSocket struct {
	Key     string `json:"key"`     // of the port
	Address string `json:"address"` // as it was configured
}

// ready is what the new one says when nothing stands in its way.
type ready struct {
	Go bool `json:"go"`
}

// introducer says what another rootsd has to know of this one, and which sockets it is given; or why that is not possible.
type introducer func() (welcome, []*net.TCPListener, error)

// farewell is what the old one says when it is gone but for its process.
type farewell struct {
	Problem string `json:"problem,omitempty"` // why there is no state
}

var (
	// errNobody says that there is no rootsd to take the place of.
	errNobody = errors.New("nobody is there")
	// errRunning says that there is another rootsd with the same state file.
	errRunning = errors.New("another rootsd runs")
)

// takePlace opens the sockets, after it has seen that no other daemon is in this one's place, or has had that leave it.
func (d *daemon) takePlace() error {
	if d.takeover {
		old, err := d.findPredecessor()
		if err != nil {
			return err
		}
		if old != nil {
			defer func() { _ = old.Close() }() // all was said
			return d.relieve(old)
		}
	}
	if err := d.openHandover(false); err != nil {
		return err
	}
	return d.listenAll()
}

// findPredecessor returns the rootsd whose place this one is to take; nil if there is none.
func (d *daemon) findPredecessor() (*predecessor, error) {
	if d.state == nil {
		return nil, errors.New("--takeover needs a state file, to find the running rootsd by and to be given its sessions in; set state.file")
	}
	old, err := callPredecessor(d.state.path)
	switch {
	case errors.Is(err, errNobody):
		d.log.Info("there is nobody to take over from; starting", "file", d.state.path)
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("takeover: %w", err)
	}
	if err := d.mayFollow(&old.welcome); err != nil {
		_ = old.Close() // which it takes for a no
		return nil, fmt.Errorf("takeover: %w", err)
	}
	return old, nil
}

// mayFollow says why this daemon could not read what the old one would write.
func (d *daemon) mayFollow(old *welcome) error {
	switch {
	case old.Node != d.config.Name:
		return fmt.Errorf("the running rootsd has the name %q, and this one %q, which could not go on with its sessions", old.Node, d.config.Name)
	case old.Format != push.StateVersion:
		return fmt.Errorf("the running rootsd %s writes state of format %d, and this one reads format %d; "+
			"to go on without the sessions, stop that one and start this one", old.Version, old.Format, push.StateVersion)
	}
	return nil
}

// relieve opens all that this daemon needs, and has the old one leave then.
func (d *daemon) relieve(old *predecessor) error {
	d.inherited = old.sockets
	if err := d.listenAll(); err != nil {
		return fmt.Errorf("takeover: %w (the running rootsd goes on)", err)
	}
	d.log.Info("taking over", "from", old.pid, "version", old.welcome.Version)
	if err := old.dismiss(); err != nil {
		return fmt.Errorf("takeover: %w (the running rootsd goes on)", err)
	}
	problem, err := old.leave()
	switch {
	case err != nil:
		d.log.Warn("the other rootsd has not said that it has left; going on with what it has left by now", "pid", old.pid, "err", err)
	case problem != "":
		d.log.Warn("the other rootsd has left no state; clients begin afresh", "why", problem)
	}
	if err := d.openHandover(err == nil); err != nil {
		d.log.Warn("takeover will not be possible: " + err.Error())
	}
	return nil
}

// openHandover lets another rootsd take this one's place later. It is an error if there is one already in it, but for one
// whose heir this one is.
func (d *daemon) openHandover(heir bool) error {
	if d.state == nil {
		return nil
	}
	h, err := listenHandover(d.state.path, heir, d.log, d.introduce)
	switch {
	case errors.Is(err, errRunning):
		return fmt.Errorf("state.file: another rootsd runs with %s; to take its place, add --takeover", d.state.path)
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		d.log.Warn("takeover will not be possible, and another rootsd with this state file will not be noticed: " + err.Error())
	default:
		d.handover = h
	}
	return nil
}

// introduce is an [introducer]. The ports are open then.
func (d *daemon) introduce() (welcome, []*net.TCPListener, error) {
	stats := d.push.Stats()
	if err := d.state.reserve(stateEstimate(d.push.Sessions(), stats.Bytes.Load())); err != nil {
		return welcome{}, nil, fmt.Errorf("its state could not be written: %w", err)
	}
	w := welcome{Version: version, Node: d.config.Name, Format: push.StateVersion, Drain: d.config.Drain}
	var sockets []*net.TCPListener
	for _, p := range d.ports {
		w.Sockets = append(w.Sockets, passedSocket{p.key, p.address})
		sockets = append(sockets, p.socket)
	}
	return w, sockets, nil
}

// stateEstimate is about how many bytes the state has, for so many sessions whose queues count for so much memory. What
// several of them wait for is written once, and counted for each, so that very much of it says little.
func stateEstimate(sessions int, queued int64) int64 {
	return int64(sessions)*256 + min(queued, 64<<20) + 4096
}

// successor is closed when another rootsd is ready to take this one's place.
func (d *daemon) successor() <-chan struct{} {
	if d.handover == nil {
		return nil
	}
	return d.handover.ready
}
