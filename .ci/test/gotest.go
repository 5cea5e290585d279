package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// event is one line of "go test -json"; see "go doc test2json".
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// report is what the events come to.
type report struct {
	result
	output map[string]*strings.Builder // by package and test, until it passes
}

// runGo runs the tests of all packages. It prints a line for each package as it ends, and the output of what failed.
func runGo() result {
	cmd := exec.Command("go", "test", "-json", "-race", "-timeout", "20m", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Println("FAIL go test:", err)
		return result{failed: 1}
	}
	r := report{result{vectors: make(counts)}, make(map[string]*strings.Builder)}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Println(lines.Text())
			continue
		}
		r.take(e)
	}
	if err := cmd.Wait(); err != nil && r.failed == 0 {
		fmt.Println("FAIL go test:", err)
		r.failed = 1
	}
	return r.result
}

func (r *report) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if r.output[key] == nil {
			r.output[key] = new(strings.Builder)
		}
		r.output[key].WriteString(e.Output)
		r.vectors.read(e.Output)
	case "pass", "fail", "skip":
		text := ""
		if r.output[key] != nil {
			text = r.output[key].String()
			delete(r.output, key)
		}
		if e.Test == "" {
			r.endPackage(e, text)
			return
		}
		r.endTest(e, text)
	}
}

func (r *report) endTest(e event, text string) {
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		fmt.Printf("FAIL %s %s\n%s", e.Package, e.Test, text)
	case "skip":
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(text)))
	}
}

func (r *report) endPackage(e event, text string) {
	switch {
	case e.Action == "fail":
		fmt.Printf("FAIL %s\n%s", e.Package, text)
	case strings.Contains(text, "[no test files]"):
		fmt.Printf("no tests in %s\n", e.Package)
	case e.Action == "pass":
		fmt.Printf("ok   %s %.1fs\n", e.Package, e.Elapsed)
	}
}

// reason is the last line that a skipped test said, without the place that said it.
func reason(text string) string {
	said := "no reason given"
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "---") || strings.HasPrefix(line, "===") {
			continue
		}
		if _, after, ok := strings.Cut(line, ".go:"); ok {
			_, line, _ = strings.Cut(after, ": ")
		}
		said = line
	}
	return said
}
