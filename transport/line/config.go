package line

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/rootsd/rootsd/transport/lane"
)

// Config says what a [Receiver] takes. The zero value is good for a port that only this machine reaches.
type Config struct {
	// Tokens are the secrets of which a connection must give one in its first line, "::token; <secret>". None means that
	// every connection is taken. An empty secret lets nobody in.
	Tokens []string
	// MaxLine is how long a line may be without its ending, in bytes; 0 means 131,072. A connection holds a buffer of
	// 16 KiB, or of the longest line that it has sent.
	MaxLine int
	// MaxMessage is how large a message may be, in bytes of its JSON text; 0 means 65,536. A larger one is not passed on.
	MaxMessage int
	// MaxConnections is how many connections may be open at a time; 0 means 1,024.
	MaxConnections int
	// Header is how long a connection may take for its first line where Tokens want one; 0 means 10 s. After that, and
	// without Tokens, a connection may be silent for ever.
	Header time.Duration
	// Met is told of the bounds that are met, and of connections that are closed for what they begin with, so that a crowd
	// of them is few lines of the log; nil: nobody is.
	Met *lane.Met
	// Log is told of what goes wrong; nil means slog.Default(). Neither messages nor secrets are written to it.
	Log *slog.Logger
}

// settings are a Config with its defaults filled in. They do not change.
type settings struct{ Config }

func newSettings(c Config) *settings {
	c.MaxLine = cmp.Or(c.MaxLine, 128<<10)
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<10)
	c.MaxConnections = cmp.Or(c.MaxConnections, 1024)
	c.Header = cmp.Or(c.Header, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &settings{c}
}

// guarded tells whether a connection needs a token.
func (s *settings) guarded() bool { return len(s.Tokens) > 0 }

// admits tells whether a connection that gave secret may go on.
func (s *settings) admits(secret string) bool { return !s.guarded() || lane.HasToken(s.Tokens, secret) }
