package main

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that prints as [secret] however it is formatted, logged or encoded, so that a token cannot slip
// into a log with the struct that it stands in. string(s) gives the value.
type Secret string

// Format implements [fmt.Formatter], for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.mask()) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.mask()) }

// MarshalText implements [encoding.TextMarshaler], which JSON and TOML use.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.mask()), nil }

// mask tells only whether there is one.
func (s Secret) mask() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// Reveal returns the values of secrets, for the component that compares them.
func Reveal(secrets []Secret) []string {
	values := make([]string, len(secrets))
	for i, s := range secrets {
		values[i] = string(s)
	}
	return values
}
