// Soak tries what rootsd promises where it is hardest: see docs/reliability.md. Its three trials start a rootsd of their
// own, hold up to 19,000 real clients on one goroutine and one epoll set (cmd/internal/load), and check what every one of
// them is told.
//
//   - soak has them come, listen, stall, leave, vanish, move and expire for long, under a memory ceiling that is the sum of
//     the configured bounds (ceiling.go), and looks for what is left behind when all have gone.
//   - soak restart stops the daemon while they wait and updates flow, and starts it again on the same sockets.
//   - soak storm kills it, and has all of them come back at once.
//
// What a client must hear stands in its ledger (ledger.go): the numbers at each path go up by one, but for a gap mark.
package main
