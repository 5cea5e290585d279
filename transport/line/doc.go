// Package line is the line protocol: one update a line, as a person would type it into a terminal and as the log says it.
//
//	orders/42; {"state":"paid"}
//	::connect; roots-5sLnQ0cTz0VvJb1yX9w2Rk-17->orders/*
//
// A line is a path, a ';', a message and a newline. The same codec serves four ways:
//
//	back-ends ── TCP ──────────────▶ Receiver.Serve ────┐
//	back-ends ── GET /<line> ──────▶ Receiver.Handler ──┴─▶ Dispatcher.Apply ─▶ timeline
//	timeline ─▶ Writer ─▶ standard output or a file
//	whoever reads or writes lines ─▶ Decode, Append, AppendUpdate
//
// A [Receiver] has a back-end's powers: whoever reaches its port may connect any client to anything. It therefore listens
// on loopback, or wants a token; and it closes a connection that opens like HTTP, so that a page in a developer's browser
// cannot drive it. It never answers a line. What cannot be taken is ignored, counted in [Stats] and logged at debug level.
//
// A [Writer] is a delegate of the Controller and writes every update there is. It never holds the timeline up: what a
// slow disk or a stuck pipe does not take is dropped, and the log says how many lines are missing, and where.
//
// # The format
//
// A line ends in LF or CRLF. The first ';' divides it; one space after it is dropped; without a ';' the message is blank.
// All other text stands for itself, except for escapes: \xNN, two lower-case hexadecimal digits, is
//
//   - a control character, U+0000 to U+001F or U+007F to U+009F, which is always written so;
//   - a ';', as \x3b, in a path only;
//   - a backslash, as \x5c, which is written so only where it would begin one of these escapes otherwise.
//
// So JSON and Windows file names, backslashes and all, mostly stay as they are, a message with a newline is one line, and
// [Decode] gives back what [Append] was given. Cases for other languages are in docs/vectors/line.json.
//
// # Goroutines and locks
//
// A Receiver has one goroutine a connection, which ends with it; [Receiver.Close] returns when all have ended. A Writer
// has one goroutine, from [NewWriter] to [Writer.Close]. A Writer's lock is taken under the Controller's, and neither
// it nor the Receiver's is held during a read or a write.
//
// # How to test against it
//
// A line is its own test tool: `printf 'orders/42; paid\n' | nc 127.0.0.1 8007`. In Go, give [Receiver.Serve] a listener
// on port 0, and a [Writer] a bytes.Buffer as Output; Close makes both quiet.
package line
