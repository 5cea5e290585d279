// Chaos is a seeded test of the real rootsd: it starts the daemon, lets clients and back-ends loose on it, breaks what
// can break, and compares what every client saw with what docs/protocol.md promises.
//
//	make chaos                      50 seeds, from 1 on
//	make chaos SEEDS=200            more of them
//	make chaos SEED=17              one seed, the same schedule every time
//	make chaos PLANTED=all          whether deliberate faults are found: see below
//	go run ./cmd/chaos -h           all flags
//	go run ./cmd/chaos -seed 17 -print > 17.txt
//	go run ./cmd/chaos -schedule 17.txt
//
// # A run
//
// A seed makes a [Schedule]: the daemon's settings and a list of steps, each with its time and its actor. Every actor
// takes its own steps in their order, beside all others. So the schedule is always the same, and what happens differs
// with the machine: a run that fails is repeated while its schedule is made shorter.
//
//	config limits.lane=loops push.queue.messages=40
//	0 c1 open sse
//	10 a1 connect c1 feed/* room/** for=400ms
//	20 b1 publish feed/1 feed/2 count=200 every=5ms batch=4 latest=3
//	700 c1 move websocket keep
//	900 d restart down=200ms
//
// The actors are clients (c1, …), which wait by long-poll, event stream or WebSocket, come back by themselves, and
// connect themselves to open paths; a part of the application that connects and permits (a1, …), often to the same
// paths at the same time; publishers (b1, …), each of whom has paths of its own, at which it counts, and some of whom
// wait for receipts; and the daemon's keeper (d), who stops, kills, pauses and starts it. [Schedule] lists the steps.
//
// Clients reach the daemon straight or through a proxy (Shopify's toxiproxy, as a library) that delays, slices, cuts,
// resets or swallows what they say and hear. In a third of the seeds that is TLS, from the client through the proxy to
// the daemon, with a certificate that is made for the run, and that clients verify.
//
// # What is checked
//
// While a run goes on, everything is only written down, in a [History]: when each request began and was answered, with
// what. [judge] compares afterwards. Two things happened one after the other only if one was answered before the other
// began; what overlaps may have happened either way, and so may an update whose answer was lost.
//
// For each session, and for each way that it went by its tokens (a client that comes back with an older token goes
// another way from there on):
//
//   - An update comes once, exactly as it was accepted, and in its path's order. It comes only to whom it can be for: one
//     connected, and not the one left out by "except".
//   - One that a session was connected to comes, or a mark stands for it: a blank message at its path, or at a pattern or
//     "**", after everything that was before the update. A mark at its very path stands before all that is newer there;
//     those of patterns may stand later, because marks that become one move to the end of what waits.
//   - A "latest" update may be missing where a later one at its path was given, but not once it was sent.
//   - A connect is confirmed by a blank message, and nothing comes for it before that; a disconnect by its notice, and
//     nothing comes for it after that. Marks may stand for both. Neither comes more often than it was asked for.
//   - What a client may connect itself to is open, and it is refused nothing that is. The paths of an address count for
//     the session that it opens, and for no other. Commands of the client and of the application for one path may be
//     obeyed in any order where they overlap, and one of a client's own whose answer was lost at any time after.
//   - A client that comes back with a token sees again just what it saw after that token, or marks for it.
//   - A mark has a reason that the limits explain, or it is of a restart at which ports were closed. Every such restart is
//     told, at all that a session is connected to; its marks excuse nothing that was accepted.
//   - A session whose client came back in time is known, with the same ID, unless it was kicked, left or killed with the
//     daemon. A stale token is refused, a good one is not.
//
// For all sessions: what they saw, what was answered before something else began, and batches, which stand on the
// timeline in one piece, must fit into one order. IDs are never given twice. After the last step every client has to be
// served, and to be told of a last update at every path that it is connected to, within a bounded time; and the daemon
// has to say the same of connections, of who gave them, and of permits as the model, and to end well when it is told
// to.
//
// For each receipt: it counts as matched no client that cannot have been connected, and each that must have been; as
// confirmed no client that has not come back with a token which counts the update, and each that was answered when it
// did, in time; as gapped none in whose session no limit can have been met; and it does not come before its time is up
// while a client is still waited for, unless the daemon ends. A session whose opening was never heard of may be
// connected to what its address named.
//
// # Planted faults
//
// With the build tag "planted" the daemon has faults, one of which ROOTS_PLANTED turns on: hooks in transport/push and
// dispatch, which an ordinary build leaves out. "make chaos PLANTED=all" looks for each of them until a seed shows it.
package main
