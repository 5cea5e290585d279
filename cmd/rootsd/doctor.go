package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rootsd/rootsd/cmd/internal/doctor"
)

// doctorOptions are the flags of doctor as they are written.
type doctorOptions struct {
	origin, connect string
	cookies, fields []string
	asJSON          bool
}

func newDoctor() *cobra.Command {
	var config doctor.Config
	var options doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor <url>",
		Short: "Say what is wrong between browsers and rootsd",
		Long: `Doctor comes to the URL at which pages find rootsd, through all proxies on the way, as a
browser does, and says what is wrong there and which setting repairs it: a path that
leads elsewhere, a proxy that buffers, compresses, or waits for too short a time, lost
WebSockets, several daemons in turns, open control ports.

It waits for as long as rootsd holds a poll (push.hold, 25s by default), by all
transports at the same time; --quick leaves that out.

With --connect, --cookie and --path it asks the application to be connected, as a page of
a logged-in user does, and as strangers do, who must be refused. Cookies and tokens are
never printed.

It exits with 0 if nothing failed, with 1 if something did; warnings are no failure.`,
		Example: `  rootsd doctor https://example.com/comet/
  rootsd doctor --quick --json https://example.com/comet/
  rootsd doctor --origin https://app.example https://push.example.com/
  rootsd doctor --connect '/server/connect/{id}' --path news --cookie "sessionid=$SESSION" https://example.com/comet/`,
		ValidArgsFunction: cobra.NoFileCompletions,
		Args:              args(1, 1, "the URL that pages use"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := readDoctor(cmd, &config, options, args[0]); err != nil {
				return usageError{err}
			}
			return examine(cmd, config, options.asJSON)
		},
	}
	addDoctorFlags(cmd, &config, &options)
	return cmd
}

func addDoctorFlags(cmd *cobra.Command, config *doctor.Config, options *doctorOptions) {
	flags := cmd.Flags()
	flags.StringVar(&options.origin, "origin", "", "`origin` of the pages, such as https://app.example (default: the "+
		"URL's own)")
	flags.StringVar(&options.connect, "connect", "", "`url` of the application's connect endpoint, with {id} in it; "+
		"may begin with the path")
	flags.StringArrayVar(&config.Paths, "path", nil, "`path` to be connected to there; may repeat")
	flags.StringArrayVar(&options.cookies, "cookie", nil, "`name=value` of a logged-in user's cookie; may repeat")
	flags.StringArrayVar(&options.fields, "header", nil, "`'Name: value'` that the application wants, such as a CSRF "+
		"token; may repeat")
	flags.StringToIntVar(&config.Ports, "ports", nil, "control `ports` to look at (default: ingest=8004,line=8007,"+
		"admin=8009, unless the host is this machine)")
	flags.Lookup("ports").DefValue = "" // it says so itself
	flags.DurationVar(&config.Hold, "hold", time.Minute, "how long to wait for what rootsd holds, at most")
	flags.DurationVar(&config.Timeout, "timeout", 10*time.Second, "how long any other answer may take")
	flags.BoolVar(&config.Quick, "quick", false, "leave the waits out")
	flags.BoolVar(&config.Insecure, "insecure", false, "take any certificate")
	flags.BoolVar(&options.asJSON, "json", false, "print one JSON object")
}

// readDoctor reads what the command line says into config.
func readDoctor(cmd *cobra.Command, config *doctor.Config, options doctorOptions, address string) (err error) {
	for _, flag := range []string{"hold", "timeout"} {
		if d, _ := cmd.Flags().GetDuration(flag); d <= 0 {
			return fmt.Errorf("--%s must be above 0, such as 2s or 1m", flag)
		}
	}
	if config.URL, err = webURL(address); err != nil {
		return err
	}
	if options.origin != "" {
		origin, err := webURL(options.origin)
		if err != nil || strings.Trim(origin.Path, "/") != "" {
			return fmt.Errorf("--origin: %q is not an origin such as https://app.example", options.origin)
		}
		config.Origin = origin.Scheme + "://" + origin.Host
	}
	for name, number := range config.Ports {
		if !slices.Contains([]string{"ingest", "line", "admin"}, name) || number < 1 || number > 65535 {
			return fmt.Errorf("--ports: %s=%d is not such as ingest=8004, line=8007 or admin=8009", name, number)
		}
	}
	return readApplication(config, options)
}

// readApplication reads what to ask the application.
func readApplication(config *doctor.Config, options doctorOptions) (err error) {
	if config.Cookies, err = readCookies(options.cookies); err != nil {
		return err
	}
	if config.Header, err = readFields(options.fields); err != nil {
		return err
	}
	if options.connect == "" {
		if len(config.Paths)+len(config.Cookies)+len(config.Header) > 0 {
			return errors.New("--path, --cookie and --header are for the application; say where it is with --connect")
		}
		return nil
	}
	if !strings.Contains(options.connect, "{id}") || len(config.Paths) == 0 {
		return errors.New("--connect takes a URL with {id} in it, and wants at least one --path")
	}
	base := &url.URL{Scheme: config.URL.Scheme, Host: config.URL.Host}
	if config.Connect, err = url.Parse(options.connect); err == nil {
		_, err = webURL(base.ResolveReference(config.Connect).String())
	}
	return err
}

