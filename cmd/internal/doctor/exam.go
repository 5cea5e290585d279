package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// exam is one Run.
type exam struct {
	Config
	report  *Report
	blame   map[string]string // by check, which one's failure makes it senseless: its own or another's
	common  *http.Transport
	jar     http.CookieJar // as a browser has one for pages of rootsd's own origin
	home    *answer        // what opened the first session
	control bool           // the URL leads to a port that is for back-ends or operators
	proxy   string         // what the proxy calls itself, if it is one that fixes are known for
	waits   *waits         // once they have begun
	stop    func()         // ends them

	mu     sync.Mutex // guards tokens
	tokens []string   // of the sessions to leave
}

func newExam(config Config) *exam {
	given := config.URL.String()
	config.URL = withSlash(config.URL)
	jar, _ := cookiejar.New(nil) // has no error without options
	e := &exam{
		Config: config, jar: jar, blame: make(map[string]string), stop: func() {},
		report: &Report{URL: given, OK: true},
	}
	e.common = e.transport()
	if config.Connect != nil && e.endpoint().Hostname() == config.URL.Hostname() {
		jar.SetCookies(config.URL, rooted(config.Cookies))
	}
	return e
}

// rooted returns cookies that belong to the whole host, as those of a session do.
func rooted(cookies []*http.Cookie) []*http.Cookie {
	all := make([]*http.Cookie, len(cookies))
	for i, c := range cookies {
		all[i] = &http.Cookie{Name: c.Name, Value: c.Value, Path: "/"}
	}
	return all
}

// withSlash returns the URL as the browsers' client uses it.
func withSlash(u *url.URL) *url.URL {
	v := *u
	v.RawQuery, v.Fragment, v.RawPath = "", "", ""
	if !strings.HasSuffix(v.Path, "/") {
		v.Path += "/"
	}
	return &v
}

// transport makes one with connections of its own.
func (e *exam) transport() *http.Transport {
	dialer := &net.Dialer{Timeout: e.Timeout}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{InsecureSkipVerify: e.Insecure},
		TLSHandshakeTimeout: e.Timeout,
		ForceAttemptHTTP2:   true,
		DisableCompression:  true, // so that what the proxy does is seen
	}
}

// ask is a request.
type ask struct {
	method    string // "" for GET
	url       string
	header    http.Header
	body      string
	transport *http.Transport // nil for the common one
	stranger  bool            // without the cookies that the browser has
}

// send sends a request and returns the answer as it comes. Redirects are not followed. The error says no address.
func (e *exam) send(ctx context.Context, a ask) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, cmp.Or(a.method, http.MethodGet), a.url, strings.NewReader(a.body))
	if err != nil {
		return nil, withoutAddress(err)
	}
	if a.header != nil {
		r.Header = a.header.Clone()
	}
	r.Header.Set("User-Agent", "rootsd doctor")
	client := http.Client{
		Transport:     e.common,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if a.transport != nil {
		client.Transport = a.transport
	}
	if !a.stranger && !e.crossOrigin() {
		client.Jar = e.jar
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, withoutAddress(err)
	}
	return response, nil
}

// withoutAddress takes the address, in which a token may stand, out of an error.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// answer is what a request was answered.
type answer struct {
	*http.Response // its body is read
	body           []byte
	problem        *lane.Problem // rootsd's own, if it is one
	sent, got      time.Time
}

// maxBody is how much of an answer is read, in bytes.
const maxBody = 1 << 20

// fetch sends a request and reads the whole answer, within the Timeout.
func (e *exam) fetch(ctx context.Context, a ask) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	return e.read(ctx, a)
}

// read is fetch for as long as ctx allows.
func (e *exam) read(ctx context.Context, a ask) (*answer, error) {
	sent := time.Now()
	response, err := e.send(ctx, a)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	got := time.Now()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, err
	}
	return &answer{Response: response, body: body, problem: problemOf(response, body), sent: sent, got: got}, nil
}

// problemOf returns rootsd's own words, or nil.
func problemOf(response *http.Response, body []byte) *lane.Problem {
	var p lane.Problem
	if json.Unmarshal(body, &p) == nil && p.Reason != "" && p.Status == response.StatusCode && p.Status >= 400 {
		return &p
	}
	return nil
}

// reason is the problem's, or "".
func (a *answer) reason() string {
	if a.problem == nil {
		return ""
	}
	return a.problem.Reason
}

// kind is the Content-Type, parameters aside.
func (a *answer) kind() string { return kindOf(a.Header) }

func kindOf(h http.Header) string {
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")) // "" if it is none
	return kind
}

// words are the answer in a few words: "502 Bad Gateway (nginx)".
func (a *answer) words() string {
	if p := a.problem; p != nil {
		return a.Status + " (rootsd: " + p.Reason + ")"
	}
	text := a.Status
	if server := a.Header.Get("Server"); server != "" {
		text += " (" + server + ")"
	}
	return text
}

// batch is what a poll is answered, and what a WebSocket says.
type batch struct {
	Updates *[]struct {
		Path    string          `json:"path"`
		Message json.RawMessage `json:"message"`
	} `json:"updates"`
	Token string `json:"reconnectWith"`
}

// parseBatch reads one; ok is false for anything else.
func parseBatch(text []byte) (b batch, ok bool) {
	err := json.Unmarshal(text, &b)
	return b, err == nil && b.Updates != nil && strings.Contains(b.Token, "/")
}

// token is what a session was opened with, or "".
func (a *answer) token() string {
	if b, ok := parseBatch(a.body); ok && a.StatusCode == http.StatusOK {
		return b.Token
	}
	return ""
}

// idOf returns the ID in a token.
func idOf(token string) string {
	id, _, _ := strings.Cut(token, "/")
	return id
}

// at returns the address of a token, or of another thing below the URL.
func (e *exam) at(rest string) string { return e.URL.String() + rest }

// keep remembers a session that is to be left.
func (e *exam) keep(token string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.tokens, func(other string) bool { return idOf(other) == idOf(token) })
	if i >= 0 {
		e.tokens[i] = token
	} else {
		e.tokens = append(e.tokens, token)
	}
}

// open opens a session.
func (e *exam) open(ctx context.Context) (token string, err error) {
	a, err := e.fetch(ctx, ask{url: e.at("")})
	if err != nil {
		return "", err
	}
	if token = a.token(); token == "" {
		return "", errors.New(a.words())
	}
	e.keep(token)
	return token, nil
}

// leaveTime is how long it may take to leave all sessions. They end by themselves soon.
const leaveTime = 2 * time.Second

// leave ends the sessions that were opened, as a page does that is left, also when ctx has ended.
func (e *exam) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	var group sync.WaitGroup
	for _, token := range e.tokens {
		group.Go(func() {
			_, _ = e.fetch(ctx, ask{method: http.MethodPost, url: e.at(token + "/leave")}) // a courtesy
		})
	}
	group.Wait()
	e.common.CloseIdleConnections()
}
