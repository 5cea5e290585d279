//go:build race

package main

// raced tells whether the tests are built with the race detector: then the daemon is, too, of which most is built
// already.
const raced = true
