package main

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Config is everything that can be set about a daemon. [DefaultConfig] gives one that works as it is; [LoadConfig]
// lays a file, the environment and the command line over it.
//
// The struct tags are the reference that everything else is made from: toml is the name in a file (and, with the
// tables before it, the key that errors, flags and variables are named after), help the text of its flag, min and max
// what is accepted, and reload:"yes" marks what takes effect without a restart.
type Config struct {
	Name   string        `toml:"name" help:"first part of every ID that this daemon gives out"`
	Drain  time.Duration `toml:"drain" min:"0s" max:"10m" reload:"yes" help:"how long a stop may take"`
	Hosts  []string      `toml:"hosts" reload:"yes" help:"names by which back-ends call this daemon, beside its own"`
	Push   PushConfig    `toml:"push"`
	Ingest IngestConfig  `toml:"ingest"`
	Line   LineConfig    `toml:"line"`
	Log    LogConfig     `toml:"log"`
	Admin  AdminConfig   `toml:"admin"`
	Limits LimitsConfig  `toml:"limits"`
	State  StateConfig   `toml:"state"`
}

// PushConfig is the side of the clients: browsers and whoever else waits for updates.
type PushConfig struct {
	Listen  string        `toml:"listen" help:"address that clients connect to; empty: off"`
	Prefix  string        `toml:"prefix" help:"path before every push URL, such as /comet/"`
	Hold    time.Duration `toml:"hold" min:"100ms" max:"10m" reload:"yes" help:"how long a poll waits for a message, and a stream is silent before a ping"`
	Bundle  time.Duration `toml:"bundle" min:"0s" max:"10s" reload:"yes" help:"shortest time between the answers to a client's polls under a burst"`
	Expire  time.Duration `toml:"expire" min:"1s" max:"24h" reload:"yes" help:"how long a session lives without a waiting request"`
	Resume  int           `toml:"resume" min:"0" max:"1000000" reload:"yes" help:"messages of a stream kept for a resume after they were sent"`
	Origins []string      `toml:"origins" reload:"yes" help:"web origins whose pages may connect"`
	Open    []string      `toml:"open" reload:"yes" help:"patterns that clients may connect themselves to"`
	Proxies []string      `toml:"proxies" reload:"yes" help:"addresses of proxies whose X-Forwarded-For names the client, for the bounds on one address"`
	Pace    int           `toml:"pace" min:"0" max:"1000000" reload:"yes" help:"clients a second that lost their session and are to have the back-end asked; 0: as they come"`
	Queue   QueueConfig   `toml:"queue"`
	TLS     TLSConfig     `toml:"tls"`
}

// QueueConfig bounds what one session keeps for a client that has not confirmed it yet.
type QueueConfig struct {
	Messages int           `toml:"messages" min:"1" max:"1000000" reload:"yes" help:"messages kept for a client"`
	Bytes    Bytes         `toml:"bytes" min:"1KiB" max:"1GiB" reload:"yes" help:"bytes kept for a client"`
	Age      time.Duration `toml:"age" min:"100ms" max:"24h" reload:"yes" help:"how long a message is kept for a client"`
	Total    Bytes         `toml:"total" min:"1MiB" max:"1024GiB" reload:"yes" help:"bytes kept for all clients together"`
}

// TLSConfig is where the push port's certificates come from: files, or an ACME server. Without either, it speaks plain
// HTTP.
type TLSConfig struct {
	Cert    string   `toml:"cert" reload:"yes" help:"file of the push port's certificate and its chain; empty: no TLS"`
	Key     string   `toml:"key" reload:"yes" help:"file of the private key of push.tls.cert"`
	Domains []string `toml:"domains" help:"domains to get certificates for from an ACME server"`
	Cache   string   `toml:"cache" help:"directory for the certificates of push.tls.domains"`
	Email   string   `toml:"email" help:"address at which the ACME server's operator may reach you"`
	ACME    string   `toml:"acme" help:"directory of the ACME server; empty: Let's Encrypt"`
	HTTP    string   `toml:"http" help:"address that sends plain HTTP to https and answers ACME challenges; empty: off"`
}

// on tells whether the push port speaks TLS.
func (c *TLSConfig) on() bool { return c.Cert != "" || len(c.Domains) > 0 }

// IngestConfig is the side of the back-ends: HTTP requests that update and connect.
type IngestConfig struct {
	Listen     string        `toml:"listen" help:"address that back-ends post to; empty: off"`
	Tokens     []Secret      `toml:"tokens" reload:"yes" help:"tokens, one of which a back-end must send; empty: none asked for"`
	MaxBody    Bytes         `toml:"max_body" min:"1KiB" max:"1GiB" reload:"yes" help:"largest body of a request"`
	MaxMessage Bytes         `toml:"max_message" min:"256B" max:"64MiB" reload:"yes" help:"largest message"`
	MaxWait    time.Duration `toml:"max_wait" min:"100ms" max:"10m" reload:"yes" help:"longest time that an update may wait for its receipt"`
}

