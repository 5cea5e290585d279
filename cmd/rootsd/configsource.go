package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// envPrefix begins the environment variables that are ours.
const envPrefix = "ROOTS_"

// otherVariables are known variables that are no settings: the program's verbs use them.
var otherVariables = []string{"ROOTS_CONFIG", "ROOTS_URL", "ROOTS_TOKEN"}

// LoadConfig returns the defaults with a file, the environment and the flags laid over them, in this order. An empty
// file name means the file that ROOTS_CONFIG names, or none; flags may be nil; environ is as [os.Environ] gives it.
//
// The error joins a [ConfigError] for each thing that is wrong, or says why the file cannot be read. Warnings are about
// variables that look like ours and are not; they are no errors, because others make such variables too (Kubernetes
// sets ROOTS_SERVICE_HOST for a service named roots).
func LoadConfig(file string, flags *pflag.FlagSet, environ []string) (config *Config, warnings []string, err error) {
	return newLoader().load(file, flags, environ)
}

// LoadSome is [LoadConfig] for one that calls a daemon, and needs these settings alone. All others stand as they do by
// default. What is wrong with them, and how they go together with those that are needed, is the daemon's affair.
func LoadSome(keys []string, file string, environ []string) (config *Config, warnings []string, err error) {
	l := newLoader()
	l.only = append([]string{}, keys...)
	return l.load(file, nil, environ)
}

// loader gathers a configuration, and remembers where each value came from.
type loader struct {
	only     []string // keys of the settings to read; nil: all of them
	config   *Config
	places   map[string]ConfigError // by key; a place is an error that has no reason yet
	broken   map[string]bool        // keys whose value could not be read, so that comparing it with others is no use
	problems []*ConfigError
	warnings []string
}

func newLoader() *loader {
	return &loader{config: DefaultConfig(), places: map[string]ConfigError{}, broken: map[string]bool{}}
}

func (l *loader) load(file string, flags *pflag.FlagSet, environ []string) (*Config, []string, error) {
	if file == "" {
		file = lookup(environ, "ROOTS_CONFIG")
	}
	if file != "" {
		if err := l.readFile(file); err != nil {
			return nil, nil, err
		}
	}
	l.readEnvironment(environ)
	l.readFlags(flags)
	config, err := l.finish()
	return config, l.warnings, err
}

// concerns tells whether something about these settings matters. Where only some are read, a relation of two does not.
func (l *loader) concerns(keys ...string) bool {
	return l.only == nil || len(keys) == 1 && slices.Contains(l.only, keys[0])
}

// problem reports something wrong at a place.
func (l *loader) problem(place ConfigError, reason string) {
	place.Reason = reason
	l.problems = append(l.problems, &place)
}

// found notes where the value of a setting came from.
func (l *loader) found(s Setting, place ConfigError) {
	l.places[s.Key] = place
	delete(l.broken, s.Key)
}

// unreadable reports a value that could not be set.
func (l *loader) unreadable(s Setting, place ConfigError, reason string) {
	l.broken[s.Key] = true
	l.problem(place, reason)
}

// setText sets a setting from a variable or a flag.
func (l *loader) setText(s Setting, source, text string) {
	if !l.concerns(s.Key) {
		return
	}
	place := ConfigError{Key: source}
	if err := s.setText(l.config, text); err != nil {
		l.unreadable(s, place, err.Error())
		return
	}
	l.found(s, place)
}

// finish validates what was gathered. Each problem is reported at the first of its settings that somebody has set.
func (l *loader) finish() (*Config, error) {
	for _, p := range validate(l.config) {
		if p.touches(l.broken) || !l.concerns(p.keys...) {
			continue
		}
		place := ConfigError{Key: p.keys[0]}
		for _, key := range p.keys {
			if set, ok := l.places[key]; ok {
				place = set
				break
			}
		}
		l.problem(place, p.reason)
	}
	if len(l.problems) > 0 {
		return nil, joined(l.problems)
	}
	return l.config, nil
}

// readEnvironment lays the variables that begin with ROOTS_ over what is set.
func (l *loader) readEnvironment(environ []string) {
	settings := map[string]Setting{}
	known := slices.Clone(otherVariables)
	for _, s := range Settings() {
		settings[s.Env()] = s
		known = append(known, s.Env())
	}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		if s, ok := settings[name]; ok {
			l.setText(s, name, text)
		} else if warning := unknownVariable(name, known); warning != "" {
			l.warnings = append(l.warnings, warning)
		}
	}
}

// unknownVariable returns the warning about a variable that looks like ours; "" for one that is known.
func unknownVariable(name string, known []string) string {
	rest := strings.TrimPrefix(name, envPrefix)
	names := make([]string, len(known))
	for i, k := range known {
		if k == name {
			return ""
		}
		names[i] = strings.TrimPrefix(k, envPrefix)
	}
	warning := name + ": unknown variable, ignored"
	if right := nearest(rest, names); right != "" {
		warning += "; did you mean " + envPrefix + right + "?"
	}
	return warning
}

// lookup returns the value of a variable; "" if it is not set.
func lookup(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// readFlags lays the flags that were given over what is set.
func (l *loader) readFlags(flags *pflag.FlagSet) {
	if flags == nil {
		return
	}
	for _, s := range Settings() {
		if flag := flags.Lookup(s.Flag()); flag != nil && flag.Changed {
			l.setText(s, "--"+s.Flag(), flag.Value.String())
		}
	}
}

// RegisterFlags adds a flag for each setting. Their values are read by [LoadConfig], so that a bad one is reported
// together with everything else that is wrong.
func RegisterFlags(flags *pflag.FlagSet) {
	defaults := DefaultConfig()
	for _, s := range Settings() {
		value := &flagText{text: plainText(defaults.field(s)), form: s.form().name}
		if s.isList() {
			value.text = strings.Trim(value.text, "[]") // no default has more than one entry
		}
		flags.Var(value, s.Flag(), s.Help)
	}
}

// flagText is the text of a flag. It implements [pflag.Value].
type flagText struct {
	text  string
	form  string
	given bool
}

// String returns the text, which is the default until the flag is given.
func (f *flagText) String() string { return f.text }

// Set takes any text. A list may be given in several flags.
func (f *flagText) Set(text string) error {
	if f.given && f.form == "list" {
		text = f.text + "," + text
	}
	f.text, f.given = text, true
	return nil
}

// Type names the form, for the help text.
func (f *flagText) Type() string { return f.form }
