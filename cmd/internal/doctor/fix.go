package doctor

import (
	"bytes"
	"strings"
	"time"
)

// fix is what to do about something: in words, and what that is for each proxy.
type fix struct {
	text                          string
	nginx, caddy, haproxy, apache string
}

// advice writes a fix: for the proxy that has named itself alone, if it did, and otherwise for each.
func (e *exam) advice(f fix) string {
	proxies := []struct{ name, text string }{
		{"nginx", f.nginx}, {"Caddy", f.caddy}, {"HAProxy", f.haproxy}, {"Apache", f.apache},
	}
	var lines []string
	for _, p := range proxies {
		if p.text != "" && (e.proxy == "" || e.proxy == p.name) {
			lines = append(lines, "  "+p.name+": "+p.text)
		}
	}
	switch {
	case f.nginx == "":
		return f.text
	case len(lines) == 1:
		lines = append(lines, "  (other proxies on the way: docs/proxies.md)")
	default:
		lines = append(lines, "  (whole configurations: docs/proxies.md)")
	}
	return strings.Join(append([]string{f.text}, lines...), "\n")
}

// proxyOf names the proxy that an answer comes from, "" for none that is known. HAProxy does not say, but where it has
// no server.
func proxyOf(a *answer) string {
	said := strings.ToLower(a.Header.Get("Server") + " " + a.Header.Get("Via"))
	switch {
	case strings.Contains(said, "nginx"), strings.Contains(said, "openresty"):
		return "nginx"
	case strings.Contains(said, "caddy"):
		return "Caddy"
	case strings.Contains(said, "apache"):
		return "Apache"
	case bytes.Contains(a.body, []byte("\nNo server is available to handle this request.\n")):
		return "HAProxy"
	}
	return ""
}

// fixRoute is for a path that leads to something else.
func fixRoute(path string) fix {
	if path == "/" {
		return fix{text: "Is rootsd below a path, such as /comet/? Then give the address with it. Otherwise have the proxy " +
			"send all of this host to rootsd's push port (push.listen, 8008)."}
	}
	return fix{
		text: "Have the proxy send " + path + " to rootsd's push port (push.listen, 8008), by a rule that goes before the " +
			"application's.",
		nginx:   "location " + path + " { proxy_pass http://127.0.0.1:8008/; … }",
		caddy:   "handle_path " + path + "* { reverse_proxy 127.0.0.1:8008 }, before the handle of the application",
		haproxy: "use_backend roots if { path_beg " + path + " }",
		apache:  "ProxyPass " + path + " http://127.0.0.1:8008/ upgrade=websocket timeout=60, above the others",
	}
}

// fixPrefix is for a path that is not taken off once.
func fixPrefix(path string) fix {
	return fix{
		text: "Have the proxy take " + path + " off once, and leave the rest as it is; or have it take nothing off, and " +
			"set push.prefix = \"" + path + "\".",
		nginx:   "location " + path + " with proxy_pass http://127.0.0.1:8008/; both slashes at the ends, and no rewrite",
		caddy:   "handle_path " + path + "*, which takes it off, where handle and route do not; no uri strip_prefix besides",
		haproxy: "http-request replace-path " + path + `(.*) /\1, once`,
		apache:  "ProxyPass " + path + " http://127.0.0.1:8008/ with both slashes at the ends",
	}
}

var fixSlashes = fix{
	text:    "Have nothing on the way encode, decode or merge the slashes of an address.",
	nginx:   "proxy_pass http://127.0.0.1:8008/; without a variable such as $uri or $request_uri in it",
	caddy:   "no rewrite with {path} or {uri} besides handle_path",
	haproxy: "no normalize-uri, and no url_enc in set-path",
	apache:  "AllowEncodedSlashes NoDecode, and no RewriteRule with the flag B",
}

var fixDown = fix{
	text: "The proxy cannot reach rootsd. Is it running? On its machine: curl -i http://127.0.0.1:8008/ (or what " +
		"push.listen says). Does the proxy pass to that very address? In a container, 127.0.0.1 is the container itself.",
	nginx:   "proxy_pass; the error log says why: tail /var/log/nginx/error.log",
	caddy:   "reverse_proxy; journalctl -u caddy says why",
	haproxy: "the server line of the backend; a server that fails its check gets nothing",
	apache:  "ProxyPass; the error log says why: tail /var/log/apache2/error.log",
}

var fixLogin = fix{
	text: "Have the proxy ask for no login here: what protects a session is its token, and back-ends decide who hears " +
		"what. Browsers send no password on a WebSocket.",
	nginx:   "auth_basic off; (auth_request off;) in the location",
	caddy:   "no basicauth and no forward_auth for this path",
	haproxy: "no http-request auth for this path",
	apache:  "<Location> with Require all granted",
}

