//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/spf13/cobra"
)

// stormTrial is all clients coming back at once, to a daemon that has lost their sessions or has kept them.
type stormTrial struct {
	trial
	pace     int // push.pace
	kept     bool
	findings findings
}

func newStormCommand(program *string) *cobra.Command {
	t := stormTrial{trial: trial{scale: 1, out: os.Stdout}}
	cmd := &cobra.Command{
		Use:   "storm",
		Short: "Kill the daemon under clients that wait, and have them all come back at once",
		Long: `Storm has clients wait, kills the daemon and starts it again: all of them come with
tokens of sessions that are lost, and a back-end, which this program plays, is asked to
connect each. Then the same with a daemon that is stopped, and finds their sessions in
its state. It fails if the back-end is asked faster than push.pace, or anybody is left.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			killed, stopped := t, t
			stopped.kept = true
			return errors.Join(runStorm(cmd.Context(), &killed, *program), runStorm(cmd.Context(), &stopped, *program))
		},
	}
	cmd.Flags().IntVar(&t.clients, "clients", 15000, "how many clients wait")
	cmd.Flags().Float64Var(&t.rate, "rate", 500, "updates a second")
	cmd.Flags().IntVar(&t.pace, "pace", 500, "push.pace: clients that may ask the back-end, a second")
	return cmd
}

// runStorm runs the trial once and prints what came of it.
func runStorm(ctx context.Context, t *stormTrial, program string) (err error) {
	t.screen = newScreen(os.Stderr)
	title := "Storm after kill -9"
	if t.kept {
		title = "Storm after SIGTERM, with state"
	}
	defer func() { err = errors.Join(err, t.close()) }()
	err = t.open(ctx, program, map[string]string{"push-pace": fmt.Sprint(t.pace)})
	if err == nil {
		err = t.storm(ctx)
	}
	t.screen.clear()
	if err != nil {
		return fmt.Errorf("%s: %w", title, err)
	}
	title = fmt.Sprintf("%s: %d clients, %.0f updates a second, push.pace %d", title, t.clients, t.rate, t.pace)
	return errors.Join(t.findings.write(t.out, title), t.findings.verdict(), t.crowd.tally.verdict())
}

// storm does it.
func (t *stormTrial) storm(ctx context.Context) error {
	t.publish()
	if err := t.wait(ctx, 5*time.Second); err != nil {
		return err
	}
	t.crowd.latencies = []*hdrhistogram.Histogram{t.during}
	t.arrivals, t.crowd.asks = nil, nil
	begun, old := t.crowd.now(), t.process
	if t.kept {
		if err := t.replace(ctx, false); err != nil {
			return err
		}
	} else {
		old.kill()
		if err := t.followed(ctx, old, false); err != nil {
			return err
		}
	}
	err := t.crowd.awaitAll(ctx, 3*time.Minute, func(n int) { t.screen.show("coming back", n, t.clients, "") })
	if err == nil && t.kept {
		_, err = t.crowd.until(ctx, time.Minute, func() bool { return t.crowd.served == t.clients })
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, logOf(t.process))
	}
	back := t.crowd.now()
	cpu := t.process.cpu()
	t.crowd.hush()
	if err := t.crowd.quiet(ctx, time.Second, 20*time.Second); err != nil {
		return err
	}
	t.crowd.audit()
	return t.sumUp(begun, back, cpu)
}

// sumUp says what came of it. Back is when all were connected to what they want, CPU what that took of the daemon.
func (t *stormTrial) sumUp(begun, back, cpu time.Duration) error {
	f, tally := &t.findings, &t.crowd.tally
	f.say("all connected and listening after", "%v", (back - begun).Round(10*time.Millisecond))
	f.say("answered by the new process", "half after %v, 99 %% after %v, all after %v",
		t.servedBy(0.5, begun), t.servedBy(0.99, begun), t.servedBy(1, begun))
	t.sumAsks(begun)
	f.say("clients that came to wait, most in a second", "%d", busiest(t.arrivals))
	f.say("hints", "%d to wait before the back-end is asked, %d to come back later", tally.paced, tally.hints)
	f.say("clients told to come later", "%d by 503 or 429", tally.later)
	f.say("connections of clients broken", "%s", counts(tally.broken))
	f.say("calls of back-ends", "%d answered; refused %d; told to come later %d; cut before the answer %d",
		tally.calls, tally.callsRefused, tally.callsLater, tally.callsCut)
	f.none("updates lost or repeated", sum(tally.flaws))
	f.say("latency before, and during the storm", "p50 %v, p99 %v; p50 %v, p99 %v, of those connected by then",
		percentile(t.before, 50), percentile(t.before, 99), percentile(t.during, 50), percentile(t.during, 99))
	_, most, err := t.process.resident()
	f.say("CPU of the daemon until all were back", "%v, %.0f %% of a processor",
		cpu.Round(10*time.Millisecond), 100*float64(cpu)/float64(back-begun))
	f.say("memory of the daemon, most", "%s", size(most))
	return err
}

// sumAsks says how the back-end fared. A few may come together: those who need not wait, and those who were late.
func (t *stormTrial) sumAsks(begun time.Duration) {
	f, asks := &t.findings, t.crowd.asks
	if t.kept {
		f.none("sessions lost", t.crowd.tally.lost)
		f.none("requests at the back-end", len(asks))
		return
	}
	most := busiest(asks)
	f.promise("requests at the back-end, most in a second", float64(most) <= 1.25*float64(t.pace)+10,
		fmt.Sprintf("about %d", t.pace), "%d", most)
	var slots []string
	const width = 5 * time.Second
	for at, i := begun, 0; i < len(asks); at += width {
		n := 0
		for i < len(asks) && asks[i] < at+width {
			i, n = i+1, n+1
		}
		slots = append(slots, fmt.Sprint(n/int(width/time.Second)))
	}
	f.say("… a second, for five seconds each", "%s", strings.Join(slots, " "))
}
