package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/rootsd/rootsd/cmd/internal/load"
)

//go:embed peers/nchan.conf
var nchanConf string

// nchanModule is where Debian's package puts it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// installNchan takes what is installed, or installs it if this is root's program on a Debian.
func installNchan(w *workshop) (string, error) {
	if _, err := os.Stat(nchanModule); errors.Is(err, os.ErrNotExist) {
		if err := aptInstall(w, "nginx", "libnginx-mod-nchan"); err != nil {
			return "", err
		}
	}
	query := exec.Command("dpkg-query", "-W", "-f", "${Package} ${Version}, ", "nginx", "libnginx-mod-nchan")
	versions, err := query.Output()
	if err != nil {
		return "", fmt.Errorf("dpkg-query: %w", err)
	}
	return strings.TrimSuffix(string(versions), ", "), nil
}

func aptInstall(w *workshop, packages ...string) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("not installed; try: sudo apt-get install --no-install-recommends %s", strings.Join(packages, " "))
	}
	install := append([]string{"apt-get", "install", "-y", "-qq", "--no-install-recommends"}, packages...)
	if w.run("", install...) == nil {
		return nil
	}
	if err := w.run("", "apt-get", "update", "-qq"); err != nil {
		return err
	}
	return w.run("", install...)
}

func startNchan(_ *workshop, s *site) ([]string, error) {
	config, err := s.fill("nginx.conf", nchanConf, map[string]any{"Module": nchanModule, "Slots": 2 * s.files})
	return []string{"nginx", "-p", s.dir, "-e", s.dir + "/error.log", "-c", config}, err
}

// speakNchan follows the documentation: a poll asks for what comes after the Last-Modified and Etag of the one before.
func speakNchan(s *site, transport load.Transport) load.Dialect {
	w := s.wire()
	d := &dialect{
		publish: func(dst []byte, path string, text []byte) []byte {
			return w.post(dst, "/publish?id="+path, "Content-Type: text/plain\r\n", string(text))
		},
	}
	switch transport {
	case load.LongPoll:
		d.open = func(dst []byte, _ *load.Client) []byte { return w.get(dst, "", "/ready") }
		d.hear = hearPolls(func(dst []byte, c *load.Client, in *load.Input) []byte {
			return w.get(dst, after(in), "/subscribe?id=", c.Path)
		})
	case load.SSE:
		d.open = func(dst []byte, c *load.Client) []byte {
			return w.get(dst, "Accept: text/event-stream\r\n", "/subscribe?id=", c.Path)
		}
		d.hear = hearStream
	case load.WebSocket:
		d.open = func(dst []byte, c *load.Client) []byte { return w.upgrade(dst, "/subscribe?id="+c.Path) }
		d.hear = hearStream
	}
	return d
}

// after returns the fields that ask for what comes after an answer of nchan; none after one that brought nothing.
func after(in *load.Input) string {
	etag := in.Field("Etag")
	if etag == nil {
		return ""
	}
	return "If-Modified-Since: " + string(in.Field("Last-Modified")) + "\r\nIf-None-Match: " + string(etag) + "\r\n"
}
