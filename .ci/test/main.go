// Test runs the tests of all languages: those of Go, of the clients and connectors in JavaScript and Python, of the connectors in
// Ruby and PHP, and of all of it in a real browser. It runs what the machine has, names what it skipped and how to get that, and ends with the counts. With
// CI=true a skip is a failure: there is nothing that a machine of continuous integration may lack.
//
//	go run ./.ci/test            all of them
//	go run ./.ci/test go python  these
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// result is what the tests of one kind came to.
type result struct {
	passed, failed int
	skips          []string // which, and why
	vectors        counts
}

type suite struct {
	name    string
	run     func() result
	vectors []string // the files of docs/vectors of which it has to run every case
}

// suites are the kinds of tests, in the order in which they run.
var suites = []suite{
	{"go", runGo, append(ofClients, "connector", "webhook")},
	{"javascript", runJavaScript, append(ofClients, "webhook")},
	{"python", runPython, append(ofClients, "webhook")},
	{"ruby", runRuby, []string{"webhook"}},
	{"php", runPHP, []string{"webhook"}},
	{"browser", runBrowser, ofClients},
}

// ofClients are the files of docs/vectors that say what every client does.
var ofClients = []string{"match", "message", "path", "session", "token"}[:5:5]

func main() {
	wanted := os.Args[1:]
	for _, name := range wanted {
		if !slices.ContainsFunc(suites, func(s suite) bool { return s.name == name }) {
			fmt.Fprintf(os.Stderr, "test: there are no tests of %q\n", name)
			os.Exit(2)
		}
	}
	all := result{vectors: make(counts)}
	var lines []string
	for _, suite := range suites {
		if len(wanted) > 0 && !slices.Contains(wanted, suite.name) {
			continue
		}
		r := suite.run()
		all.passed, all.failed, all.skips = all.passed+r.passed, all.failed+r.failed, append(all.skips, r.skips...)
		if r.passed > 0 {
			all.failed += all.vectors.compare(suite, r.vectors)
		}
		lines = append(lines, fmt.Sprintf("%s: %d passed, %d failed, %d skipped", suite.name, r.passed, r.failed, len(r.skips)))
	}
	for _, skip := range all.skips {
		fmt.Println("skipped:", skip)
	}
	fmt.Println(strings.Join(lines, "\n"))
	fmt.Println("cases of docs/vectors:", all.vectors)
	fmt.Printf("%d passed, %d failed, %d skipped\n", all.passed, all.failed, len(all.skips))
	if all.failed > 0 || (len(all.skips) > 0 && os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}
