// Package demo is a small application that shows what rootsd does, and uses it as any application would: browsers ask it
// to be connected, it keeps what they see, and it tells rootsd of every change over HTTP. It has no other way in.
//
// What it keeps, and where changes are told:
//
//	demo/ticks         1, 2, 3 … five a second, by which the page proves that nothing is lost
//	demo/jobs/<name>   how far a job is, in percent; only the latest matters
//	demo/todo          a change of the to-do list: the entry as it is now
//	demo/tree/<file>   that a file was read or written
//	demo/hello         nothing of its own: what someone sends with curl
//
// State is changed first and told after, and one goroutine tells all of it, so that what is told keeps the order in which
// it happened. What could not be told is not kept: once rootsd answers again it is sent a blank message at every path,
// which has the pages load afresh.
//
// Whoever reaches the page may change what is on it, as there is no login. Requests that change something must bring the
// value of the page's cookie in a header, which no page of another site can do.
package demo
