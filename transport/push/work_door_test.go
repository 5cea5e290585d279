package push

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// A body that names one path very often gives one command for it: the work on the timeline is by paths, not by bytes.
func TestConnectsOnce(t *testing.T) {
	d := openDoor(t, doorLanes["net/http"])
	id, text := d.rig.open()
	d.happens.take()
	body := `["a"` + strings.Repeat(`,"/a/"`, 600) + `,"b"]`
	for _, verb := range []string{"connect", "disconnect"} {
		if a := d.do(http.MethodPost, "/"+text+"/"+verb, body); a.code != http.StatusOK {
			t.Fatalf("%s: %d %s", verb, a.code, a.Detail)
		}
		want := fmt.Sprintf(`[said ::%[1]s "%[2]s->a" said ::%[1]s "%[2]s->b"]`, verb, id)
		if got := fmt.Sprint(d.happens.take()); got != want {
			t.Errorf("%s: got %s, want %s", verb, got, want)
		}
	}
	if a := d.do(http.MethodGet, "/?path=a"+strings.Repeat("&path=a", 1000), ""); a.code != http.StatusOK || a.String() != `a=""` {
		t.Errorf("got %d %s", a.code, a)
	}
}