var fixHTTP2 = fix{
	text: "Serve the site by HTTP/2: over HTTP/1.1 a browser opens six connections to a host, for all of its tabs, and " +
		"each event stream or long-poll holds one.",
	nginx:   "listen 443 ssl http2;",
	caddy:   "speaks it unless the servers option \"protocols\" leaves h2 out",
	haproxy: "bind :443 ssl crt … alpn h2,http/1.1",
	apache:  "a2enmod http2, and Protocols h2 http/1.1",
}

var fixKeepAlive = fix{
	text:    "Keep connections open between requests: otherwise each poll of each client makes a new one, with TLS.",
	nginx:   "keepalive_timeout 75s; and keepalive_requests not too low",
	caddy:   "no header Connection close",
	haproxy: "no option httpclose",
	apache:  "KeepAlive On",
}

var fixHTTP10 = fix{
	text:   "Have the proxy ask rootsd by HTTP/1.1; HTTP/1.0 knows no WebSockets, and no connection that stays open.",
	nginx:  "proxy_http_version 1.1; in the location",
	caddy:  "transport http without versions, or with versions 1.1",
	apache: "no SetEnv force-proxy-request-1.0",
}

var fixOldProxy = fix{
	text: "Put another proxy in this one's place, or have it speak HTTP/1.1: HTTP/1.0 knows no WebSockets, and no " +
		"connection that stays open.",
}

var fixUpgrade = fix{
	text: "Have the proxy pass on the Upgrade. Until then browsers use an event stream instead.",
	nginx: "in the location: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header " +
		"Connection $roots_connection; with the map of docs/proxies.md",
	caddy:   "reverse_proxy does; no header_up of Upgrade or Connection, and no versions 2 in its transport",
	haproxy: "mode http does; no http-request del-header Upgrade, no option httpclose",
	apache: "ProxyPass … upgrade=websocket (2.4.47 or later), no RequestHeader unset Upgrade, no SetEnv " +
		"force-proxy-request-1.0",
}

var fixBuffering = fix{
	text:    "Have the proxy hand on what comes as it comes. Until then browsers use a long-poll instead, after a while.",
	nginx:   "proxy_buffering off; in the location, and no proxy_ignore_headers X-Accel-Buffering",
	caddy:   "flush_interval -1 in reverse_proxy, and no buffer_responses or response_buffers",
	haproxy: "no http-response wait-for-body, and no filter that collects",
	apache:  "flushpackets=on at the ProxyPass, and no mod_buffer (SetOutputFilter BUFFER) there",
}

// fixCompression is for streams that are compressed below path.
func fixCompression(path string) fix {
	return fix{
		text:    "Have the proxy leave event streams uncompressed: what compresses waits until it has enough.",
		nginx:   "take text/event-stream out of gzip_types, or gzip off; in the location",
		caddy:   "encode with a matcher that leaves it out: @page not path " + path + "* and encode @page gzip",
		haproxy: "compression type text/html application/json, or others but text/event-stream; without it all are",
		apache:  "SetEnvIf Request_URI ^" + path + " no-gzip",
	}
}

// fixIdle is for a proxy that has cut what waits after some time.
func fixIdle(after time.Duration) fix {
	return fix{
		text: "A proxy waits for less than rootsd holds. Give it more patience than push.hold (25 s by default), or set " +
			"push.hold below " + seconds(after) + ".",
		nginx:   "proxy_read_timeout 60s; in the location",
		caddy:   "no read_timeout or response_header_timeout in reverse_proxy, no timeouts write in servers",
		haproxy: "timeout client 60s and timeout server 60s, and for WebSockets timeout tunnel 60s",
		apache:  "timeout=60 at the ProxyPass; ProxyTimeout and Timeout count where it is missing",
	}
}

var fixCache = fix{
	text:    "Have nothing on the way keep these answers: rootsd says Cache-Control: no-store.",
	nginx:   "proxy_cache off; and no expires, add_header Cache-Control or proxy_ignore_headers in the location",
	caddy:   "no cache and no header Cache-Control for this path",
	haproxy: "no http-request cache-use, no http-response set-header Cache-Control for this backend",
	apache:  "CacheDisable, and no ExpiresActive or Header set Cache-Control for this path",
}

var fixTwoOrigins = fix{
	text:    "Have rootsd alone say who may use it (push.origins): browsers take no answer with two such fields.",
	nginx:   "no add_header Access-Control-… in the location, nor where it inherits from",
	caddy:   "no header Access-Control-… for this path",
	haproxy: "no http-response add-header or set-header Access-Control-… for this backend",
	apache:  "no Header add or set Access-Control-… for this path",
}

