package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// requestTimeout is how long ingest may take to answer: it answers at once, so this is for one that hangs.
	requestTimeout = 5 * time.Second
	// maxConnections is how many requests are on their way to ingest at a time, whatever visitors do: back-ends want to
	// reach it as well.
	maxConnections = 8
	// maxAnswer is how much of an answer is read; those to what the demo asks are a few hundred bytes.
	maxAnswer = 16 << 10
)

// ingest is rootsd's port for back-ends, as the demo uses it.
type ingest struct {
	base   string // without a slash at its end
	token  func() string
	client *http.Client
}

func newIngest(base string, config Config) (*ingest, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("demo: %q is no address of ingest, such as http://127.0.0.1:8004", base)
	}
	carrier := config.Transport
	if carrier == nil {
		carrier = &http.Transport{
			IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: maxConnections, MaxConnsPerHost: maxConnections,
		}
	}
	return &ingest{
		base:  strings.TrimRight(base, "/"),
		token: config.Token,
		client: &http.Client{
			Transport: carrier,
			Timeout:   requestTimeout,
			// It does not redirect, and the token is for nobody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// close lets go of connections that are kept for later.
func (in *ingest) close() { in.client.CloseIdleConnections() }

// update tells of updates, in order, all or none.
func (in *ingest) update(ctx context.Context, batch []update) error {
	return in.do(ctx, http.MethodPost, "/update", batch, nil)
}

// clientPaths is the body of POST /connect and /disconnect.
type clientPaths struct {
	ID    string   `json:"id"`
	Paths []string `json:"paths"`
}

// viewers returns how many clients an update at path would reach.
func (in *ingest) viewers(ctx context.Context, path string) (int, error) {
	var answer struct{ Matched int }
	err := in.do(ctx, http.MethodGet, "/paths/"+path+"?limit=0", nil, &answer)
	return answer.Matched, err
}

// answerError is an answer of ingest other than 2xx.
type answerError struct {
	status int
	detail string // as ingest says it
}

func (e *answerError) Error() string { return fmt.Sprintf("ingest answers %d: %s", e.status, e.detail) }

// do sends a request with body as JSON, unless it is nil, and reads the answer into the value at answer, likewise.
func (in *ingest) do(ctx context.Context, method, address string, body, answer any) error {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, in.base+address, text)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if token := in.token(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := in.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return readAnswer(response, answer)
}

// readAnswer reads all of an answer, so that its connection can be used again.
func readAnswer(response *http.Response, answer any) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return &answerError{response.StatusCode, detailOf(text)}
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// detailOf returns what a problem of ingest says, or the beginning of whatever else was answered.
func detailOf(text []byte) string {
	var problem struct{ Detail string }
	if err := json.Unmarshal(text, &problem); err == nil && problem.Detail != "" {
		return problem.Detail
	}
	return fmt.Sprintf("%.200q", text)
}

// refusalOf is how an error of ingest is answered to a browser: what it did wrong as it is, all else as 503, after which it
// tries again.
func refusalOf(err error) error {
	var answer *answerError
	if errors.As(err, &answer) && (answer.status == http.StatusBadRequest || answer.status == http.StatusNotFound ||
		answer.status == http.StatusConflict) {
		return refuse(answer.status, "%s", answer.detail)
	}
	return errSilent
}
