package load

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// configFor is a small broadcast against a fake.
func configFor(s *fake, transport Transport) Config {
	return Config{
		Work: Broadcast, Transport: transport, Dialect: &fakeDialect{transport: transport, host: "fake"},
		Subscribe: s.address(), Publish: s.address(), Clients: 5, Count: 20, Warmup: 2, Patience: 20 * time.Second,
	}
}

func forEachTransport(t *testing.T, do func(t *testing.T, transport Transport)) {
	for _, transport := range Transports {
		t.Run(string(transport), func(t *testing.T) { do(t, transport) })
	}
}

func mustRun(t *testing.T, config Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every work, in all its forms, delivers what it published, over every transport.
func TestCleanRuns(t *testing.T) {
	forms := map[string]struct {
		change                       func(c *Config)
		messages, deliveries, visits int
	}{
		"park":            {func(c *Config) { c.Work, c.Count, c.Duration = Park, 0, time.Millisecond }, 0, 0, 0},
		"broadcast":       {func(*Config) {}, 20, 100, 0},
		"broadcast paced": {func(c *Config) { c.Rate = 1000 }, 20, 100, 0},
		"broadcast burst": {func(c *Config) { c.Burst = 5 }, 20, 100, 0},
		"broadcast busy":  {func(c *Config) { c.Busy = true }, 20, 100, 0},
		"unicast":         {func(c *Config) { c.Work = Unicast }, 20, 20, 0},
		"unicast window":  {func(c *Config) { c.Work, c.Window, c.Publishers = Unicast, 4, 2 }, 20, 20, 0},
		"unicast paced":   {func(c *Config) { c.Work, c.Rate = Unicast, 1000 }, 20, 20, 0},
		"publish":         {func(c *Config) { c.Work, c.Publishers = Publish, 3 }, 20, 0, 0},
		"publish paced":   {func(c *Config) { c.Work, c.Rate = Publish, 1000 }, 20, 0, 0},
		"churn":           {func(c *Config) { c.Work = Churn }, 60, 60, 20},
		"churn paced":     {func(c *Config) { c.Work, c.Rate, c.Visit = Churn, 1000, 1 }, 20, 20, 20},
	}
	forEachTransport(t, func(t *testing.T, transport Transport) {
		for name, form := range forms {
			t.Run(name, func(t *testing.T) {
				s := newFake(t)
				config := configFor(s, transport)
				form.change(&config)
				r := mustRun(t, config)
				if !r.Clean() || r.Messages != form.messages || r.Deliveries != form.deliveries || r.Visits != form.visits {
					t.Errorf("got %+v", r)
				}
				if form.deliveries > 0 && (r.Latency.Max == 0 || r.Open.Max == 0) {
					t.Errorf("there are no times: %+v", r)
				}
				if transport == WebSocket && form.deliveries > 0 && s.pongs.Load() == 0 {
					t.Error("no ping was answered")
				}
			})
		}
	})
}

// What a server does wrong is noticed, and counted as what it is.
func TestFaults(t *testing.T) {
	type counts struct{ deliveries, lost, duplicates, outOfOrder int }
	var held string
	faults := map[string]struct {
		deliver func(client string, n int, text string) []string
		want    counts
	}{
		"lost": {func(client string, _ int, text string) []string {
			if client == "0" && numberOf(text)%10 == 5 {
				return nil
			}
			return []string{text}
		}, counts{98, 2, 0, 0}},
		"twice": {func(client string, _ int, text string) []string {
			if client == "1" && numberOf(text) == 7 {
				return []string{text, text}
			}
			return []string{text}
		}, counts{100, 0, 1, 0}},
		"late": {func(client string, _ int, text string) []string {
			switch {
			case client == "2" && numberOf(text) == 5:
				held = text
				return nil
			case client == "2" && numberOf(text) == 8:
				return []string{text, held}
			}
			return []string{text}
		}, counts{100, 0, 0, 1}},
		"damaged": {func(client string, _ int, text string) []string {
			if client == "3" && numberOf(text) == 7 {
				return []string{text[:50] + text[51:]}
			}
			return []string{text}
		}, counts{99, 1, 0, 0}},
	}
	forEachTransport(t, func(t *testing.T, transport Transport) {
		for name, fault := range faults {
			t.Run(name, func(t *testing.T) {
				s := start(t, &fake{deliver: fault.deliver})
				config := configFor(s, transport)
				config.Burst, config.Warmup, config.Patience = 20, 0, 500*time.Millisecond
				r := mustRun(t, config)
				got := counts{r.Deliveries, r.Lost, r.Duplicates, r.OutOfOrder}
				if got != fault.want || r.Clean() || len(r.Errors) > 0 {
					t.Errorf("got %+v %v, want %+v", got, r.Errors, fault.want)
				}
			})
		}
	})
}

func TestRefusedPublish(t *testing.T) {
	s := start(t, &fake{refuse: func(n int) int {
		if n == 9 {
			return 503
		}
		return 0
	}})
	r := mustRun(t, configFor(s, SSE))
	if want := map[string]int{"refused: status 503": 1}; !maps.Equal(r.Errors, want) || r.Lost != 0 || r.Deliveries != 95 {
		t.Errorf("got %+v, want one refused", r)
	}
}

func TestClosedConnection(t *testing.T) {
	forEachTransport(t, func(t *testing.T, transport Transport) {
		s := start(t, &fake{deliver: func(client string, n int, text string) []string {
			if client == "4" && n == 15 {
				return []string{hangUp}
			}
			return []string{text}
		}})
		config := configFor(s, transport)
		config.Rate, config.Patience = 1000, 300*time.Millisecond
		r := mustRun(t, config)
		// Where the client has just sent something that the fake does not read any more, the system resets the connection.
		if n := r.Errors["closed"] + r.Errors["connection reset by peer"]; n != 1 || len(r.Errors) != 1 || r.Lost == 0 {
			t.Errorf("got %+v, want one closed connection", r)
		}
	})
}

// Long-poll answers end in three ways; with the third, the next poll needs a new connection.
func TestFramings(t *testing.T) {
	for _, framing := range []string{"", "chunked", "close"} {
		s := start(t, &fake{framing: framing})
		if r := mustRun(t, configFor(s, LongPoll)); !r.Clean() || r.Deliveries != 100 {
			t.Errorf("%q: got %+v", framing, r)
		}
	}
}

func TestRunErrors(t *testing.T) {
	s, refuser := newFake(t), start(t, &fake{refuse: func(int) int { return 403 }})
	unused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused.Close()
	tests := map[string]struct {
		change func(c *Config)
		is     func(err error) bool
	}{
		"no server":     {func(c *Config) { c.Subscribe = unused.Addr().String() }, isRefused},
		"no publishing": {func(c *Config) { c.Publish = unused.Addr().String() }, isRefused},
		"too many":      {func(c *Config) { c.Clients = 1 << 30 }, func(err error) bool { return errors.As(err, new(*FileLimitError)) }},
		"no clients":    {func(c *Config) { c.Clients = 0 }, isConfig},
		"no end":        {func(c *Config) { c.Count = 0 }, isConfig},
		"no work":       {func(c *Config) { c.Work = "sleep" }, isConfig},
		"no address":    {func(c *Config) { c.Publish = "nowhere" }, func(err error) bool { return errors.As(err, new(*net.AddrError)) }},
		"no stream":     {func(c *Config) { c.Transport = WebSocket }, isAnswer("status 200 instead of 101")},
		"never ready":   {func(c *Config) { c.Dialect = &fakeDialect{transport: LongPoll, host: "fake", silent: true} }, hasText("5 of 5 clients")},
		"wrong address": {func(c *Config) { c.Dialect = &fakeDialect{transport: LongPoll, host: "fake/x y"} }, isAnswer("status 400")},
		"refused":       {func(c *Config) { c.Publish = refuser.address() }, isAnswer("refused: status 403")},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := configFor(s, LongPoll)
			config.Patience = 100 * time.Millisecond
			test.change(&config)
			if r, err := Run(t.Context(), config); r != nil || !test.is(err) {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
func isConfig(err error) bool  { return errors.As(err, new(*ConfigError)) }

func hasText(text string) func(error) bool {
	return func(err error) bool { return err != nil && strings.Contains(err.Error(), text) }
}

func isAnswer(kind string) func(error) bool {
	return func(err error) bool {
		var answer *AnswerError
		return errors.As(err, &answer) && strings.HasPrefix(answer.Kind, kind)
	}
}

func TestPhases(t *testing.T) {
	var phases []Phase
	config := configFor(newFake(t), SSE)
	config.Hook = func(p Phase) { phases = append(phases, p) }
	mustRun(t, config)
	if want := []Phase{Opening, Opened, Measure, Measured}; !slices.Equal(phases, want) {
		t.Errorf("got %v, want %v", phases, want)
	}
}

// A run ends with its context, and says what was measured until then.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	config := configFor(newFake(t), SSE)
	config.Count, config.Duration = 0, time.Hour
	config.Progress = func(phase Phase, _, total int) {
		if phase == Measure && total == int(time.Hour/time.Millisecond) {
			cancel()
		}
	}
	r, err := Run(ctx, config)
	if !errors.Is(err, context.Canceled) || r == nil || r.Messages == 0 || r.Lost != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	cancel()
	if r, err := Run(ctx, config); !errors.Is(err, context.Canceled) || r != nil {
		t.Errorf("after its end: got %+v, %v", r, err)
	}
}
