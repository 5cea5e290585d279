package main

import (
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/rootsd/rootsd/dispatch"
)

// Validate reports everything that is wrong with c, each as a [ConfigError] with the setting's key. A configuration
// from [LoadConfig] is valid; this is for one that was filled by hand.
func (c *Config) Validate() error {
	var problems []*ConfigError
	for _, p := range validate(c) {
		problems = append(problems, &ConfigError{Key: p.keys[0], Reason: p.reason})
	}
	return joined(problems)
}

// problem is something wrong with the values of one or more settings.
type problem struct {
	keys   []string
	reason string
}

func (p problem) touches(keys map[string]bool) bool {
	return slices.ContainsFunc(p.keys, func(key string) bool { return keys[key] })
}

// validator collects problems.
type validator struct {
	*Config
	problems []problem
}

func validate(c *Config) []problem {
	v := &validator{Config: c}
	v.ranges()
	v.names()
	v.push()
	v.tls()
	v.choices()
	v.tokens()
	v.listeners()
	v.relations()
	return v.problems
}

// add reports a problem unless reason is empty.
func (v *validator) add(reason string, keys ...string) {
	if reason != "" {
		v.problems = append(v.problems, problem{keys, reason})
	}
}

// each reports a problem of each entry of a list.
func (v *validator) each(key string, entries []string, check func(string) string) {
	for _, entry := range entries {
		v.add(check(entry), key)
	}
}

func (v *validator) ranges() {
	for _, s := range Settings() {
		v.add(s.outOfRange(v.Config), s.Key)
	}
}

func (v *validator) names() {
	v.add(badName(v.Name), "name")
	v.each("hosts", v.Hosts, badHost)
}

func (v *validator) push() {
	v.add(badPrefix(v.Push.Prefix), "push.prefix")
	v.each("push.origins", v.Push.Origins, badOrigin)
	v.each("push.open", v.Push.Open, badPattern)
	v.each("push.proxies", v.Push.Proxies, badNetwork)
}

func (v *validator) tls() {
	const cert, key, domains = "push.tls.cert", "push.tls.key", "push.tls.domains"
	t := &v.Push.TLS
	if (t.Cert == "") != (t.Key == "") {
		v.add("push.tls.cert and push.tls.key belong together; set both of them, or none", cert, key)
	}
	if t.Cert != "" && len(t.Domains) > 0 {
		v.add("push.tls.domains and push.tls.cert exclude each other: certificates come from an ACME server, or from files", domains, cert)
	}
	if t.Cache == "" && len(t.Domains) > 0 {
		v.add("push.tls.cache must name a directory in which the certificates of push.tls.domains are kept", domains, "push.tls.cache")
	}
	if t.HTTP != "" && !t.on() {
		v.add("it sends clients to https, which is not there; set push.tls.domains, or push.tls.cert and push.tls.key",
			"push.tls.http", domains, cert)
	}
	v.each(domains, t.Domains, badDomain)
	v.add(badEmail(t.Email), "push.tls.email")
	v.add(badDirectory(t.ACME), "push.tls.acme")
}

func (v *validator) choices() {
	v.add(badChoice(v.Limits.Lane, "loops", "http"), "limits.lane")
	v.add(badOutput(v.Log.Output), "log.output")
	v.add(badChoice(v.Log.Format, "text", "json"), "log.format")
	v.add(badState(v.State.File), "state.file")
	v.add(badChoice(v.Log.Level, "debug", "info", "warn", "error"), "log.level")
}

func (v *validator) tokens() {
	v.each("ingest.tokens", Reveal(v.Ingest.Tokens), badToken)
	v.each("line.tokens", Reveal(v.Line.Tokens), badToken)
	if v.Admin.Token != "" {
		v.add(badToken(string(v.Admin.Token)), "admin.token")
	}
}

func (v *validator) relations() {
	if v.Push.Listen == "" && v.Ingest.Listen == "" && v.Line.Listen == "" && v.Line.HTTP == "" {
		v.add("must not be empty with ingest.listen, line.listen and line.http: nothing would be served", "push.listen")
	}
	const body, message, queue = "ingest.max_body", "ingest.max_message", "push.queue.bytes"
	v.atLeast(v.Ingest.MaxBody, v.Ingest.MaxMessage, body, message, "a body holds whole messages")
	v.atLeast(v.Push.Queue.Bytes, v.Ingest.MaxMessage, queue, message, "a queue must hold one message")
	v.atLeast(v.Push.Queue.Total, v.Push.Queue.Bytes, "push.queue.total", queue, "all queues together must hold one")
}