var fixNoOrigin = fix{
	text:    "Have the proxy hand on Access-Control fields, and requests by OPTIONS: rootsd answers them (push.origins).",
	nginx:   "no proxy_hide_header Access-Control-…, no limit_except, no if ($request_method = OPTIONS) in the location",
	caddy:   "no header -Access-Control-…, no method matcher around reverse_proxy",
	haproxy: "no http-response del-header Access-Control-…, no rule on METH_OPTIONS for this backend",
	apache:  "no Header unset Access-Control-…, no <Limit> or RewriteRule on OPTIONS for this path",
}

var fixHost = fix{
	text: "Have the proxy pass on the Host that the browser sent: by it rootsd knows the pages of its own host. Or " +
		"list the origin in push.origins.",
	nginx:   "proxy_set_header Host $http_host;",
	caddy:   "no header_up Host in reverse_proxy",
	haproxy: "no http-request set-header Host",
	apache:  "ProxyPreserveHost On",
}

var fixMethods = fix{
	text:    "Have the proxy hand on POST and DELETE: clients publish and say goodbye by them.",
	nginx:   "no limit_except, and no WAF rule, in the location",
	caddy:   "no method matcher around reverse_proxy",
	haproxy: "no http-request deny on the method for this path",
	apache:  "no <Limit>, <LimitExcept> or mod_security rule for this path",
}

var fixBalancing = fix{
	text: "Daemons share no sessions. Have one behind this address (docs/scaling.md says what one can do); with " +
		"several, each browser has to come to the same one always, and back-ends have to talk to that one.",
	nginx:   "one server in the upstream, or ip_hash; above keepalive",
	caddy:   "one address at reverse_proxy, or lb_policy ip_hash",
	haproxy: "one server in the backend, or balance source",
	apache:  "one BalancerMember, or a stickysession",
}

var fixSetCookie = fix{
	text: "rootsd sets no cookies. Is it a balancer's, to keep a browser at one daemon, all is well; otherwise have " +
		"the proxy add none here.",
	nginx:   "no add_header Set-Cookie, no userid, no sticky in the location",
	caddy:   "no header Set-Cookie and no lb_policy cookie for this path",
	haproxy: "no cookie … insert in the backend, no http-response add-header Set-Cookie",
	apache:  "no Header add Set-Cookie, no mod_usertrack for this path",
}

var fixLimit = fix{
	text:    "Have the proxy let a client have several connections and requests at a time: pages open some for each tab.",
	nginx:   "no limit_conn and no limit_req in the location, or higher ones",
	caddy:   "no rate_limit for this path",
	haproxy: "no stick-table rule (sc_conn_cur, sc_http_req_rate) on this path",
	apache:  "no mod_ratelimit, mod_qos or mod_evasive for this path",
}

var fixEndpoint = fix{
	text: "Is that the address of the application's connect endpoint, and does it take a POST? The log of the " +
		"application says more.",
}

var fixAnybody = fix{
	text: "Have the endpoint ask who is logged in, and whether they may hear the path (docs/browser.md, What the " +
		"application does).",
}

var fixProof = fix{
	text: "Have the endpoint want the proof that it wants of every POST, a CSRF token: otherwise any page that a " +
		"logged-in user opens may be told what that user may hear.",
}

var fixCookie = fix{
	text: "Is the cookie of a session that is logged in, does the application want a CSRF token (--header), and may " +
		"that user hear the path? Then a proxy loses the cookie on its way to the application.",
	nginx:   "no proxy_set_header Cookie in the application's location",
	caddy:   "no header_up -Cookie",
	haproxy: "no http-request del-header Cookie",
	apache:  "no RequestHeader unset Cookie",
}

// fixIngest is for an application that cannot tell rootsd.
func (e *exam) fixIngest() fix {
	return fix{text: "The log of the application says more. Can it reach rootsd's ingest port (on its machine: curl -i " +
		"http://127.0.0.1:8004/), with the right token? Is that the rootsd behind " + e.URL.String() + "?"}
}

// fixOther is for an application that tells another rootsd, or none.
func (e *exam) fixOther() fix {
	return fix{text: "Does the application tell the rootsd behind " +
		"" + e.URL.String() + "? Another one takes no ID that it does not know: does the application look at the answer " +
		"of /connect? rootsd explain <id> says what a client is connected to."}
}

var fixControl = fix{
	text: "Have the proxy pass to push.listen (8008), and not to ingest.listen (8004) or admin.listen (8009), at once: " +
		"these are not for browsers. Without a proxy, give the address of push.listen.",
}

var fixPorts = fix{
	text: "Have them listen on loopback or a private address (ingest.listen, line.listen, admin.listen), or close them " +
		"in the firewall.",
}