// LineConfig is the line protocol: "path; message" over TCP, and its HTTP form.
type LineConfig struct {
	Listen string   `toml:"listen" help:"address of the line protocol; empty: off"`
	HTTP   string   `toml:"http" help:"address of the line protocol's HTTP form; empty: off"`
	Tokens []Secret `toml:"tokens" reload:"yes" help:"tokens, one of which a connection must send; empty: none asked for"`
}

// LogConfig is the log of updates, and the daemon's own messages on stderr.
type LogConfig struct {
	Output string `toml:"output" help:"where updates are written: off, stdout or a file's path"`
	Format string `toml:"format" help:"form of the daemon's own messages: text or json"`
	Level  string `toml:"level" reload:"yes" help:"least important message that is written: debug, info, warn or error"`
}

// AdminConfig is the operator's address: metrics, health, profiles, and what rootsd tail asks.
type AdminConfig struct {
	Listen string `toml:"listen" help:"address of the dashboard, metrics, health checks, profiles and tail; empty: off"`
	Token  Secret `toml:"token" reload:"yes" help:"token that an operator must send; empty: none asked for"`
}

// LimitsConfig is what keeps memory and file descriptors bounded, whatever clients and back-ends do.
type LimitsConfig struct {
	Sessions           int           `toml:"sessions" min:"1" max:"100000000" reload:"yes" help:"sessions at a time"`
	Connections        int           `toml:"connections" min:"1" max:"100000000" reload:"yes" help:"connections at a time on the push port"`
	ControlConnections int           `toml:"control_connections" min:"1" max:"1000000" reload:"yes" help:"connections at a time on each port but push.listen"`
	Paths              int           `toml:"paths" min:"1" max:"1000000" reload:"yes" help:"paths that one client may be connected to"`
	Subscriptions      int           `toml:"subscriptions" min:"1" max:"1000000000" reload:"yes" help:"connections between clients and paths at a time"`
	Permits            int           `toml:"permits" min:"1" max:"1000000" reload:"yes" help:"patterns that one client may be permitted to publish to"`
	Publish            Bytes         `toml:"publish" min:"1KiB" max:"64MiB" reload:"yes" help:"largest body that a client may post"`
	Header             time.Duration `toml:"header" min:"100ms" max:"10m" help:"time to send a request's header"`
	HeaderSize         Bytes         `toml:"header_size" min:"1KiB" max:"16MiB" help:"largest header of a request"`
	Idle               time.Duration `toml:"idle" min:"1s" max:"24h" help:"how long a connection may be open between two requests"`
	Body               time.Duration `toml:"body" min:"100ms" max:"10m" reload:"yes" help:"time to send a request's body"`
	Write              time.Duration `toml:"write" min:"100ms" max:"10m" reload:"yes" help:"time to take an answer"`
	LogBuffer          Bytes         `toml:"log_buffer" min:"4KiB" max:"1GiB" help:"bytes of log.output kept while its file is slow"`
	TailBuffer         int           `toml:"tail_buffer" min:"1" max:"10000000" help:"updates kept for a slow rootsd tail"`
	History            int           `toml:"history" min:"0" max:"1000000" help:"connects and other commands kept for the dashboard"`
	Loops              int           `toml:"loops" min:"0" max:"256" help:"event loops that serve push and ingest; 0: one a processor"`
	OpenRate           int           `toml:"open_rate" min:"0" max:"1000000" reload:"yes" help:"sessions that may be opened in a second; 0: no limit"`
	PublishRate        int           `toml:"publish_rate" min:"0" max:"1000000" reload:"yes" help:"updates and connects of one client in a second; 0: no limit"`
	TotalPublishRate   int           `toml:"total_publish_rate" min:"0" max:"100000000" reload:"yes" help:"updates and connects of all clients in a second; 0: no limit"`
	AddressConnections int           `toml:"address_connections" min:"0" max:"100000000" reload:"yes" help:"connections at a time of one address on the push port; 0: no limit"`
	AddressSessions    int           `toml:"address_sessions" min:"0" max:"100000000" reload:"yes" help:"sessions at a time of one address; 0: no limit"`
	AddressOpenRate    int           `toml:"address_open_rate" min:"0" max:"1000000" reload:"yes" help:"sessions that one address may open in a second; 0: no limit"`
	AddressPublishRate int           `toml:"address_publish_rate" min:"0" max:"1000000" reload:"yes" help:"updates and connects of the clients of one address in a second; 0: no limit"`
	Lane               string        `toml:"lane" help:"what serves push and ingest on Linux: loops, or http (net/http alone)"`
}

