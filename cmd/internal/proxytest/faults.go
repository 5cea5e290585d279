package proxytest

import (
	"strings"
	"testing"
)

// A Fault is a configuration of docs/proxies with one mistake in it, or with a default left in place that hurts.
type Fault struct {
	Name    string // such as "nginx: no Upgrade"
	Program string // one of Programs

	// Wrong is what goes wrong first, in one word:
	//
	//	buffering     the events of a stream arrive when it ends, or later than they were sent
	//	idle_timeout  what waits is cut after 1 s of silence; Rootsd holds for 2 s
	//	http_version  the daemon is asked over HTTP/1.0, so that WebSockets are refused with status 400
	//	compression   event streams are compressed; most then arrive late
	//	upgrade       WebSockets are answered 200, as a poll is
	//	cors          answers have Access-Control-Allow-Origin twice, which no browser takes
	//	cookies       answers set a cookie
	//	prefix        /comet/ is not taken off, so that a token is answered 404
	//	ports         a control port answers in place of the push port
	Wrong string

	edits []edit
}

// An edit puts a text in the place of another, which stands in the file.
type edit struct{ from, to string }

// Config returns the file with the mistake in it. The test fails if the file is not the one that the mistake was made
// for.
func (f Fault) Config(t testing.TB) string {
	t.Helper()
	return change(t, Config(t, f.Program), f.edits...)
}

// change makes all the edits.
func change(t testing.TB, config string, edits ...edit) string {
	t.Helper()
	for _, e := range edits {
		if !strings.Contains(config, e.from) {
			t.Fatalf("the configuration has no %q", e.from)
		}
		config = strings.Replace(config, e.from, e.to, 1)
	}
	return config
}

// Where faults are put into the files.
const (
	nginxLocation = "            access_log off;"
	nginxVersion  = "            proxy_http_version 1.1;\n"
	caddyProxy    = "\t\treverse_proxy 127.0.0.1:8008\n"
	caddySite     = "\n\thandle_path /comet/* {"
	haproxyRoots  = "\nbackend roots\n"
	apacheListen  = "\nListen 8080\n"
	apacheModules = "LoadModule proxy_module "
)

// inNginx puts a line into nginx's location /comet/.
func inNginx(line string) edit {
	return edit{nginxLocation, "            " + line + "\n" + nginxLocation}
}

// inCaddy puts a line into Caddy's reverse_proxy of /comet/.
func inCaddy(line string) edit {
	return edit{caddyProxy, "\t\treverse_proxy 127.0.0.1:8008 {\n\t\t\t" + line + "\n\t\t}\n"}
}

// inHAProxy puts a line into HAProxy's backend of rootsd.
func inHAProxy(line string) edit { return edit{haproxyRoots, haproxyRoots + "    " + line + "\n"} }

// inApache puts a line before Apache's virtual host.
func inApache(line string) edit { return edit{apacheListen, "\n" + line + apacheListen} }

// apacheModule loads one of Apache's modules.
func apacheModule(name string) edit {
	line := "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n"
	return edit{apacheModules, line + apacheModules}
}