// atLeast reports a size that is smaller than another, unless one of them is already known to be wrong by itself.
func (v *validator) atLeast(large, small Bytes, largeKey, smallKey, why string) {
	wrong := map[string]bool{largeKey: true, smallKey: true}
	known := func(p problem) bool { return len(p.keys) == 1 && p.touches(wrong) }
	if large < small && !slices.ContainsFunc(v.problems, known) {
		v.add(fmt.Sprintf("%s (%s) must be at least %s (%s): %s", largeKey, large, smallKey, small, why), largeKey, smallKey)
	}
}

// listener is an address that the daemon listens on.
type listener struct {
	key, address string
	control      bool // gives the power of a back-end or an operator
	tokens       string
	guarded      bool // tokens are set
}

func (v *validator) listeners() {
	list := []listener{
		{key: "push.listen", address: v.Push.Listen},
		{key: "push.tls.http", address: v.Push.TLS.HTTP},
		{"ingest.listen", v.Ingest.Listen, true, "ingest.tokens", len(v.Ingest.Tokens) > 0},
		{"line.listen", v.Line.Listen, true, "line.tokens", len(v.Line.Tokens) > 0},
		{"line.http", v.Line.HTTP, true, "line.tokens", len(v.Line.Tokens) > 0},
		{"admin.listen", v.Admin.Listen, true, "admin.token", v.Admin.Token != ""},
	}
	for i, l := range list {
		reason := badAddress(l.address)
		v.add(reason, l.key)
		if reason != "" || l.address == "" {
			continue
		}
		v.exposed(l)
		for _, other := range list[:i] {
			if overlap(l.address, other.address) {
				v.add(fmt.Sprintf("%s and %s cannot both listen on %s; change the port of one of them",
					other.key, l.key, l.address), l.key, other.key)
			}
		}
	}
}

// exposed reports a control address that other machines may reach without a token.
func (v *validator) exposed(l listener) {
	host, port, _ := net.SplitHostPort(l.address)
	if l.control && !l.guarded && !isLoopback(host) {
		tokens, _ := settingNamed(l.tokens)
		v.add(fmt.Sprintf("%q can be reached from other machines and %s is empty; set it, or %s in the environment, "+
			"or listen on a loopback address such as %s",
			l.address, l.tokens, tokens.Env(), net.JoinHostPort("127.0.0.1", port)), l.key, l.tokens)
	}
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// badAddress says what is wrong with an address to listen on; an empty one is right.
func badAddress(address string) string {
	if address == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Sprintf(`%q is not host:port; write ":8008", "127.0.0.1:8008" or "[::1]:8008", or "" for off`, address)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return fmt.Sprintf("%q: the port must be a number between 0 and 65535", address)
	}
	if host != "" && !isHost(host) {
		return fmt.Sprintf("%q: %q is neither an IP address nor a host's name", address, host)
	}
	return ""
}

// overlap tells whether two addresses cannot both be listened on. Port 0 is a free port each time.
func overlap(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil {
		return false
	}
	numberA, _ := strconv.Atoi(portA)
	numberB, _ := strconv.Atoi(portB)
	if numberA != numberB || numberA == 0 {
		return false
	}
	ipA, ipB := listenIP(hostA), listenIP(hostB)
	if ipA.IsValid() != ipB.IsValid() {
		return ipA.IsUnspecified() || ipB.IsUnspecified()
	}
	if !ipA.IsValid() {
		return strings.EqualFold(hostA, hostB)
	}
	return ipA == ipB || ipA.IsUnspecified() || ipB.IsUnspecified()
}

// listenIP returns the IP address that net.Listen makes of a host; none for a name that only a resolver knows.
func listenIP(host string) netip.Addr {
	switch {
	case host == "":
		return netip.IPv6Unspecified()
	case strings.EqualFold(host, "localhost"):
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	ip, _ := netip.ParseAddr(host)
	return ip.Unmap()
}

var (
	hostPattern   = regexp.MustCompile(`^(?i:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.(?i:[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?))*\.?$`)
	prefixPattern = regexp.MustCompile(`^/([A-Za-z0-9._~-]+/)+$`)
	domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)
	schemePattern = regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`)
)

// isHost tells whether text is an IP address or a name that DNS could hold.
func isHost(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || len(text) <= 253 && hostPattern.MatchString(text)
}

func badName(name string) string {
	if _, ok := dispatch.ParseNode(name); ok {
		return ""
	}
	return fmt.Sprintf("%q cannot begin an ID; use 1 to 32 letters, digits and underscores (A-Z a-z 0-9 _)", name)
}

func badHost(host string) string {
	if isHost(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")) {
		return ""
	}
	return fmt.Sprintf(`%q is not a host's name or IP address; write it without scheme, port and path, as "roots.internal"`, host)
}

