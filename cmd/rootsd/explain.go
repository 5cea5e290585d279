package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// clientView is what GET /clients/{id} answers, as far as it is shown.
type clientView struct {
	ID        string       `json:"id"`
	Connected []linkView   `json:"connected"`
	Permits   []linkView   `json:"permits"`
	Session   *sessionView `json:"session"`
}

type linkView struct {
	Path   string    `json:"path"`
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Lapses string    `json:"lapses_in"`
}

type sessionView struct {
	Transport string            `json:"transport"`
	Since     time.Time         `json:"since"`
	Parked    bool              `json:"parked"`
	Until     time.Time         `json:"until"`
	Queued    int               `json:"queued"`
	Bytes     int               `json:"bytes"`
	Cursor    uint64            `json:"cursor"`
	Confirmed uint64            `json:"confirmed"`
	Gapped    uint64            `json:"gapped"`
	Gaps      map[string]uint64 `json:"gaps"`
}

// pathView is what GET /paths/{path} answers, as far as it is shown.
type pathView struct {
	Path     string `json:"path"`
	Matched  int    `json:"matched"`
	Audience []struct {
		Pattern   string `json:"pattern"`
		Connected int    `json:"connected"`
		Clients   []struct {
			ID      string       `json:"id"`
			Since   time.Time    `json:"since"`
			By      string       `json:"by"`
			Session *sessionView `json:"session"`
		} `json:"clients"`
	} `json:"audience"`
}

func newExplain() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain <id or path>",
		Short: "Say why a client hears something, or nothing",
		Long: `Explain asks a running daemon about a client, by its ID or token: what it is connected
to, what waits for it, what it has confirmed; or about a path: whom an update there
would reach.`,
		Example: `  rootsd explain roots-5sLnQ0cTz0VvJb1yX9w2Rk-17
  rootsd explain orders/42`,
		Args: args(1, 1, "an ID or a path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := ingestControl(cmd)
			if err != nil {
				return err
			}
			return explain(cmd.OutOrStdout(), c, args[0], asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the daemon's own answer")
	addControlFlags(cmd)
	return cmd
}

// explain asks for a client first; what is no client's ID is taken for a path.
func explain(w io.Writer, c *control, text string, asJSON bool) error {
	answer, err := c.do(http.MethodGet, "/clients/"+url.PathEscape(idOf(text)), nil, 0)
	if err == nil {
		return show(w, answer, asJSON, printClient)
	}
	var r *refusal
	if !errors.As(err, &r) || r.Reason != "unknown_id" || looksLikeID(idOf(text)) {
		return err
	}
	segments := strings.Split(text, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	answer, err = c.do(http.MethodGet, "/paths/"+strings.Join(segments, "/"), nil, 0)
	if err != nil {
		return err
	}
	return show(w, answer, asJSON, printPath)
}

// looksLikeID tells whether text was meant as an ID: "<node>-<22 characters>-<number>".
func looksLikeID(text string) bool {
	parts := strings.Split(text, "-")
	return len(parts) == 3 && len(parts[1]) == 22
}

func show[V any](w io.Writer, answer []byte, asJSON bool, print func(io.Writer, V)) error {
	if asJSON {
		_, err := w.Write(answer)
		return err
	}
	var view V
	if err := json.Unmarshal(answer, &view); err != nil {
		return fmt.Errorf("the answer is not what was expected: %w", err)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	print(table, view)
	return table.Flush()
}

func printClient(w io.Writer, v clientView) {
	fmt.Fprintf(w, "client %s\n", v.ID)
	if s := v.Session; s != nil {
		fmt.Fprintf(w, "  session\t%s, opened %s, %s\n", s.Transport, when(s.Since), s.state())
		fmt.Fprintf(w, "  queue\t%d not confirmed (%d bytes); confirmed up to %d of %d; %s\n",
			s.Queued, s.Bytes, s.Confirmed, s.Cursor, s.lost())
	}
	printLinks(w, "connected to", v.Connected)
	printLinks(w, "may publish at", v.Permits)
}

func printLinks(w io.Writer, title string, links []linkView) {
	if len(links) == 0 {
		fmt.Fprintf(w, "  %s\tnothing\n", title)
	}
	for _, l := range links {
		fmt.Fprintf(w, "  %s\t%s", title, l.Path)
		if !l.Since.IsZero() {
			fmt.Fprintf(w, "\tsince %s\tby %s", when(l.Since), l.By)
		}
		if l.Lapses != "" {
			fmt.Fprintf(w, "\tlapses in %s", l.Lapses)
		}
		fmt.Fprintln(w)
		title = ""
	}
}

func printPath(w io.Writer, v pathView) {
	fmt.Fprintf(w, "path %s: an update would reach %d\n", v.Path, v.Matched)
	for _, a := range v.Audience {
		fmt.Fprintf(w, "  connected to %s: %d\n", a.Pattern, a.Connected)
		for _, c := range a.Clients {
			fmt.Fprintf(w, "    %s\tsince %s\tby %s", c.ID, when(c.Since), c.By)
			if c.Session != nil {
				fmt.Fprintf(w, "\t%s\t%d not confirmed", c.Session.state(), c.Session.Queued)
			}
			fmt.Fprintln(w)
		}
		if more := a.Connected - len(a.Clients); more > 0 {
			fmt.Fprintf(w, "    and %d more\n", more)
		}
	}
}

// lost says how many updates were lost, and why.
func (s *sessionView) lost() string {
	text := fmt.Sprintf("%d lost to limits", s.Gapped)
	separator := ": "
	for _, reason := range slices.Sorted(maps.Keys(s.Gaps)) {
		text += fmt.Sprintf("%s%d by %s", separator, s.Gaps[reason], reason)
		separator = ", "
	}
	return text
}

// state says whether the client is there.
func (s *sessionView) state() string {
	left := time.Until(s.Until).Round(time.Second)
	switch {
	case s.Parked && s.Transport == "long-poll":
		return fmt.Sprintf("listening (next answer within %s)", max(left, 0))
	case s.Parked:
		return fmt.Sprintf("listening (next ping within %s)", max(left, 0))
	}
	return fmt.Sprintf("away (expires in %s)", max(left, 0))
}

// when is a time as people say it.
func when(t time.Time) string {
	return time.Since(t).Round(time.Second).String() + " ago"
}
