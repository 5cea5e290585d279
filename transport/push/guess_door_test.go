package push

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rootsd/rootsd/dispatch"
)

// Whoever guesses tokens is answered alike whether the ID is nobody's, is somebody's with another secret, or was that of
// a session that has ended, and as somebody who has no token at all.
func TestGuessesLookAlike(t *testing.T) {
	for name, open := range doorLanes {
		synctest.Test(t, func(t *testing.T) {
			d := openDoor(t, open)
			ws := "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
			for _, request := range []string{
				"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%s HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\nLast-Event-ID: %s\r\n\r\n", "GET /%s HTTP/1.1\r\nHost: a\r\n" + ws + "\r\n",
				"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1", "POST /%s/connect HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1",
				"POST /%s/leave HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "DELETE /%s HTTP/1.1\r\nHost: a\r\n\r\n",
			} {
				id, guesses := d.guesses()
				answers := make(map[string]string)
				for what, guess := range guesses {
					v := d.Knock()
					v.Say(fmt.Sprintf(request, guess), 1<<20)
					said, _ := v.Heard()
					v.Leave()
					answers[what] = anonymous(strings.Join(answersIn(said), "\n"))
				}
				for what, answer := range answers {
					if answer != answers["nobody's"] {
						t.Errorf("%s: %q is answered to what is %s, and %q to what is nobody's", name, answer, what, answers["nobody's"])
					}
				}
				if strings.HasPrefix(request, "GET ") == strings.Contains(answers["nobody's"], "404") {
					t.Errorf("%s: %q is answered %q", name, request, answers["nobody's"])
				}
				if d.session(id) == nil {
					t.Errorf("%s: %q has ended the session that was guessed at", name, request)
				}
			}
		})
	}
}

// guesses are tokens of nobody's: of a session that is there, of one that has ended, and of one that never was.
func (d *doorRig) guesses() (id dispatch.ID, tokens map[string]string) {
	id, text := d.rig.open()
	ended, _ := d.rig.open()
	d.leave(d.session(ended))
	other := "a"
	if strings.HasSuffix(text, other) {
		other = "b"
	}
	secret := strings.Repeat("x", secretLength)
	return id, map[string]string{
		"nobody's":          "test-" + secret + "-999/0/" + secret,
		"another secret":    string(id) + "/0/" + secret,
		"one letter is off": text[:len(text)-1] + other,
		"ended":             string(ended) + "/0/" + secret,
	}
}