// webURL reads a URL that a page could ask for. Its error does not repeat a password.
func webURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		if i := strings.LastIndexByte(text, '@'); i >= 0 {
			text = "…" + text[i:]
		}
		return nil, fmt.Errorf("%q is not a URL such as https://example.com/comet/", text)
	case u.User != nil:
		return nil, errors.New("give the URL without a name or password: pages cannot use one that has them")
	}
	return u, nil
}

// readCookies reads name=value. The error does not show the value.
func readCookies(texts []string) ([]*http.Cookie, error) {
	var all []*http.Cookie
	for _, text := range texts {
		cookies, err := http.ParseCookie(text)
		if err != nil {
			return nil, errors.New("--cookie takes name=value, as a browser sends it")
		}
		all = append(all, cookies...)
	}
	return all, nil
}

// readFields reads "Name: value". The error does not show the value.
func readFields(texts []string) (http.Header, error) {
	header := make(http.Header)
	for _, text := range texts {
		name, value, ok := strings.Cut(text, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, errors.New("--header takes 'Name: value'")
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return header, nil
}

// examine runs the checks and prints them.
func examine(cmd *cobra.Command, config doctor.Config, asJSON bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	out, shown := cmd.OutOrStdout(), newProgress(cmd.ErrOrStderr())
	printer := newCheckPrinter(out)
	config.Waiting = func(elapsed, most time.Duration) {
		shown.show("waiting for what rootsd holds: %3.0f s of at most %.0f s", elapsed.Seconds(), most.Seconds())
	}
	if !asJSON {
		config.Told = func(c doctor.Check) {
			shown.clear()
			printer.print(c)
		}
	}
	report := doctor.Run(ctx, config)
	shown.clear()
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(report); err != nil {
			return err
		}
	} else {
		printer.printOmitted(report)
	}
	return verdict(ctx, report)
}

// verdict is the error of a report in which something has failed.
func verdict(ctx context.Context, report *doctor.Report) error {
	var failed []string
	for _, c := range report.Checks {
		if c.State == doctor.Failed {
			failed = append(failed, c.Name)
		}
	}
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; what was skipped is not known")
	case len(failed) > 0:
		return errors.New("failed: " + strings.Join(failed, ", "))
	}
	return nil
}

// checkIndent is where the texts of checks begin.
const checkIndent = 24

// widest is how wide texts of checks are at most, in characters.
const widest = 84

// checkPrinter prints checks.
type checkPrinter struct {
	w        io.Writer
	width    int  // of texts, in characters
	terminal bool // so that what is longer would be broken anywhere
}

func newCheckPrinter(w io.Writer) checkPrinter {
	if file, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil {
			return checkPrinter{w, max(min(columns-checkIndent, widest), 32), true}
		}
	}
	return checkPrinter{w, widest, false}
}

// print prints a check: its state, its name, what was seen, and below that the fix. One that another explains is left
// out.
func (p checkPrinter) print(c doctor.Check) {
	if c.Cause != "" {
		return
	}
	margin := strings.Repeat(" ", checkIndent)
	fmt.Fprintf(p.w, "%-9s%-15s%s\n", c.State, c.Name, strings.Join(wrapped(c.Seen, p.width), "\n"+margin))
	for line := range strings.Lines(c.Fix) {
		text := strings.TrimRight(line, "\n")
		switch {
		case !strings.HasPrefix(text, " "):
			fmt.Fprintf(p.w, "%s→ %s\n", margin, strings.Join(wrapped(text, p.width-2), "\n  "+margin))
		case p.terminal: // for a proxy
			fmt.Fprintf(p.w, "%s  %s\n", margin, strings.Join(wrapped(text, p.width-4), "\n    "+margin))
		default: // in one piece, to be copied
			fmt.Fprintf(p.w, "%s%s\n", margin, text)
		}
	}
}

// printOmitted names the checks that print has left out.
func (p checkPrinter) printOmitted(report *doctor.Report) {
	causes := make(map[string][]string)
	for _, c := range report.Checks {
		if c.Cause != "" {
			causes[c.Cause] = append(causes[c.Cause], c.Name)
		}
	}
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		seen := fmt.Sprintf("not looked at, because of %s: %s", cause, strings.Join(causes[cause], ", "))
		p.print(doctor.Check{Name: "the rest", State: doctor.Skipped, Seen: seen})
	}
}

// wrapped breaks text into lines of a width between words.
func wrapped(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}
