package proxytest

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A program is a reverse proxy: how it is run in the foreground, as the current user, beside the system's own.
type program struct {
	file    string // in docs/proxies
	binary  string
	apt     string // Debian's package
	args    func(config string) []string
	head    string      // what is put before the configuration
	private [][2]string // what is replaced in the configuration, so that it touches nothing outside DIR and 127.0.0.1
}

var programs = map[string]program{
	"nginx": {
		file: "nginx.conf", binary: "nginx", apt: "nginx",
		args: func(config string) []string { return []string{"-e", "stderr", "-g", "daemon off;", "-c", config} },
		private: [][2]string{
			{`user www-data;`, nginxUser()},
			{`listen 8080`, `listen 127.0.0.1:8080`},
			{`http {`, `http {
    client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/fastcgi;
    uwsgi_temp_path DIR/uwsgi; scgi_temp_path DIR/scgi;`},
		},
	},
	"caddy": {
		file: "Caddyfile", binary: "caddy", apt: "caddy",
		args: func(config string) []string { return []string{"run", "--adapter", "caddyfile", "--config", config} },
		// Otherwise it listens on 2019, and with TLS on 80.
		head:    "{\n\tadmin off\n\tauto_https disable_redirects\n}\n",
		private: [][2]string{{"\n:8080 {", "\n:8080 {\n\tbind 127.0.0.1"}},
	},
	"haproxy": {
		file: "haproxy.cfg", binary: "haproxy", apt: "haproxy",
		args:    func(config string) []string { return []string{"-db", "-f", config} },
		private: [][2]string{{"    user haproxy\n    group haproxy\n", ""}, {"bind :8080", "bind 127.0.0.1:8080"}},
	},
	"apache": {
		file: "apache.conf", binary: "apache2", apt: "apache2",
		args:    func(config string) []string { return []string{"-D", "FOREGROUND", "-f", config} },
		private: [][2]string{{"Listen 8080", "Listen 127.0.0.1:8080"}},
	},
}

// nginxUser has nginx's workers run as its master does; it is not asked where that is not root.
func nginxUser() string {
	if os.Geteuid() == 0 {
		return "user root;"
	}
	return ""
}

// port8080 is the site's port in the files; 8080 within a longer number is none.
var port8080 = regexp.MustCompile(`\b8080\b`)

// Programs are the proxies that there are configurations for, as Start and Config know them.
var Programs = []string{"nginx", "caddy", "haproxy", "apache"}

// Config returns the file of docs/proxies for one of Programs, as it is.
func Config(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "proxies", programs[name].file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Start runs one of Programs with a configuration, and returns its base URL, such as http://127.0.0.1:43210, when it
// takes connections. A free port of 127.0.0.1 takes the place of 8080; what it would write below /var/log and /run, it
// writes into a folder of its own. Caddy's has no block of global options. It ends with the test; if that has failed,
// its logs are shown. The test is skipped where the program is not installed.
func Start(t testing.TB, name, config string) (base string) {
	t.Helper()
	base, _ = start(t, name, config)
	return base
}

// start is Start, and returns what shows all that the proxy has logged, too.
func start(t testing.TB, name, config string) (base string, logs func() string) {
	t.Helper()
	prog, known := programs[name]
	if !known {
		t.Fatalf("%q is none of %q", name, Programs)
	}
	path := find(prog.binary)
	if path == "" {
		t.Skipf("%s is not installed; get it with: apt-get install %s", name, prog.apt)
	}
	dir := t.TempDir()
	// Another program may take the port between its choice and its use.
	for range 3 {
		port := freePort(t)
		p := run(t, prog.command(t, path, dir, port8080.ReplaceAllString(prog.confine(config, dir), port)))
		if p.until(t, func() bool { return accepts("127.0.0.1:" + port) }) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("%s logged:\n%s", name, logged(dir))
				}
			})
			return "http://127.0.0.1:" + port, func() string { return p.out.String() + logged(dir) }
		}
	}
	t.Fatalf("%s does not start", name)
	return "", nil
}

// find returns the path of a program, "" if there is none. The PATH of users often lacks the folders for services.
func find(binary string) string {
	for _, name := range []string{binary, "/usr/sbin/" + binary, "/usr/local/sbin/" + binary} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// confine returns a configuration that writes into dir alone, and listens on 127.0.0.1 alone.
func (prog program) confine(config, dir string) string {
	for _, pair := range prog.private {
		config = strings.Replace(config, pair[0], pair[1], 1)
	}
	own := strings.NewReplacer("DIR/", dir+"/", "/var/log/", dir+"/log/", "/run/", dir+"/run/")
	return prog.head + own.Replace(config)
}

// command writes the configuration into dir, and returns what runs it.
func (prog program) command(t testing.TB, path, dir, config string) *exec.Cmd {
	t.Helper()
	for _, sub := range []string{"log/", "run/"} {
		if err := os.MkdirAll(filepath.Join(dir, sub+prog.binary), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, prog.file)
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, prog.args(file)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir) // for Caddy
	return cmd
}

var ports struct {
	mu    sync.Mutex // guards given
	given map[string]bool
}

// freePort returns a port that was not given before: HAProxy and Caddy share theirs with others of their kind. It is above
// those that Linux gives to whoever asks for any, so that nobody has it until the proxy does.
func freePort(t testing.TB) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for range 1000 {
		port := strconv.Itoa(61000 + rand.IntN(4500))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		l.Close()
		if ports.given[port] {
			continue
		}
		if ports.given == nil {
			ports.given = make(map[string]bool)
		}
		ports.given[port] = true
		return port
	}
	t.Fatal("there is no free port")
	return ""
}

// accepts tells whether something listens at an address.
func accepts(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

// logged returns what a proxy has written into the logs in its folder.
func logged(dir string) string {
	var all strings.Builder
	files, _ := filepath.Glob(filepath.Join(dir, "log", "*", "*")) // its one error is a bad pattern
	for _, name := range files {
		if text, err := os.ReadFile(name); err == nil {
			all.Write(text)
		}
	}
	return all.String()
}
