// Package push serves the clients: browsers that wait to hear of updates.
//
// A client's mailbox is a [Session], a component like any other. Back-ends connect it to paths, the Dispatcher tells it
// of updates, and it keeps them in a bounded queue until the client confirms them. The client comes by with a token,
// "<id>/<cursor>/<secret>": the ID is the session's address, the cursor says up to where the client has heard, and the
// secret gives the right to hear more.
//
//	Dispatcher ──Update──▶ Session ──Wake──▶ a transport ──answer──▶ client
//	                          ▲ Park(cursor)      │
//	                          └───────────────────┘
//
// A session has no goroutine, no timer and, while nothing waits in it, no buffer. It is told of an update without
// blocking; it wakes the [Waiter] that is parked on it, if there is one; and whoever serves that client asks it, from
// outside the timeline, for what follows the cursor: a long-poll for one answer, an event stream or a WebSocket for part
// after part. What was sent stays until it is confirmed, as far as there is room, for a client whose connection broke; what
// goes before that leaves a mark in its place, which only such a client sees. One wheel of slots looks at all sessions in
// turn and finds those whose time is up.
//
// # What is promised
//
// An update that reaches a session is given to the client exactly once, in the timeline's order, or the client is given
// a gap mark at its path: a blank message that says why something is missing. A queue that meets a limit turns what
// waits for the paths concerned into such marks, so that its memory is bounded and no client is told less than the truth.
//
// The sessions of one process go on in the next ([Push.Save], [Push.Restore]): tokens stay good, and what was not
// confirmed is given again.
//
// # How to test against it
//
// [Push] is an http.Handler; tests serve it in a testing/synctest bubble, by net/http and by event loops on a network in memory. docs/vectors/session.json holds
// cases that say what a queue gives for what it is told, and token.json what is a token. TestModel compares Push with
// what clients may see, on random input; TestStorm does so with everything at once.
package push