// Faults are mistakes that people make, and what a check of a site has to find.
var Faults = []Fault{
	{"nginx: no Upgrade", "nginx", "upgrade", []edit{
		{"            proxy_set_header Upgrade $http_upgrade;\n", ""},
		{"            proxy_set_header Connection $roots_connection;\n", ""},
	}},
	{"nginx: HTTP/1.0", "nginx", "http_version", []edit{{nginxVersion, ""}}},
	{"nginx: X-Accel-Buffering ignored", "nginx", "buffering", []edit{
		{nginxVersion, ""}, inNginx("proxy_ignore_headers X-Accel-Buffering;"),
	}},
	{"nginx: proxy_read_timeout", "nginx", "idle_timeout", []edit{{"proxy_read_timeout 60s", "proxy_read_timeout 1s"}}},
	{"nginx: gzip of streams", "nginx", "compression", []edit{inNginx("gzip on; gzip_types text/event-stream;")}},
	{"nginx: add_header", "nginx", "cors", []edit{inNginx("add_header Access-Control-Allow-Origin * always;")}},
	{"nginx: Set-Cookie", "nginx", "cookies", []edit{inNginx(`add_header Set-Cookie "seen=1; Path=/" always;`)}},
	{"nginx: no slash at the end", "nginx", "prefix", []edit{{"http://roots/;", "http://roots;"}}},
	{"nginx: ingest's port", "nginx", "ports", []edit{{"127.0.0.1:8008", "127.0.0.1:8004"}}},
	{"nginx: admin's port", "nginx", "ports", []edit{{"127.0.0.1:8008", "127.0.0.1:8009"}}},

	{"caddy: buffer_responses", "caddy", "buffering", []edit{inCaddy("buffer_responses")}},
	{"caddy: read_timeout", "caddy", "idle_timeout", []edit{
		inCaddy("transport http {\n\t\t\t\tread_timeout 1s\n\t\t\t}"),
	}},
	{"caddy: encode of streams", "caddy", "compression", []edit{
		{caddySite, "\n\tencode {\n\t\tgzip\n\t\tminimum_length 1\n\t}" + caddySite},
	}},
	{"caddy: header", "caddy", "cors", []edit{{caddySite, "\n\theader Access-Control-Allow-Origin *" + caddySite}}},
	{"caddy: lb_policy cookie", "caddy", "cookies", []edit{inCaddy("lb_policy cookie")}},
	{"caddy: handle", "caddy", "prefix", []edit{{"handle_path", "handle"}}},
	{"caddy: ingest's port", "caddy", "ports", []edit{{"127.0.0.1:8008", "127.0.0.1:8004"}}},

	{"haproxy: wait-for-body", "haproxy", "buffering", []edit{inHAProxy("http-response wait-for-body time 30s")}},
	{"haproxy: timeout server", "haproxy", "idle_timeout", []edit{{"timeout server 60s", "timeout server 1s"}}},
	{"haproxy: timeout tunnel", "haproxy", "idle_timeout", []edit{{"timeout tunnel 60s", "timeout tunnel 1s"}}},
	{"haproxy: compression", "haproxy", "compression", []edit{inHAProxy("compression algo gzip")}},
	{"haproxy: add-header", "haproxy", "cors", []edit{
		inHAProxy("http-response add-header Access-Control-Allow-Origin *"),
	}},
	{"haproxy: cookie", "haproxy", "cookies", []edit{
		inHAProxy("cookie SERVER insert indirect"),
		{"server roots 127.0.0.1:8008", "server roots 127.0.0.1:8008 cookie a"},
	}},
	{"haproxy: no replace-path", "haproxy", "prefix", []edit{{"    http-request replace-path", "    #"}}},
	{"haproxy: ingest's port", "haproxy", "ports", []edit{{"127.0.0.1:8008", "127.0.0.1:8004"}}},

	{"apache: no upgrade", "apache", "upgrade", []edit{{" upgrade=websocket", ""}}},
	{"apache: force-proxy-request-1.0", "apache", "http_version", []edit{
		apacheModule("env"), inApache("SetEnv force-proxy-request-1.0 1"),
	}},
	{"apache: Timeout", "apache", "idle_timeout", []edit{{"Timeout 60", "Timeout 1"}}},
	{"apache: ProxyTimeout", "apache", "idle_timeout", []edit{inApache("ProxyTimeout 1")}},
	{"apache: DEFLATE of all", "apache", "compression", []edit{
		apacheModule("filter"), apacheModule("deflate"), inApache("SetOutputFilter DEFLATE"),
	}},
	{"apache: Header add", "apache", "cors", []edit{
		apacheModule("headers"), inApache("Header always add Access-Control-Allow-Origin *"),
	}},
	{"apache: CookieTracking", "apache", "cookies", []edit{apacheModule("usertrack"), inApache("CookieTracking on")}},
	{"apache: /comet/ on both sides", "apache", "prefix", []edit{{"8008/ ", "8008/comet/ "}}},
	{"apache: ingest's port", "apache", "ports", []edit{{"127.0.0.1:8008", "127.0.0.1:8004"}}},
}
