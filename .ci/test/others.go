package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// runJavaScript runs the tests of clients/js and connectors/node in Node.
func runJavaScript() result {
	if !has("node") {
		return skipped("clients/js and connectors/node: node is not installed; get it with: apt-get install nodejs")
	}
	return runNode("clients/js").and(withModules("connectors/node"))
}

// runBrowser runs the tests of clients/e2e, in Chromium.
func runBrowser() result {
	if browser := cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium"); !has(browser) {
		return skipped("clients/e2e: there is no " + browser + "; get it with: apt-get install chromium (or name another with CHROMIUM)")
	}
	return withModules("clients/e2e")
}

// withModules runs the tests of a folder in Node that need packages from npm.
func withModules(folder string) result {
	if !has("node") || !has("npm") {
		return skipped(folder + ": node and npm are not installed; get them with: apt-get install nodejs npm")
	}
	if _, err := os.Stat(folder + "/node_modules/.package-lock.json"); err != nil {
		if text, err := run(folder, "npm", "ci", "--no-audit", "--no-fund"); err != nil {
			return skipped(folder + ": npm ci fails, which needs the network once: " + lastLine(text))
		}
	}
	return runNode(folder)
}

// runPython runs the tests of clients/python and connectors/python.
func runPython() result {
	if !has("python3") {
		return skipped("clients/python and connectors/python: python3 is not installed; get it with: apt-get install python3")
	}
	return runUnittest("clients/python", "python3", "tests").and(runUnittest("connectors/python", withDjango(), "test"))
}

// withDjango returns a Python that has Django, or any, if none has: the first one in PATH is not always Debian's.
func withDjango() string {
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if has(python) && exec.Command(python, "-c", "import django").Run() == nil {
			return python
		}
	}
	return "python3"
}

// runUnittest runs the tests of a folder with Python's unittest.
func runUnittest(folder, python, tests string) result {
	began := time.Now()
	text, err := run(folder, python, "-m", "unittest", "discover", "-v", "-s", tests)
	ran, failures, errors := number(text, `(?m)^Ran (\d+) test`), number(text, `(?m)^FAILED .*failures=(\d+)`), number(text, `(?m)^FAILED .*errors=(\d+)`)
	var r result
	for _, match := range regexp.MustCompile(`(?m)^(\w+ .*?)(?:\n.*)? \.\.\. skipped ['"](.*)['"]$`).FindAllStringSubmatch(text, -1) {
		r.skips = append(r.skips, folder+" "+match[1]+": "+match[2])
	}
	r.failed = failures + errors
	r.passed = ran - r.failed - len(r.skips)
	return r.told(folder, text, err, began)
}

// runRuby runs the tests of connectors/ruby, with minitest.
func runRuby() result {
	const folder = "connectors/ruby"
	if !has("ruby") {
		return skipped(folder + ": ruby is not installed; get it with: apt-get install ruby ruby-minitest")
	}
	began := time.Now()
	text, err := run(folder, "ruby", "-Ilib", "-Itest", "-e", `Dir["test/*_test.rb"].sort.each { |file| require "./#{file}" }`, "--", "--verbose")
	summary := func(of string) int { return number(text, `(?m)^\d+ runs,.* (\d+) `+of) }
	var r result
	for _, match := range regexp.MustCompile(`(?m)^(\S+) = .* = S$`).FindAllStringSubmatch(text, -1) {
		reason := regexp.MustCompile(`(?s)Skipped:\n` + regexp.QuoteMeta(match[1]) + ` \[.*?\]:\n(.*?)\n`).FindStringSubmatch(text)
		r.skips = append(r.skips, folder+" "+match[1]+": "+lastOf(reason))
	}
	r.failed = summary("failures") + summary("errors")
	r.passed = number(text, `(?m)^(\d+) runs,`) - r.failed - len(r.skips)
	return r.told(folder, text, err, began)
}

