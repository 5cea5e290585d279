// Package dashboard is what the page on the admin address asks for: what the daemon is made of, its numbers once a second,
// which paths anybody is connected to, and which commands were obeyed last.
//
//	GET /dashboard/about    the daemon and its components
//	GET /dashboard/paths    a level of the tree of paths
//	GET /dashboard/events   the latest commands, newest first
//
// The numbers are updates at the path "stats" of a timeline of their own. The page is a client of it, as others are of the
// daemon's: so this package needs no streams, and nothing is gathered while nobody looks.
//
// A [Dashboard] knows nothing of who guards it, and nothing of Prometheus: that is for who makes it. For a test, give it a
// Controller each and call ServeHTTP; in a testing/synctest bubble a second goes by at once.
package dashboard
