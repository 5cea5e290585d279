package doctor

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// application is an endpoint as docs/browser.md wants it, or one that forgets something.
type application struct {
	ingest      string // base URL of the rootsd that it tells
	open        bool   // asks nobody for a cookie
	unproved    bool   // wants no CSRF token
	loginPage   bool   // sends to it who is not logged in
	forgetful   bool   // tells nobody
	cookieTaken bool   // a proxy before it takes cookies off
	missing     bool   // is at another address
}

const sessionCookie = "a-cookie-that-nobody-may-see"

func (a application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.cookieTaken {
		r.Header.Del("Cookie")
	}
	cookie, err := r.Cookie("session")
	switch {
	case r.Method != http.MethodPost:
		http.Error(w, "it takes a POST", http.StatusMethodNotAllowed)
		return
	case !a.open && (err != nil || cookie.Value != sessionCookie):
		if a.loginPage {
			http.Redirect(w, r, "/login?next="+r.URL.Path, http.StatusSeeOther)
			return
		}
		http.Error(w, "who is it?", http.StatusForbidden)
		return
	case !a.open && !a.unproved && r.Header.Get("X-CSRF-Token") != "proof":
		http.Error(w, "no proof", http.StatusForbidden)
		return
	}
	if a.missing {
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(a.connect(r))
}

// connect tells rootsd, and returns the status to answer.
func (a application) connect(r *http.Request) int {
	var paths []string
	if json.NewDecoder(r.Body).Decode(&paths) != nil {
		return http.StatusBadRequest
	}
	if a.forgetful {
		return http.StatusNoContent
	}
	body, _ := json.Marshal(map[string]any{"id": r.PathValue("id"), "paths": paths}) // they came as JSON
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Post(a.ingest+"/connect", "application/json", bytes.NewReader(body))
	if err != nil {
		return http.StatusBadGateway
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return http.StatusBadGateway
	}
	return http.StatusNoContent
}

func TestApplication(t *testing.T) {
	t.Parallel()
	daemon, other := startDaemon(t), startDaemon(t)
	tests := []struct {
		name   string
		app    application
		cookie string
		want   State
		text   string
	}{
		{"as it should be", application{ingest: daemon.Ingest}, sessionCookie, OK, "the client is connected"},
		{"with a login page", application{ingest: daemon.Ingest, loginPage: true}, sessionCookie, OK, "the client is " +
			"connected"},
		{"for anybody", application{ingest: daemon.Ingest, open: true}, sessionCookie, Failed, "anybody may hear"},
		{"without proof", application{ingest: daemon.Ingest, unproved: true}, sessionCookie, Failed, "CSRF"},
		{"not logged in", application{ingest: daemon.Ingest}, "old", Failed, "with the cookie, the application answers 403"},
		{"sent to log in", application{ingest: daemon.Ingest, loginPage: true}, "old", Failed, "/login, as for one who is " +
			"not"},
		{"cookies taken off", application{ingest: daemon.Ingest, cookieTaken: true}, sessionCookie, Failed, "loses the " +
			"cookie"},
		{"at another address", application{loginPage: true, missing: true}, sessionCookie, Failed, "Is that the address"},
		{"tells another rootsd", application{ingest: other.Ingest}, sessionCookie, Failed, "502"},
		{"tells nobody", application{forgetful: true}, sessionCookie, Failed, "does not say that the client was connected"},
		{"rootsd is down", application{ingest: "http://127.0.0.1:1"}, sessionCookie, Failed, "Can it reach rootsd's " +
			"ingest port"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.Handle("/server/connect/{id}", test.app)
			mux.Handle("/comet/", reverse(t, daemon.Push))
			site := serve(t, mux)
			config := configFor(t, site.URL+"/comet/")
			config.Quick = true
			config.Connect = parse(t, site.URL+"/server/connect/{id}")
			config.Paths = []string{"/orders/42/", "news/*"}
			config.Cookies = []*http.Cookie{{Name: "session", Value: test.cookie}}
			config.Header = http.Header{"X-Csrf-Token": {"proof"}}
			report := examine(t, config)
			if c := seen(t, report, "cookies"); c.State != test.want {
				t.Errorf("it is %s, not %s", c.State, test.want)
			}
			wantText(t, report, "cookies", test.text)
			wantNoSecret(t, report)
		})
	}
}

// wantNoSecret wants no cookie and no token in a report.
func wantNoSecret(t *testing.T, report *Report) {
	t.Helper()
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{sessionCookie, "proof\"", "roots-"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the report has %q in it: %s", secret, text)
		}
	}
}

// A path alone belongs to the origin to which a site redirects, as pages do.
func TestApplicationElsewhere(t *testing.T) {
	t.Parallel()
	daemon := startDaemon(t, "--push-origins=https://app.example")
	mux := http.NewServeMux()
	mux.Handle("/server/connect/{id}", application{ingest: daemon.Ingest})
	mux.Handle("/comet/", reverse(t, daemon.Push))
	site := serve(t, mux)
	old := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, site.URL+r.URL.Path, http.StatusMovedPermanently)
	}))
	config := configFor(t, old.URL+"/comet/")
	config.Quick, config.Connect, config.Paths = true, parse(t, "/server/connect/{id}"), []string{"news"}
	config.Cookies = []*http.Cookie{{Name: "session", Value: sessionCookie}}
	config.Header = http.Header{"X-Csrf-Token": {"proof"}}
	report := examine(t, config)
	wants(t, report, one("address", Warning))
	wantText(t, report, "cookies", "the client is connected")
}

// An endpoint that is not there is none that refuses.
func TestNoApplication(t *testing.T) {
	t.Parallel()
	daemon := startDaemon(t)
	site := serve(t, reverse(t, daemon.Push))
	config := configFor(t, site.URL+"/comet/")
	config.Quick, config.Paths = true, []string{"news"}
	config.Connect = parse(t, serve(t, http.NotFoundHandler()).URL+"/{id}")
	report := examine(t, config)
	wants(t, report, one("cookies", Failed))
	wantText(t, report, "cookies", "404")
}
