package main

import (
	"slices"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

// A peer is a server that is measured.
type peer struct {
	name  string // for --servers, and at the head of its column
	about string
	// install builds or finds it, and returns its version. A peer that cannot be had is left out, and its error says why.
	install func(*workshop) (string, error)
	// start returns the command that serves at a site.
	start func(*workshop, *site) ([]string, error)
	// speak returns how it is spoken to; nil over a transport that it does not have.
	speak func(*site, load.Transport) load.Dialect
}

// The peers that the rest of the program knows by name.
const (
	nameFloor      = "floor"
	nameGoroutines = "goroutines"
	nameRootsd     = "rootsd"
	nameNchan      = "nchan"
)

// peers are run in this order in each round.
var peers = []peer{
	{nameFloor, "one epoll loop in C that answers with a fixed text", installFloor, startFloor, speakFloor},
	{nameGoroutines, "a goroutine a connection, and a fixed answer", installGoroutines, startGoroutines, speakFloor},
	{nameRootsd, "this tree", installRootsd, startRootsd, speakRootsd},
	{nameNchan, "nginx with nchan", installNchan, startNchan, speakNchan},
	{"mercure", "Mercure: event streams", installMercure, startMercure, speakMercure},
	{"centrifugo", "Centrifugo: its one-way transports", installCentrifugo, startCentrifugo, speakCentrifugo},
	{"golongpoll", "golongpoll: long-poll", installGolongpoll, startGolongpoll, speakGolongpoll},
	{"faye", "Faye on Node: long-poll and WebSocket", installFaye, startFaye, speakFaye},
}

// does tells whether a peer can do a work.
func (p *peer) does(w *work) bool {
	if slices.Contains(w.without, p.name) {
		return false
	}
	return w.kind == load.Publish || p.speak(&site{work: w}, w.transport) != nil
}

// anyTransport is one that the peer has, where nobody listens.
func (p *peer) anyTransport(s *site) load.Transport {
	for _, transport := range load.Transports {
		if p.speak(s, transport) != nil {
			return transport
		}
	}
	return load.LongPoll
}