// StateConfig is what a daemon that stops leaves for the one that starts after it.
type StateConfig struct {
	File string        `toml:"file" help:"where sessions are kept across a restart: auto, off or a file's path"`
	Age  time.Duration `toml:"age" min:"1s" max:"24h" help:"how old this file may be when it is read"`
}

// DefaultConfig returns the configuration of a daemon that was told nothing. The caller owns it.
func DefaultConfig() *Config {
	return &Config{
		Name:  "roots",
		Drain: 2 * time.Second,
		Hosts: []string{},
		Push: PushConfig{
			Listen: ":8008", Hold: 25 * time.Second, Bundle: 50 * time.Millisecond, Expire: 30 * time.Second,
			Resume: 64, Origins: []string{"*"}, Open: []string{}, Proxies: []string{"127.0.0.0/8", "::1"}, Pace: 500,
			Queue: QueueConfig{Messages: 1000, Bytes: 256 << 10, Age: 60 * time.Second, Total: 1 << 30},
			TLS:   TLSConfig{Domains: []string{}},
		},
		Ingest: IngestConfig{
			Listen: "127.0.0.1:8004", Tokens: []Secret{},
			MaxBody: 1 << 20, MaxMessage: 64 << 10, MaxWait: 60 * time.Second,
		},
		Line:  LineConfig{Listen: "127.0.0.1:8007", Tokens: []Secret{}},
		Log:   LogConfig{Output: "off", Format: "text", Level: "info"},
		Admin: AdminConfig{Listen: "127.0.0.1:8009"},
		Limits: LimitsConfig{
			Sessions: 1_000_000, Connections: 1_000_000, ControlConnections: 1000, Paths: 1000, Permits: 100,
			Subscriptions: 10_000_000, OpenRate: 10_000, PublishRate: 100,
			Publish: 64 << 10, Header: 10 * time.Second, HeaderSize: 32 << 10, Idle: 2 * time.Minute, Body: 10 * time.Second, Write: 10 * time.Second,
			LogBuffer: 1 << 20, TailBuffer: 10_000, History: 1000, Lane: "loops",
		},
		State: StateConfig{File: "auto", Age: 5 * time.Minute},
	}
}

// Clone returns a copy that shares nothing with c.
func (c *Config) Clone() *Config {
	copied := *c
	for _, s := range Settings() {
		s.copy(&copied, c)
	}
	return &copied
}

// Changes names the settings in which next differs from c: those that take effect when the configuration is read
// again, and those that need a restart. Both are in the order of [Settings].
func (c *Config) Changes(next *Config) (reloadable, fixed []string) {
	for _, s := range Settings() {
		switch {
		case s.equal(c, next):
		case s.reloads(c, next):
			reloadable = append(reloadable, s.Key)
		default:
			fixed = append(fixed, s.Key)
		}
	}
	return reloadable, fixed
}

// WithFixedFrom returns a copy of c in which whatever needs a restart stands as it does in running: what a daemon that
// goes on running may apply. The mixture is checked again, because each configuration may be sound where the mixture
// is not: a file that moves ingest to loopback and drops its tokens would otherwise leave the old, public address
// without any.
func (c *Config) WithFixedFrom(running *Config) (*Config, error) {
	mixed := c.Clone()
	for _, s := range Settings() {
		if !s.reloads(running, c) {
			s.copy(mixed, running)
		}
	}
	if err := mixed.Validate(); err != nil {
		return nil, fmt.Errorf("config: not without a restart: %w", err)
	}
	return mixed, nil
}

// ConfigError is one thing that is wrong with a configuration. It never holds the value of a secret.
type ConfigError struct {
	File   string // the file as it was named; empty where the value came from elsewhere
	Line   int    // in File, from 1; 0 without a File
	Key    string // as its source calls it: push.hold, ROOTS_PUSH_HOLD or --push-hold; empty for a syntax error
	Reason string // what is wrong and how it should be
}

// Error returns "roots.toml:12: push.holt: unknown key; did you mean push.hold?", without what is not known of that.
func (e *ConfigError) Error() string {
	text := e.Reason
	if e.Key != "" {
		text = e.Key + ": " + text
	}
	if e.File != "" {
		text = fmt.Sprintf("%s:%d: %s", e.File, e.Line, text)
	}
	return text
}

// joined returns all problems as one error, those of the file first and in the order of its lines; nil without any.
func joined(problems []*ConfigError) error {
	slices.SortStableFunc(problems, func(a, b *ConfigError) int {
		if (a.File == "") != (b.File == "") {
			if a.File == "" {
				return 1
			}
			return -1
		}
		return a.Line - b.Line
	})
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// field returns the value of a setting in c.
func (c *Config) field(s Setting) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(s.index)
}
