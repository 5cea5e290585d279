package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Schedule is what is done in a run: the daemon's settings, and steps. As text, a line of settings comes first, then a
// line for each step: "<milliseconds> <actor> <verb> <arguments>". Blank lines, and those that begin with "#", say
// nothing.
//
//	config KEY=VALUE …                        settings of rootsd, by their keys in roots.toml
//	config push.tls=made …                    TLS on the push port, with a certificate that is made for the run
//
// Clients (c1, …) begin with open and come back by themselves:
//
//	open FORM [PATTERN …]                     poll, sse or websocket; with "?path=PATTERN" in the address
//	paths [PATTERN …]                         have the address name these from now on, which may not be open
//	join PATTERN …                            connect itself; an open pattern stands in the address from then on
//	part PATTERN …                            disconnect itself, and not wait for the answer, as with join
//	again                                     take the next answer for lost: come back with the token before
//	back COUNT                                break the stream, and come back as if the last parts had not come
//	twice                                     ask once more while a request waits
//	older                                     ask with a token that was used up
//	move FORM [keep]                          go on with another transport; keep: and leave the old request open
//	break rst|fin                             cut the connection, and come back
//	half                                      close the own side of the connection
//	stall TIME                                read nothing, and do not come back
//	confirm COUNT                             over a WebSocket: confirm each so many frames; 0 for never
//	link direct|clean|KIND=… … [times=COUNT]  how the next connections go: see [link]
//	talk COUNT                                publish so many updates
//	leave                                     end the session
//
// The application (a1, …):
//
//	connect CLIENT PATTERN … [for=TIME]       and disconnect, permit, forbid
//	kick CLIENT
//
// Publishers (b1, …), each at paths of its own:
//
//	publish PATH … count=N [every=TIME] [batch=N] [latest=N] [except=CLIENT] [pad=BYTES] [by=http|line|old] [wait=TIME]
//
// The keeper of the daemon (d):
//
//	pause TIME                                SIGSTOP, and later SIGCONT
//	restart [down=TIME]                       SIGTERM, and start again
//	kill [down=TIME]                          SIGKILL, and start again
//	takeover                                  start another with --takeover
type Schedule struct {
	Config []string // KEY=VALUE
	Steps  []Step
}

// Step is one thing that one actor does.
type Step struct {
	At    time.Duration
	Actor string
	Verb  string
	Args  []string
}

// String writes the step as a line.
func (s Step) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s %s %s", s.At.Milliseconds(), s.Actor, s.Verb, strings.Join(s.Args, " ")))
}

// String writes the schedule as text.
func (s *Schedule) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, "config", strings.Join(s.Config, " "))
	for _, step := range s.Steps {
		fmt.Fprintln(&b, step)
	}
	return b.String()
}

// parseSchedule reads what String writes.
func parseSchedule(r io.Reader) (*Schedule, error) {
	s := &Schedule{}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case fields[0] == "config":
			s.Config = append(s.Config, fields[1:]...)
		default:
			step, err := parseStep(fields)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", number, err)
			}
			s.Steps = append(s.Steps, step)
		}
	}
	return s, lines.Err()
}

var errStep = errors.New("a step is written: <milliseconds> <actor> <verb> <arguments>")

func parseStep(fields []string) (Step, error) {
	if len(fields) < 3 {
		return Step{}, errStep
	}
	at, err := strconv.Atoi(fields[0])
	if err != nil {
		return Step{}, errStep
	}
	actor, verb := fields[1], fields[2]
	if list := verbs[actor[:1]]; !strings.Contains(list, " "+verb+" ") {
		return Step{}, fmt.Errorf("%s knows no %q; %w", actor, verb, errStep)
	}
	return Step{time.Duration(at) * time.Millisecond, actor, verb, fields[3:]}, nil
}

// verbs lists what each kind of actor can do.
var verbs = map[string]string{
	"c": " open again back twice older move break half stall confirm link talk leave join part paths ",
	"a": " connect disconnect permit forbid kick ",
	"b": " publish ",
	"d": " pause restart kill takeover ",
}

// plain returns the arguments that are no options.
func (s Step) plain() []string {
	var list []string
	for _, arg := range s.Args {
		if !strings.Contains(arg, "=") {
			list = append(list, arg)
		}
	}
	return list
}

// arg returns the i-th plain argument, "" if there is none.
func (s Step) arg(i int) string {
	if list := s.plain(); i < len(list) {
		return list[i]
	}
	return ""
}

// option returns the value of "name=value", "" if there is none.
func (s Step) option(name string) string {
	for _, arg := range s.Args {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
	}
	return ""
}

// number returns an option that is a number, in KiB where that stands behind it, or 0.
func (s Step) number(name string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(s.option(name), "KiB"))
	return n
}

// time returns an option that is a time, or 0.
func (s Step) time(name string) time.Duration {
	d, _ := time.ParseDuration(s.option(name))
	return d
}

// setting returns a setting of the daemon, "" if the schedule does not set it.
func (s *Schedule) setting(key string) string { return Step{Args: s.Config}.option(key) }

// The transports, as schedules name them.
const (
	formPoll   = "poll"
	formEvents = "sse"
	formFrames = "websocket"
)

// Rules are what the model has to know of the settings.
type Rules struct {
	Messages int
	Bytes    int
	Resume   int
	Age      time.Duration
	Hold     time.Duration
	Expire   time.Duration
	Keeps    bool     // the daemon keeps sessions when it is stopped in peace
	Open     []string // patterns that clients may connect themselves to
}

// open tells whether clients may connect themselves to pattern.
func (r *Rules) open(pattern string) bool {
	return slices.ContainsFunc(r.Open, func(open string) bool { return covers(open, pattern) })
}

// allOpen tells whether they may connect themselves to all of these.
func (r *Rules) allOpen(patterns []string) bool {
	return !slices.ContainsFunc(patterns, func(p string) bool { return !r.open(p) })
}

// rules returns those of a schedule's settings.
func (s *Schedule) rules() Rules {
	c := Step{Args: s.Config}
	return Rules{
		Messages: max(c.number("push.queue.messages"), 2), Bytes: 1024 * c.number("push.queue.bytes"),
		Resume: c.number("push.resume"), Age: c.time("push.queue.age"), Hold: c.time("push.hold"),
		Expire: c.time("push.expire"), Open: strings.FieldsFunc(c.option("push.open"), func(r rune) bool { return r == ',' }),
	}
}

// settingTLS is the setting that is none of rootsd: it stands for a certificate and its key.
const settingTLS = "push.tls"
