package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// State is how a check came out.
type State string

// The states.
const (
	OK      State = "ok"
	Warning State = "warning" // works, and hurts some of those who use it, or will
	Failed  State = "failed"
	Skipped State = "skipped" // was not looked at; what was seen says why
)

// Check is one question that was asked.
type Check struct {
	Name  string `json:"name"` // one word, such as "idle_timeout"
	State State  `json:"state"`
	Seen  string `json:"seen"` // what was found, in a line
	Fix   string `json:"fix"`  // what to do, in one line or more; "" where there is nothing to do
	Cause string `json:"-"`    // the name of the check whose failure explains why this one was skipped, or ""
}

// Report is what came of all checks.
type Report struct {
	URL    string  `json:"url"` // as it was given
	Checks []Check `json:"checks"`
	OK     bool    `json:"ok"` // none has failed
}

// Config says what to look at.
type Config struct {
	URL    *url.URL // where pages find rootsd; a path without a slash at its end is given one
	Origin string   // of the pages, such as "https://app.example"; "" for that of URL

	Connect *url.URL       // where the application connects a client, with {id} in it, perhaps a path alone; may be nil
	Paths   []string       // what to be connected to there
	Cookies []*http.Cookie // that a logged-in user has there
	Header  http.Header    // what the application wants beside, such as its CSRF token

	Ports map[string]int // ports of the URL's host to look at, by "ingest", "line" and "admin"; nil for the usual ones

	Hold    time.Duration // how long to wait for what rootsd holds, at most
	Timeout time.Duration // how long any other answer may take
	Quick   bool          // leave the waits out

	Insecure bool // take any certificate

	Told    func(Check)                       // is told of each check as soon as it is made; may be nil
	Waiting func(elapsed, most time.Duration) // is told now and then how long the waits have taken; may be nil
}

// checks are what Run looks at, in this order: what explains others goes before them, and what needs patience
// comes last.
var checks = []struct {
	name  string
	look  func(*exam, context.Context) Check
	after string // which has to be all right for this one to make sense, with what comes before that; "" for nothing
}{
	{"address", (*exam).address, ""},
	{"prefix", (*exam).prefix, "address"},
	{"balancing", (*exam).balancing, "prefix"},
	{"http_version", (*exam).httpVersion, "address"},
	{"long_poll", (*exam).longPoll, "balancing"},
	{"buffering", (*exam).buffering, "address"},
	{"upgrade", (*exam).upgrade, "address"},
	{"methods", (*exam).methods, "balancing"},
	{"caching", (*exam).caching, "address"},
	{"cors", (*exam).cors, "address"},
	{"cookies", (*exam).cookies, "address"},
	{"clock", (*exam).clock, "address"},
	{"ports", (*exam).ports, ""},
	{"idle_timeout", (*exam).idle, "address"},
	{"compression", (*exam).compression, "address"},
}

// Run makes all checks, and returns when it has left its sessions. It takes about as long as rootsd holds a poll. What
// is left when ctx ends is skipped.
func Run(ctx context.Context, config Config) *Report {
	e := newExam(config)
	defer e.leave(ctx)
	defer e.stop()
	for _, c := range checks {
		switch {
		case ctx.Err() != nil:
			e.tell(c.name, interrupted)
		case e.blame[c.after] != "":
			e.blame[c.name] = e.blame[c.after]
			e.tell(c.name, Check{State: Skipped, Seen: "see " + e.blame[c.name], Cause: e.blame[c.name]})
		default:
			e.tell(c.name, whole(ctx, c.look(e, ctx)))
		}
	}
	return e.report
}

// interrupted is a check to which ctx left no time.
var interrupted = Check{State: Skipped, Seen: "interrupted", Cause: "the interruption"}

// whole returns a check, unless the end of ctx may have been what it found.
func whole(ctx context.Context, c Check) Check {
	if ctx.Err() != nil && c.State != OK {
		return interrupted
	}
	return c
}

// tell adds a check to the report.
func (e *exam) tell(name string, c Check) {
	c.Name = name
	if c.State == Failed {
		e.blame[name] = name
	}
	e.report.Checks = append(e.report.Checks, c)
	e.report.OK = e.report.OK && c.State != Failed
	if e.Told != nil {
		e.Told(c)
	}
}

// good is a check that found nothing.
func good(format string, args ...any) Check {
	return Check{State: OK, Seen: fmt.Sprintf(format, args...)}
}

// skip is a check that was not made.
func skip(format string, args ...any) Check {
	return Check{State: Skipped, Seen: fmt.Sprintf(format, args...)}
}

// bad is a check that failed.
func (e *exam) bad(f fix, format string, args ...any) Check {
	return Check{State: Failed, Seen: fmt.Sprintf(format, args...), Fix: e.advice(f)}
}

// warn is a check that found something which works nevertheless.
func (e *exam) warn(f fix, format string, args ...any) Check {
	return Check{State: Warning, Seen: fmt.Sprintf(format, args...), Fix: e.advice(f)}
}

// origin is that of the pages.
func (e *exam) origin() string { return cmp.Or(e.Origin, originOf(e.URL)) }

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// endpoint is where the application connects a client.
func (e *exam) endpoint() *url.URL {
	base, err := url.Parse(e.origin())
	if err != nil {
		return e.Connect
	}
	return base.ResolveReference(e.Connect)
}

// crossOrigin tells whether pages and rootsd are of different origins to a browser.
func (e *exam) crossOrigin() bool { return e.origin() != originOf(e.URL) }
