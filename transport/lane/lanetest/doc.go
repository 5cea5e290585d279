// Package lanetest is a network in memory for the event loops of package lane: it stands in for the system's sockets, so
// that all that is above them runs as it is. Tests use it in testing/synctest bubbles, where real sockets cannot be, and
// with a million clients, for which no machine here has descriptors.
//
// A [Net] is the network, [Net.Listen] opens a port, and a client is either a net.Conn ([Listener.Dial]) or, where there
// are very many, a [Socket] of the caller's own whose answers come to a function.
package lanetest
