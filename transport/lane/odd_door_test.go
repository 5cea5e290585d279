package lane_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
	"github.com/rootsd/rootsd/transport/lane/lanetest"
)

// meaningField is the field of an answer that says what the request was taken for.
const meaningField = "X-Meaning"

// reader is a component that answers each request with what it takes it for.
type reader struct {
	lane.NeverParks
	mu    sync.Mutex // guards taken
	taken []string
}

// ServeFast implements lane.Fast.
func (d *reader) ServeFast(c *lane.Conn, r *lane.Request) bool {
	said := d.take(r.Method, r.Path, r.Query, r.Host, string(r.Body), r.Upgrade)
	c.Reply(func(w http.ResponseWriter) { w.Header().Set(meaningField, said) })
	return true
}

// ServeHTTP implements http.Handler.
func (d *reader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	upgrade := strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade")
	w.Header().Set(meaningField, d.take(r.Method, r.URL.Path, r.URL.RawQuery, r.Host, string(body), upgrade))
}

func (d *reader) take(method, path, query, host, body string, upgrade bool) string {
	path = strings.Trim(strconv.QuoteToASCII(path), `"`)
	if query != "" {
		path += "?" + strings.Trim(strconv.QuoteToASCII(query), `"`)
	}
	said := fmt.Sprintf("%s %s @%s", method, short(path), host)
	if body != "" {
		said += " " + strconv.QuoteToASCII(short(body))
	}
	if upgrade {
		said += " to a WebSocket"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.taken = append(d.taken, said)
	return said
}

// oddBounds are small, so that what is large is too large.
var oddBounds = lane.Bounds{Header: 10 * time.Second, Idle: time.Minute, Write: 10 * time.Second, HeaderSize: 32 << 10}

// TestOddRequests has both lanes take every odd request for the same, and for what the files say, whatever the pieces in
// which it comes.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	cases := lanetest.OddRequests(t, lanetest.OddHTTP...)
	if len(cases) < 300 {
		t.Errorf("there are %d odd requests, and should be 300 at least", len(cases))
	}
	for _, odd := range cases {
		t.Run(odd.Name, func(t *testing.T) {
			alone, loops := odd.Meanings()
			for _, lane := range []struct {
				name, want string
				open       func(*testing.T, *reader) *lanetest.Door
				piece      int
			}{{"net/http", alone, onHTTP, 1 << 20}, {"loops", loops, onLoops, 1 << 20}, {"loops, in pieces", loops, onLoops, 7}} {
				text := odd.Fill(nil)
				synctest.Test(t, func(t *testing.T) {
					got := meaning(lane.open(t, new(reader)), text, max(lane.piece, len(text)/20))
					if got != lane.want {
						t.Errorf("%s takes it for\n%s\nwant\n%s\n(%s)\n%q", lane.name, got, lane.want, odd.Why, short(text))
					}
				})
			}
		})
	}
}

func onHTTP(t *testing.T, d *reader) *lanetest.Door { return lanetest.HTTP(t, d, oddBounds) }

func onLoops(t *testing.T, d *reader) *lanetest.Door { return lanetest.Loops(t, d, d, oddBounds) }

// meaning sends text and tells what it was taken for: a line a request, and how the connection is left.
func meaning(door *lanetest.Door, text string, piece int) string {
	v := door.Knock()
	v.Say(text, piece)
	said, open := v.Heard()
	lines := meanings(said)
	if open {
		lines = append(lines, "open")
	} else if len(lines) == 0 {
		lines = append(lines, "closed")
	}
	return strings.Join(lines, "\n")
}

// meanings reads answers.
func meanings(said string) (lines []string) {
	answers := bufio.NewReader(strings.NewReader(said))
	for {
		head, _ := answers.Peek(answers.Size())
		if len(head) == 0 {
			return lines
		}
		method := http.MethodGet
		if header, _, _ := strings.Cut(string(head), "\r\n\r\n"); strings.Contains(header, meaningField+": HEAD ") {
			method = http.MethodHead
		}
		answer, err := http.ReadResponse(answers, &http.Request{Method: method})
		if err != nil {
			return append(lines, "no answer: "+err.Error())
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		line := answer.Header.Get(meaningField)
		switch {
		case answer.StatusCode == http.StatusContinue:
			line = "100 Continue"
		case line == "":
			line = fmt.Sprint("refused ", answer.StatusCode)
		}
		lines = append(lines, line)
	}
}

// The files say of each request what it means on the lanes; the README tells how many there are.
func TestOddReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "odd", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(lanetest.OddRequests(t)); !strings.Contains(string(text), fmt.Sprintf("There are %d of them", n)) {
		t.Errorf("the README does not say that there are %d", n)
	}
}
