//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"
)

// restartTrial is a graceful restart under clients that wait and a publisher that goes on.
type restartTrial struct {
	trial
	takeover bool
	findings findings
}

func newRestartCommand(program *string) *cobra.Command {
	t := trial{scale: 1, out: os.Stdout}
	cmd := &cobra.Command{
		Use:   "restart",
		Short: "Restart the daemon under clients that wait, and count what is refused, lost or late",
		Long: `Restart has clients wait and a publisher publish, and restarts the daemon: first under
listening sockets that this program holds, as systemd does, then by rootsd serve
--takeover. It fails if a connection is refused, an update lost, a gap mark seen, or if
subscriptions, permits or cursors are not what they were.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.Join(runRestart(cmd.Context(), t, false, *program), runRestart(cmd.Context(), t, true, *program))
		},
	}
	cmd.Flags().IntVar(&t.clients, "clients", 10000, "how many clients wait")
	cmd.Flags().Float64Var(&t.rate, "rate", 1000, "updates a second")
	cmd.Flags().DurationVar(&t.within, "within", 2*time.Second, "time after the stop in which all are to be served again")
	return cmd
}

// runRestart runs the trial once and prints what came of it.
func runRestart(ctx context.Context, how trial, takeover bool, program string) (err error) {
	t := &restartTrial{trial: how, takeover: takeover}
	t.screen = newScreen(os.Stderr)
	title := "Restart by rootsd serve --takeover"
	if !takeover {
		t.listeners = make(map[string]net.Listener)
		title = "Restart under sockets that the service manager holds"
	}
	defer func() { err = errors.Join(err, t.close()) }()
	err = t.open(ctx, program, nil)
	if err == nil {
		err = t.restart(ctx)
	}
	t.screen.clear()
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	title = fmt.Sprintf("%s: %d clients, %.0f updates a second", title, t.clients, t.rate)
	return errors.Join(t.findings.write(t.out, title), t.findings.verdict(), t.crowd.tally.verdict())
}

// restart does it, with the daemon looked at before and after.
func (t *restartTrial) restart(ctx context.Context) error {
	t.screen.stage("permits, and a first while of updates")
	t.permit()
	if err := t.publishFor(ctx, 3*time.Second); err != nil {
		return err
	}
	before, err := t.look(ctx)
	if err != nil {
		return err
	}
	t.publish()
	if err := t.wait(ctx, 3*time.Second); err != nil {
		return err
	}
	if err := t.measured(ctx); err != nil {
		return err
	}
	if err := t.publishFor(ctx, 5*time.Second); err != nil {
		return err
	}
	t.crowd.audit()
	after, err := t.look(ctx)
	if err != nil {
		return err
	}
	t.compare(before, after)
	return nil
}

// permit has every second client permitted to publish somewhere, for half of them with a lease.
func (t *restartTrial) permit() {
	for _, c := range t.crowd.clients {
		cmd := command{ID: c.id(), Paths: []string{fmt.Sprintf("chat/%d/*", c.number)}}
		switch c.number % 4 {
		case 0:
			continue
		case 1:
			cmd.For = "2h"
		}
		t.crowd.call(c.number, &call{target: "/permit", body: cmd.encode()})
	}
}

// publishFor publishes for so long, and returns when all has come.
func (t *restartTrial) publishFor(ctx context.Context, d time.Duration) error {
	t.crowd.hush()
	t.publish()
	if err := t.wait(ctx, d); err != nil {
		return err
	}
	t.crowd.hush()
	return t.crowd.quiet(ctx, time.Second, 20*time.Second)
}

// look asks the daemon about all clients, and how much there is.
func (t *restartTrial) look(ctx context.Context) (*look, error) {
	t.screen.stage("looking at all clients")
	text, err := t.daemon.get(ctx, t.daemon.admin, "/metrics")
	if err != nil {
		return nil, err
	}
	clients, err := t.daemon.views(ctx, t.crowd.clients)
	return &look{clients, parseValues(string(text))}, err
}

// look is what the daemon says of its clients.
type look struct {
	clients []view
	values  values
}

// measured restarts the daemon, and waits until all clients are served.
func (t *restartTrial) measured(ctx context.Context) error {
	t.screen.stage("restarting")
	old, oldCPU := t.process, t.process.cpu()
	t.crowd.latencies = []*hdrhistogram.Histogram{t.during}
	begun := t.crowd.now()
	if err := t.replace(ctx, t.takeover); err != nil {
		return err
	}
	ended := t.crowd.now()
	all, err := t.crowd.until(ctx, 60*time.Second, func() bool { return t.crowd.served == t.clients })
	if err != nil {
		return err
	}
	f := &t.findings
	f.promise("served again", all, "all", "%d of %d clients", t.crowd.served, t.clients)
	f.say("the old process ended after", "%v", (ended - begun).Round(time.Millisecond))
	f.promise("all served after", t.servedBy(1, begun) <= t.within, "at most "+t.within.String(),
		"%v (half of them %v, 99 %% %v)", t.servedBy(1, begun), t.servedBy(0.5, begun), t.servedBy(0.99, begun))
	f.say("CPU, from the stop to the last one served", "old %v, new %v",
		(old.cpu() - oldCPU).Round(time.Millisecond), t.process.cpu().Round(time.Millisecond))
	for _, line := range append(logged(old, "state "), logged(t.process, "state ")...) {
		f.say("log", "%s", line)
	}
	return nil
}

// compare says what is not as it was, and what went wrong meanwhile.
func (t *restartTrial) compare(before, after *look) {
	f, tally := &t.findings, &t.crowd.tally
	different := 0
	for i := range after.clients {
		if text := after.clients[i].differs(&before.clients[i]); text != "" {
			different++
			tally.note(flawChanged, fmt.Sprintf("client %d: %s", i, text))
		}
	}
	f.none("connections of clients refused", tally.broken["refused"])
	f.none("connections of back-ends refused", tally.callsRefused)
	f.none("updates lost", tally.flaws[flawLost]+tally.flaws[flawHole])
	f.none("updates repeated, or out of order", tally.flaws[flawAgain])
	f.none("gap marks", sum(tally.marks))
	f.none("sessions lost", tally.lost)
	f.none("clients whose subscriptions, permits or cursor differ", different)
	for _, name := range []string{"rootsd_patterns", "rootsd_sessions", "rootsd_components"} {
		was, is := before.values[name], after.values[name]
		f.promise(name, is == was, "as before", "%.0f, before %.0f", is, was)
	}
	updates := 0
	for _, c := range t.crowd.clients {
		updates += c.heard
	}
	f.say("updates that clients were told", "%d, checked one by one", updates)
	f.say("calls of back-ends", "%d answered; told to come later %d; cut before the answer %d",
		tally.calls, tally.callsLater, tally.callsCut)
	f.say("clients told to come later", "%d by 503; %d by a hint", tally.later, tally.hints)
	f.say("connections of clients broken", "%s", counts(tally.broken))
	f.say("latency before, and from the stop on", "p50 %v, p99 %v; p50 %v, p99 %v", percentile(t.before, 50),
		percentile(t.before, 99), percentile(t.during, 50), percentile(t.during, 99))
}
