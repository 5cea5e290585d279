package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// usualPorts are those of back-ends, scripts and operators.
var usualPorts = map[string]int{"ingest": 8004, "line": 8007, "admin": 8009}

// portTime is how long a port may take to answer: a firewall never does.
const portTime = 3 * time.Second

// access is who may use a port, from here.
type access int

const (
	closed    access = iota // nobody
	elsewhere               // something else answers
	guarded                 // who has a token
	everybody
)

// ports looks whether the ports that are not for browsers can be reached from here.
func (e *exam) ports(ctx context.Context) Check {
	if e.control {
		return e.bad(fixControl, "the address itself leads to one of rootsd's control ports: whoever has a browser may "+
			"try it")
	}
	host := e.URL.Hostname()
	ports := e.Ports
	if ports == nil {
		if isOwn(ctx, host) {
			return skip("%s is this machine: run this from outside, or name the ports (--ports)", host)
		}
		ports = usualPorts
	}
	found := make(map[access][]string)
	for _, name := range []string{"ingest", "line", "admin"} {
		if number, ok := ports[name]; ok {
			how := e.reach(ctx, name, net.JoinHostPort(host, strconv.Itoa(number)))
			found[how] = append(found[how], name+" ("+strconv.Itoa(number)+")")
		}
	}
	return e.reached(found)
}

// reached is the check of what was found.
func (e *exam) reached(found map[access][]string) Check {
	switch {
	case len(found[everybody]) > 0:
		return e.bad(fixPorts, "whoever reaches %s may do everything there, and needs no token: %s",
			e.URL.Hostname(), strings.Join(found[everybody], ", "))
	case len(found[guarded]) > 0:
		return e.warn(fixPorts, "only a token protects these from here: %s", strings.Join(found[guarded], ", "))
	case len(found[elsewhere]) > 0:
		return good("rootsd's control ports cannot be reached from here; something else answers at "+
			"%s", strings.Join(found[elsewhere], ", "))
	}
	return good("rootsd's control ports cannot be reached from here")
}

// isOwn tells whether host is this machine, as far as its addresses tell.
func isOwn(ctx context.Context, host string) bool {
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false
	}
	own, _ := net.InterfaceAddrs() // without them, loopback is still known
	return slices.ContainsFunc(found, func(ip net.IPAddr) bool {
		return ip.IP.IsLoopback() || slices.ContainsFunc(own, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.Equal(ip.IP)
		})
	})
}

func (e *exam) reach(ctx context.Context, name, address string) access {
	ctx, cancel := context.WithTimeout(ctx, min(e.Timeout, portTime))
	defer cancel()
	switch name {
	case "line":
		return reachLine(ctx, address)
	case "admin":
		return e.reachHTTP(ctx, "http://"+address+"/dashboard/about")
	}
	return e.reachHTTP(ctx, "http://"+address+"/update")
}

// reachHTTP asks for something harmless: rootsd refuses it in its own words, or shows it.
func (e *exam) reachHTTP(ctx context.Context, url string) access {
	a, err := e.read(ctx, ask{url: url, stranger: true})
	switch {
	case err != nil && isClosed(err):
		return closed
	case err != nil:
		return elsewhere
	case a.reason() == "token":
		return guarded
	case a.reason() == "method", a.reason() == "host", a.reason() == "cross_site", isAbout(a):
		return everybody
	}
	return elsewhere
}

// isClosed tells whether a connection was not even made.
func isClosed(err error) bool {
	var op *net.OpError
	return isTimeout(err) || errors.As(err, &op) && op.Op == "dial"
}

// isAbout tells whether an answer is the admin port's, which shows itself.
func isAbout(a *answer) bool {
	var about struct{ Components []json.RawMessage }
	return a.StatusCode == http.StatusOK && json.Unmarshal(a.body, &about) == nil && len(about.Components) > 0
}

// reachLine says a line that rootsd ignores, or takes for a missing token and closes. It never answers anything.
func reachLine(ctx context.Context, address string) access {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return closed
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, ";\n"); err != nil {
		return elsewhere
	}
	switch hears(conn, settle) {
	case "end":
		return guarded
	case "text":
		return elsewhere
	}
	if _, err := io.WriteString(conn, "::exit\n"); err == nil && hears(conn, settle) == "end" {
		return everybody
	}
	return elsewhere
}

// hears says what a connection brings in a time: "text", its "end", or nothing.
func hears(conn net.Conn, within time.Duration) string {
	_ = conn.SetReadDeadline(time.Now().Add(within)) // without it, the next read would be short anyway
	_, err := bufio.NewReader(conn).ReadByte()
	switch {
	case err == nil:
		return "text"
	case isTimeout(err):
		return ""
	}
	return "end"
}