// lastOf returns the last of what an expression found, if it found something.
func lastOf(found []string) string {
	if len(found) == 0 {
		return "no reason given"
	}
	return found[len(found)-1]
}

// runPHP runs the tests of connectors/php.
func runPHP() result {
	const folder = "connectors/php"
	if !has("php") {
		return skipped(folder + ": php is not installed; get it with: apt-get install php-cli")
	}
	began := time.Now()
	text, err := run(folder, "php", "test/run.php")
	return tap(folder, text).told(folder, text, err, began)
}

// tap reads a report in the Test Anything Protocol, without what it says in the end.
func tap(folder, text string) result {
	var r result
	for _, match := range regexp.MustCompile(`(?m)^(not )?ok \d+ - (.*?)(?: # SKIP ?(.*))?$`).FindAllStringSubmatch(text, -1) {
		switch {
		case match[1] != "":
			r.failed++
		case match[3] != "":
			r.skips = append(r.skips, folder+" "+match[2]+": "+match[3])
		default:
			r.passed++
		}
	}
	return r
}

// and adds what tests of another folder came to.
func (r result) and(other result) result {
	sum := result{r.passed + other.passed, r.failed + other.failed, append(r.skips, other.skips...), make(counts)}
	maps.Copy(sum.vectors, r.vectors)
	maps.Copy(sum.vectors, other.vectors)
	return sum
}

// runNode runs the tests of a folder in Node.
func runNode(folder string) result {
	files, err := filepath.Glob(folder + "/test/*.test.js")
	if err != nil || len(files) == 0 {
		return result{failed: 1}.told(folder, "there are no tests\n", err, time.Now())
	}
	args := []string{"--test", "--test-concurrency=1", "--test-reporter=tap"}
	for _, file := range files {
		args = append(args, "test/"+filepath.Base(file))
	}
	began := time.Now()
	text, err := run(folder, "node", args...)
	r := result{
		passed: number(text, `(?m)^# pass (\d+)$`),
		failed: number(text, `(?m)^# fail (\d+)$`) + number(text, `(?m)^# cancelled (\d+)$`),
	}
	for _, match := range regexp.MustCompile(`(?m)^\s*ok \d+ - (.*) # SKIP ?(.*)$`).FindAllStringSubmatch(text, -1) {
		r.skips = append(r.skips, folder+" "+match[1]+": "+match[2])
	}
	if r.failed > 0 {
		r.vectors = make(counts)
		r.vectors.read(text)
		text = failures(text)
	}
	return r.told(folder, text, err, began)
}

// failures returns what a report in the Test Anything Protocol says of tests that failed, or all of it if that is nothing.
func failures(tap string) string {
	var failed strings.Builder
	telling := false
	for line := range strings.Lines(tap) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "not ok ") {
			telling = true
		}
		if telling {
			failed.WriteString(line)
		}
		if text == "..." {
			telling = false
		}
	}
	return cmp.Or(failed.String(), tap)
}

// told prints what a suite came to, with all its output where that was not well.
func (r result) told(folder, text string, err error, began time.Time) result {
	if err != nil && r.failed == 0 {
		r.failed = 1
	}
	if r.vectors == nil {
		r.vectors = make(counts)
		r.vectors.read(text)
	}
	if r.failed > 0 {
		fmt.Printf("FAIL %s: %v\n%s", folder, err, text)
		return r
	}
	fmt.Printf("ok   %s %.1fs\n", folder, time.Since(began).Seconds())
	return r
}

// patience is how long a suite may take; those here take ten minutes at the most.
const patience = 30 * time.Minute

// run runs a program in a folder, and returns all that it says.
func run(folder, name string, args ...string) (string, error) {
	var text bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &text, &text
	err := cmd.Run()
	return text.String(), err
}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func skipped(why string) result { return result{skips: []string{why}} }

// number returns the number that pattern finds in text, or 0.
func number(text, pattern string) int {
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		return 0
	}
	n, _ := strconv.Atoi(match[1]) // digits
	return n
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
