package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// link is how a client's connections go to the daemon: straight, or through a proxy of their own that spoils them. It
// is for one goroutine. The step "link" sets it:
//
//	direct                       straight
//	clean                        through the proxy, unspoilt
//	latency=MS jitter=MS         what comes is late
//	slow=KBS                     what comes is slow
//	slice=BYTES                  what goes and comes is cut into small pieces
//	cut=BYTES                    the connection ends after so much has come
//	cutup=BYTES                  the connection ends after so much has gone
//	reset=MS                     the connection is reset, so long after something came
//	swallow=MS                   what comes is lost, and the connection ends after so long
//
// with times=N for so many connections, and direct after that.
type link struct {
	upstream string
	host     string
	history  *History
	secure   *tls.Config // nil: the connections are not over TLS
	toxics   []string    // as JSON; nil: straight
	left     int         // connections; 0: all
	proxy    *toxiproxy.Proxy
	server   *toxiproxy.ApiServer
}

func newLink(upstream, host string, secure *tls.Config, h *History) *link {
	// What the proxy's library has to say goes nowhere.
	zerolog.SetGlobalLevel(zerolog.Disabled)
	nop := zerolog.Nop()
	return &link{
		upstream: upstream, host: host, history: h, secure: secure,
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), nop),
	}
}

// set has the next connections go as the step says.
func (l *link) set(s Step) error {
	l.close()
	l.toxics, l.left = nil, s.number("times")
	if s.arg(0) == "direct" {
		return nil
	}
	l.toxics = toxics(s)
	l.proxy = toxiproxy.NewProxy(l.server, "link", net.JoinHostPort(l.host, "0"), l.upstream)
	for _, text := range l.toxics {
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return l.proxy.Start()
}

// toxics returns what a step asks for, as the proxy's library wants it.
func toxics(s Step) (list []string) {
	add := func(kind, stream, attributes string, values ...any) {
		list = append(list, fmt.Sprintf(`{"type": "%s", "stream": "%s", "attributes": {%s}}`, kind, stream,
			fmt.Sprintf(attributes, values...)))
	}
	has := func(name string) bool { return s.option(name) != "" }
	if has("latency") {
		add("latency", "downstream", `"latency": %d, "jitter": %d`, s.number("latency"), s.number("jitter"))
	}
	if has("slow") {
		add("bandwidth", "downstream", `"rate": %d`, s.number("slow"))
	}
	if has("slice") {
		for _, stream := range []string{"upstream", "downstream"} {
			add("slicer", stream, `"average_size": %d, "size_variation": %d, "delay": 200`, s.number("slice"),
				s.number("slice")/2)
		}
	}
	if has("cut") {
		add("limit_data", "downstream", `"bytes": %d`, s.number("cut"))
	}
	if has("cutup") {
		add("limit_data", "upstream", `"bytes": %d`, s.number("cutup"))
	}
	if has("reset") {
		add("reset_peer", "downstream", `"timeout": %d`, s.number("reset"))
	}
	if has("swallow") {
		add("timeout", "downstream", `"timeout": %d`, s.number("swallow"))
	}
	return list
}

// dial opens a connection. What goes through the proxy is as it goes to the daemon: over TLS, it spoils that.
func (l *link) dial(ctx context.Context) (*wire, error) {
	address := l.upstream
	if l.proxy != nil {
		address = l.proxy.Listen
		for _, text := range l.toxics {
			kind, _ := strconv.Unquote(strings.TrimSuffix(strings.Fields(text)[1], ","))
			l.history.fault("proxy: " + kind)
		}
		if l.left--; l.left == 0 {
			defer l.retire()
		}
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	if l.secure == nil {
		return &wire{tcp, tcp}, nil
	}
	return l.greet(ctx, tcp)
}

// greet begins TLS on a connection. The link may spoil that, and the daemon may be ending; but whoever answers has to
// be the daemon.
func (l *link) greet(ctx context.Context, tcp *net.TCPConn) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn := tls.Client(tcp, l.secure)
	err := conn.HandshakeContext(ctx)
	if err == nil {
		l.history.fault("tls: handshake")
		return &wire{conn, tcp}, nil
	}
	l.history.fault("tls: cut handshake")
	var wrong *tls.CertificateVerificationError
	if errors.As(err, &wrong) {
		l.history.violated(Violation{
			What: "a certificate is not the daemon's", Want: "the one that was made", Got: err.Error(),
		})
	}
	_ = tcp.Close()
	return nil, err
}

// retire has the next connections go straight. What goes through the proxy now goes on for a while.
func (l *link) retire() {
	proxy := l.proxy
	l.proxy = nil
	time.AfterFunc(2*time.Second, proxy.Stop)
}

func (l *link) close() {
	if l.proxy != nil {
		l.proxy.Stop()
		l.proxy = nil
	}
}
