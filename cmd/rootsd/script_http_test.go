package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rogpeppe/go-internal/testscript"
)

// request is one request of a script.
type request struct {
	method, url, body string
	header            http.Header
}

// reply is what came of it.
type reply struct {
	status       string // "200 OK"
	code         int
	header, body string
}

// scriptClient makes a connection for each request, so that no script depends on what another has left open.
var scriptClient = &http.Client{
	Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
	Timeout:   patience,
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

// fetch does one request.
func fetch(ctx context.Context, r request) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return reply{}, err
	}
	if r.header != nil {
		req.Header = r.header
		req.Host = r.header.Get("Host")
	}
	answer, err := scriptClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	var lines []string
	for key, values := range answer.Header {
		lines = append(lines, fmt.Sprintf("%s: %s\n", key, strings.Join(values, ", ")))
	}
	slices.Sort(lines)
	return reply{answer.Status, answer.StatusCode, strings.Join(lines, ""), string(body)}, err
}

// want tells whether the status is the one that the script expects, and prints the reply.
func (r reply) want(status string) (*output, error) {
	printed := &output{out: r.body, err: r.status + "\n" + r.header}
	if strconv.Itoa(r.code) != status {
		return printed, fmt.Errorf("the status is %s, not %s", r.status, status)
	}
	return printed, nil
}

func (s *stage) http(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) < 3 {
		return nil, errUsage
	}
	r := request{method: args[1], url: args[2], header: make(http.Header)}
	for rest := args[3:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			return nil, errUsage
		}
		var err error
		switch rest[0] {
		case "-H":
			key, value, _ := strings.Cut(rest[1], ":")
			r.header.Add(key, strings.TrimSpace(value))
		case "-d":
			r.body, err = unquote(rest[1])
		case "-f":
			r.body = ts.ReadFile(rest[1])
		default:
			err = errUsage
		}
		if err != nil {
			return nil, err
		}
	}
	answer, err := fetch(context.Background(), r)
	if err != nil {
		return nil, err
	}
	return answer.want(args[0])
}

func (s *stage) body(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 1 {
		return nil, errUsage
	}
	want, err := unquote(args[0])
	if got := ts.ReadFile("stdout"); err == nil && got != want {
		err = fmt.Errorf("got  %q\nwant %q", got, want)
	}
	return nil, err
}

func (s *stage) repeat(ts *testscript.TestScript, args []string) (*output, error) {
	if len(args) != 3 {
		return nil, errUsage
	}
	count, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, err
	}
	text, err := unquote(args[1])
	if err != nil {
		return nil, err
	}
	var all strings.Builder
	text = strings.ReplaceAll(text, "{pad}", strings.Repeat("x", 60_000))
	for n := range count {
		all.WriteString(strings.ReplaceAll(text, "{n}", strconv.Itoa(n)))
	}
	return nil, os.WriteFile(ts.MkAbs(args[2]), []byte(all.String()), 0o600)
}

// metrics reads /metrics with the parser of Prometheus itself, so that what it would refuse fails here.
func (s *stage) metrics(ts *testscript.TestScript, _ []string) (*output, error) {
	answer, err := fetch(context.Background(), request{method: http.MethodGet, url: ts.Getenv("ADMIN") + "/metrics"})
	if err != nil {
		return nil, err
	}
	if answer.code != http.StatusOK {
		return nil, errors.New(answer.status)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(answer.body))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			lines = append(lines, sample(family, metric))
		}
	}
	slices.Sort(lines)
	return &output{out: strings.Join(lines, "")}, nil
}

// sample prints a metric: name{label="value"} value, and for a histogram how many values it has.
func sample(family *dto.MetricFamily, metric *dto.Metric) string {
	var labels []string
	for _, l := range metric.GetLabel() {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	name := family.GetName()
	if len(labels) > 0 {
		name += "{" + strings.Join(labels, ",") + "}"
	}
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		return fmt.Sprintf("%s %v counter\n", name, metric.GetCounter().GetValue())
	case dto.MetricType_GAUGE:
		return fmt.Sprintf("%s %v gauge\n", name, metric.GetGauge().GetValue())
	case dto.MetricType_HISTOGRAM:
		return fmt.Sprintf("%s %v histogram\n", name, metric.GetHistogram().GetSampleCount())
	}
	return fmt.Sprintf("%s %v\n", name, family.GetType())
}
