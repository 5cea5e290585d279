package lane

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// deadlined is a server's ResponseWriter, as far as deadlines go.
type deadlined struct {
	*httptest.ResponseRecorder
	deadlines []time.Duration // that were set, from when they were
}

func (d *deadlined) SetReadDeadline(time.Time) error { return nil }

func (d *deadlined) SetWriteDeadline(at time.Time) error {
	d.deadlines = append(d.deadlines, time.Until(at))
	return nil
}

// TestAnswersAreTakenInTime has every part of an answer taken within the bound, whoever writes it, unless the handler sets
// deadlines of its own.
func TestAnswersAreTakenInTime(t *testing.T) {
	for name, test := range map[string]struct {
		serve http.HandlerFunc
		want  []time.Duration
	}{
		"parts": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "a")
			time.Sleep(time.Minute)
			_, _ = io.WriteString(w, "b")
		}, []time.Duration{time.Second, time.Second}},
		"ours": {func(w http.ResponseWriter, _ *http.Request) { WriteAccepted(w, 1) }, []time.Duration{time.Second}},
		"its own": {func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Hour))
			_, _ = io.WriteString(w, "a")
		}, []time.Duration{time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
				bound(test.serve, Bounds{Write: time.Second}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
				if len(w.deadlines) != len(test.want) || w.deadlines[0] != test.want[0] {
					t.Errorf("deadlines are %v, want %v", w.deadlines, test.want)
				}
			})
		})
	}
}
