package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// runJavaScript runs the tests of clients/js in Node.
func runJavaScript() result {
	if !has("node") {
		return skipped("clients/js: node is not installed; get it with: apt-get install nodejs")
	}
	return runNode("clients/js")
}

// runBrowser runs the tests of clients/e2e, in Chromium.
func runBrowser() result {
	if !has("node") || !has("npm") {
		return skipped("clients/e2e: node and npm are not installed; get them with: apt-get install nodejs npm")
	}
	if browser := cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium"); !has(browser) {
		return skipped("clients/e2e: there is no " + browser + "; get it with: apt-get install chromium (or name another with CHROMIUM)")
	}
	if _, err := os.Stat("clients/e2e/node_modules/.package-lock.json"); err != nil {
		if text, err := run("clients/e2e", "npm", "ci", "--no-audit", "--no-fund"); err != nil {
			return skipped("clients/e2e: npm ci fails, which needs the network once: " + lastLine(text))
		}
	}
	return runNode("clients/e2e")
}

// runPython runs the tests of clients/python.
func runPython() result {
	if !has("python3") {
		return skipped("clients/python: python3 is not installed; get it with: apt-get install python3")
	}
	began := time.Now()
	text, err := run("clients/python", "python3", "-m", "unittest", "discover", "-v", "-s", "tests")
	ran, failures, errors := number(text, `(?m)^Ran (\d+) test`), number(text, `(?m)^FAILED .*failures=(\d+)`), number(text, `(?m)^FAILED .*errors=(\d+)`)
	var r result
	for _, match := range regexp.MustCompile(`(?m)^(\w+ .*?)(?:\n.*)? \.\.\. skipped ['"](.*)['"]$`).FindAllStringSubmatch(text, -1) {
		r.skips = append(r.skips, "clients/python "+match[1]+": "+match[2])
	}
	r.failed = failures + errors
	r.passed = ran - r.failed - len(r.skips)
	return r.told("clients/python", text, err, began)
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