func badPrefix(prefix string) string {
	if prefix == "" || prefixPattern.MatchString(prefix) && !hasDotSegment(prefix) {
		return ""
	}
	return fmt.Sprintf(`%q is not a prefix; begin and end it with "/", with segments of letters, digits and "-._~" `+
		`between, as "/comet/", or leave it empty`, prefix)
}

// hasDotSegment finds "." and "..", which browsers and proxies resolve before we ever see them.
func hasDotSegment(path string) bool {
	segments := strings.Split(path, "/")
	return slices.Contains(segments, ".") || slices.Contains(segments, "..")
}

// badNetwork says what is wrong with the address of a proxy, or of the network that proxies are in.
func badNetwork(text string) string {
	_, addressErr := netip.ParseAddr(text)
	_, networkErr := netip.ParsePrefix(text)
	if addressErr == nil || networkErr == nil {
		return ""
	}
	return fmt.Sprintf(`%q is neither an IP address nor a network; write it as "10.0.0.5" or "10.0.0.0/8"`, text)
}

func badPattern(text string) string {
	pattern, err := dispatch.ParsePattern(text)
	switch {
	case err != nil:
		return fmt.Sprintf("%q: %v", text, err)
	case pattern.System():
		return fmt.Sprintf(`%q: paths that begin with "::" belong to the system and cannot be open`, text)
	}
	return ""
}

// badDomain says what is wrong with a domain that a certificate is to be had for. Handshakes name it in this form only.
func badDomain(domain string) string {
	if len(domain) <= 253 && domainPattern.MatchString(domain) {
		return ""
	}
	return fmt.Sprintf(`%q is not a domain to get a certificate for; write a whole name in lower case, as "push.example.com", `+
		`with neither wildcard nor port`, domain)
}

func badEmail(text string) string {
	if text == "" {
		return ""
	}
	if address, err := mail.ParseAddress(text); err == nil && address.Address == text {
		return ""
	}
	return fmt.Sprintf(`%q is not an e-mail address; write it as "admin@example.com"`, text)
}

// badDirectory says what is wrong with the address of an ACME server. Without https, anybody on the way could answer in
// its place.
func badDirectory(text string) string {
	u, err := url.Parse(text)
	if text == "" || err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())) {
		return ""
	}
	return fmt.Sprintf(`%q is not the directory of an ACME server; write its https address, as `+
		`"https://acme-staging-v02.api.letsencrypt.org/directory"`, text)
}

// badOrigin says what is wrong with a web origin. Browsers write origins in one way only, so that anything that could
// never equal one is an error and not a silent refusal.
func badOrigin(origin string) string {
	if origin == "*" {
		return ""
	}
	plain := strings.ToLower(origin)
	scheme, rest, _ := strings.Cut(plain, "://")
	host := strings.TrimPrefix(rest, "*.")
	u, err := url.Parse("//" + host)
	if err != nil || !schemePattern.MatchString(scheme) || !isHost(u.Hostname()) || !isPort(u.Port()) || u.Host != host {
		return fmt.Sprintf(`%q is not an origin; write "https://example.com", "https://*.example.com" or "*", with a port if `+
			`it is not the scheme's own, and nothing after it`, origin)
	}
	if scheme == "https" && u.Port() == "443" || scheme == "http" && u.Port() == "80" {
		plain = strings.TrimSuffix(plain, ":"+u.Port())
	}
	if plain = strings.TrimSuffix(plain, ":"); plain != origin {
		return fmt.Sprintf("%q is not how a browser writes it; write %q", origin, plain)
	}
	return ""
}

func isPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

// badToken says what is wrong with a token, without showing it. A comma would make two of it in a variable or a flag.
func badToken(token string) string {
	switch {
	case token == "":
		return "a token must not be empty"
	case strings.ContainsFunc(token, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == ',' }):
		return "a token must not hold white space, commas or control characters"
	}
	return ""
}

func badState(file string) string {
	if file == "" || strings.ContainsFunc(file, unicode.IsControl) {
		return fmt.Sprintf(`%q is not a place to keep sessions in; use "auto", "off" or the path of a file`, file)
	}
	return ""
}

func badOutput(output string) string {
	switch {
	case output == "" || strings.ContainsFunc(output, unicode.IsControl):
		return fmt.Sprintf(`%q is not a place to write to; use "off", "stdout" or the path of a file`, output)
	case output == "stderr":
		return `"stderr" carries the daemon's own messages; use "off", "stdout" or the path of a file`
	}
	return ""
}

func badChoice(value string, choices ...string) string {
	if slices.Contains(choices, value) {
		return ""
	}
	return fmt.Sprintf("%q is not one of %s", value, strings.Join(choices, ", "))
}
