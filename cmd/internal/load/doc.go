// Package load puts a push server under load and counts what comes of it. One goroutine and one epoll set hold up to as
// many clients as the process may have descriptors; nothing is allocated for a message.
//
// What flows: [Run] opens the clients of a [Config], publishes messages that carry their path, their number there and the
// time at which they were due, and looks at every one that a client is given. So [Result] says what was lost, came twice
// or out of order, and how late each delivery was. A latency counts from the time at which the message was due, not from
// that at which the server had room for it (coordinated omission).
//
// How one server is spoken to stands in a [Dialect]; that of rootsd is [Rootsd]. The engine does the rest: connections,
// HTTP answers (Content-Length, chunked, until close), event streams, WebSocket frames and pings.
//
// The connections are there for other works as well: a [Loop] holds each [Link], which reads what its [Peer] is told.
//
// [Run] needs Linux. The parsers do no I/O; their tests feed them in pieces, and the fakes of the tests drop, repeat and
// reorder messages on purpose.
package load
