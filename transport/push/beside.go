package push

import (
	"net/http"
	"strings"
)

// Beside is what else the port serves, below one name: the client's script, say.
type Beside struct {
	http.Handler // its URLs are relative to where the Push is mounted, as the Push's own are
	// Quick says that it answers at once and from memory, so that event loops may serve it themselves. A connection that
	// has asked for anything else is left to net/http, for good.
	Quick bool
}

// longestName is how long a name may be. No ID is as short, so that clients' addresses need not be looked up.
const longestName = 16

// Mount has b serve all addresses whose first segment is name, of at most 16 bytes. It is called before p serves anybody.
func (p *Push) Mount(name string, b Beside) {
	if name == "" || len(name) > longestName {
		panic("push: no name for what stands beside: " + name)
	}
	if p.mounted == nil {
		p.mounted = make(map[string]Beside)
	}
	p.mounted[name] = b
}

// beside returns what else serves path, if anything does. The path has no slash where it begins.
func (p *Push) beside(path string) (b Beside, ok bool) {
	name, _, _ := strings.Cut(path, "/")
	if len(name) > longestName {
		return b, false
	}
	b, ok = p.mounted[name]
	return b, ok
}
