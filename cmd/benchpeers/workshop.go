package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// A workshop is where peers are built, each once: bin/peers in the tree, which "make clean" takes away.
type workshop struct {
	root  string // of the tree
	files int    // descriptors that a process may have
	log   io.Writer
}

// newWorkshop finds the tree that the program is run in.
func newWorkshop(files int, log io.Writer) (*workshop, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOMOD: %w", err)
	}
	root := filepath.Dir(strings.TrimSpace(string(mod)))
	if _, err := os.Stat(filepath.Join(root, "cmd", "rootsd")); err != nil {
		return nil, errors.New("run it in the tree of rootsd: go run ./cmd/benchpeers")
	}
	return &workshop{root: root, files: files, log: log}, nil
}

// path returns the absolute path of a file of the workshop.
func (w *workshop) path(name string) string {
	return filepath.Join(w.root, "bin", "peers", filepath.FromSlash(name))
}

// write makes a file what it should be, and tells whether it was anything else before.
func (w *workshop) write(name string, content []byte) (path string, changed bool, err error) {
	path = w.path(name)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return path, false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return path, true, err
	}
	return path, true, os.WriteFile(path, content, 0o644)
}

// run executes a command in a directory of the workshop, or in the tree if dir is empty.
func (w *workshop) run(dir string, args ...string) error {
	fmt.Fprintf(w.log, "  %s\n", strings.Join(args, " "))
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = w.root
	if dir != "" {
		cmd.Dir = w.path(dir)
	}
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", args[0], err, output)
	}
	return nil
}

// buildOurs builds a package of the tree, and returns the commit as its version.
func (w *workshop) buildOurs(name, pkg string) (string, error) {
	if err := w.run("", "go", "build", "-trimpath", "-o", w.path(name), pkg); err != nil {
		return "", err
	}
	version, _ := exec.Command("git", "-C", w.root, "describe", "--always", "--dirty").Output() // there may be no git
	return strings.TrimSpace(string(version)), nil
}

// buildModule builds a program in a module of its own, so that the tree's go.mod need not know it: of our source, or the
// module's own program without one. It is built anew if its version or source is another one than before.
func (w *workshop) buildModule(name, module, version string, source []byte) (string, error) {
	pkg := module
	mod := fmt.Sprintf("module peer\n\ngo 1.26\n\nrequire %s %s\n", module, version)
	if source != nil {
		pkg = "main.go"
		mod += fmt.Sprintf("\n// of sha256 %x\n", sha256.Sum256(source))
		if _, _, err := w.write(name+"/main.go", source); err != nil {
			return "", err
		}
	}
	stamp := name + "/built.mod"
	if built, err := os.ReadFile(w.path(stamp)); err == nil && string(built) == mod {
		return version, nil
	}
	if _, _, err := w.write(name+"/go.mod", []byte(mod)); err != nil {
		return "", err
	}
	if err := w.run(name, "go", "build", "-mod=mod", "-trimpath", "-o", name, pkg); err != nil {
		return "", err
	}
	_, _, err := w.write(stamp, []byte(mod))
	return version, err
}

// key is what peers that want one sign and check tokens with. They listen on loopback, for seconds.
const key = "a-key-for-benchmarks-of-32-bytes"

// signed returns a JWT that has these claims, in JSON.
func signed(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// A site is where one run of a server takes place.
type site struct {
	work    *work
	files   int
	dir     string // temporary
	address string // where clients connect to, and publishers but for rootsd's
	ingest  string // where rootsd's publishers connect to
}

// newSite makes a directory and finds ports that are free now.
func newSite(w *workshop, wk *work) (*site, error) {
	s := &site{work: wk, files: w.files}
	for _, address := range []*string{&s.address, &s.ingest} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		*address = listener.Addr().String()
	}
	var err error
	s.dir, err = os.MkdirTemp("", "benchpeers-")
	if err != nil {
		return nil, err
	}
	return s, os.Chmod(s.dir, 0o755) // nginx's workers run as somebody else
}

func (s *site) close() { _ = os.RemoveAll(s.dir) }

// hostPort returns the two parts of the address.
func (s *site) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(s.address)
	return host, port
}

// wire is how clients of this site write their requests.
func (s *site) wire() *wire { return &wire{host: s.address, fields: s.work.fields} }

// fill writes a peer's configuration, and returns its path. Values has what it names beside the site's own.
func (s *site) fill(name, text string, values map[string]any) (string, error) {
	parsed, err := template.New(name).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	values["Dir"], values["Address"], values["Files"] = s.dir, s.address, s.files
	values["Host"], values["Port"] = s.hostPort()
	var filled bytes.Buffer
	if err := parsed.Execute(&filled, values); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, filled.Bytes(), 0o600)
}
