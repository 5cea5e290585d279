package lanetest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Odd is an odd request, or a few on one connection, and what it means. transport/lane/testdata/odd/README.md tells how
// they are written down.
type Odd struct {
	Name string   // with the file it stands in: "lengths: two that differ"
	Why  string   // what goes wrong where it is taken for something else
	Text string   // all that is sent; the names of Fill stand in it
	Want []string // one a request that is served or refused, and how the connection is left
}

// OddRequests reads the files of transport/lane/testdata/odd with these names, without ".txt"; all of the requests where
// none is given.
func OddRequests(t testing.TB, files ...string) []Odd {
	t.Helper()
	dir := oddDir(t)
	if len(files) == 0 {
		files = []string{"*"}
	}
	var all []Odd
	for _, pattern := range files {
		paths, err := filepath.Glob(filepath.Join(dir, pattern+".txt"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no odd requests in %s: %v", pattern, err)
		}
		for _, path := range paths {
			all = append(all, readOdd(t, path)...)
		}
	}
	return all
}

// oddDir is where the files are, seen from the package of any test.
func oddDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "transport", "lane", "testdata", "odd")
		}
	}
	t.Fatal("there is no go.mod above this test")
	return ""
}

func readOdd(t testing.TB, path string) []Odd {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := strings.TrimSuffix(filepath.Base(path), ".txt")
	_, cases, _ := strings.Cut("\n"+string(text), "\n== ")
	var all []Odd
	for part := range strings.SplitSeq(cases, "\n== ") {
		name, rest, _ := strings.Cut(part, "\n")
		odd, err := parseOdd(rest)
		if err != nil {
			t.Fatalf("%s: %s: %v", path, name, err)
		}
		odd.Name = file + ": " + name
		all = append(all, odd)
	}
	return all
}

// parseOdd reads the lines below a name.
func parseOdd(text string) (odd Odd, err error) {
	for line := range strings.SplitSeq(text, "\n") {
		why, comment := strings.CutPrefix(line, "# ")
		want, said := strings.CutPrefix(line, "=> ")
		switch {
		case said:
			odd.Want = append(odd.Want, want)
		case odd.Want != nil && line == "":
			continue // between two
		case odd.Want != nil:
			return odd, fmt.Errorf("%q follows what is wanted", line)
		case comment && odd.Text == "":
			odd.Why = strings.TrimSpace(odd.Why + " " + why)
		default:
			sent, err := unescape(line)
			if err != nil {
				return odd, err
			}
			odd.Text += sent
		}
	}
	if odd.Why == "" || odd.Text == "" || odd.Want == nil {
		err = fmt.Errorf("it has no reason, no text, or nothing that is wanted: %+v", odd)
	}
	return odd, err
}

var escape = regexp.MustCompile(`\\(?:x[0-9a-f]{2}|\((.+?)\*(\d+)\)|.|$)`)

// unescape returns what a line stands for: itself and CR LF, unless a backslash ends it.
func unescape(line string) (string, error) {
	var bad error
	end := "\r\n"
	text := escape.ReplaceAllStringFunc(line, func(found string) string {
		switch parts := escape.FindStringSubmatch(found); {
		case found == `\`:
			end = ""
			return ""
		case parts[2] != "":
			n, _ := strconv.Atoi(parts[2]) // digits
			inner, err := unescape(parts[1] + `\`)
			bad = err
			return strings.Repeat(inner, n)
		}
		plain, err := strconv.Unquote(`"` + found + `"`)
		if err != nil {
			bad = fmt.Errorf("%s is no escape", found)
		}
		return plain
	})
	return text + end, bad
}

// otherwise divides what net/http takes a request for from what the loops may do instead.
const otherwise = "or, on the loops,"

// Differs tells whether the loops may do something else than net/http: refuse it.
func (o Odd) Differs() bool { return slices.Contains(o.Want, otherwise) }

// Meanings returns what net/http takes the request for, and what the loops do, a line for each thing.
func (o Odd) Meanings() (alone, loops string) {
	all := strings.Join(o.Want, "\n")
	alone, loops, differ := strings.Cut(all, "\n"+otherwise+"\n")
	if !differ {
		return all, all
	}
	return alone, loops
}

var filled = regexp.MustCompile(`\{[A-Z]+\}`)

// Fill puts values in the place of the names in braces, as of {TOKEN}. {LENGTH} is then how many bytes follow the first
// empty line behind it.
func (o Odd) Fill(values map[string]string) string {
	text := filled.ReplaceAllStringFunc(o.Text, func(name string) string {
		if value, ok := values[name[1:len(name)-1]]; ok {
			return value
		}
		return name
	})
	const length = "{LENGTH}"
	if at := strings.LastIndex(text, length); at >= 0 {
		_, body, _ := strings.Cut(text[at:], "\r\n\r\n")
		text = text[:at] + strconv.Itoa(len(body)) + text[at+len(length):]
	}
	return text
}

// OddHTTP are the files about HTTP itself, whatever is asked for. The others are about the ports that their requests are
// for.
var OddHTTP = []string{"lengths", "chunks", "lines", "targets", "requestlines", "hosts", "connection", "pipelines"}
