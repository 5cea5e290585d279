package push

import (
	"net/http"
	"testing"
	"testing/synctest"
)

// Who asks whether clients may come is told, and opens no session; while the daemon drains, no client is to be sent to it.
func TestHealth(t *testing.T) {
	onLanes(t, func(t *testing.T, use func(*rig)) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(c *Config) { c.Origins = []string{"https://listed.example"} })
			use(r)
			for _, method := range []string{"GET", "HEAD"} {
				c := r.start(method, "/healthz", nil)
				<-c.done
				if c.err != nil || c.code != http.StatusOK || method == "GET" && string(c.body) != "ok\n" {
					t.Errorf("%s is answered %d %q, %v", method, c.code, c.body, c.err)
				}
			}
			r.Outlive()
			r.Drain()
			for _, method := range []string{"GET", "HEAD"} {
				c := r.start(method, "/healthz", nil)
				<-c.done
				if c.err != nil || c.code != http.StatusServiceUnavailable || c.header.Get("Retry-After") == "" {
					t.Errorf("while it drains, %s is answered %d %q, %v", method, c.code, c.header, c.err)
				}
			}
			if n := r.stats.Opened.Load(); n != 0 {
				t.Errorf("%d sessions were opened", n)
			}
		})
	})
}
