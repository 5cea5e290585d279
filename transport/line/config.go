package line

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"time"
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
	// Log is told of what goes wrong; nil means slog.Default(). Neither messages nor secrets are written to it.
	Log *slog.Logger
}

// digest stands for a secret. Digests are as long as each other, so comparing them does not tell how long a secret is.
type digest [sha256.Size]byte

// settings are a Config with its defaults filled in. They do not change.
type settings struct {
	Config
	digests []digest // of the tokens
}

func newSettings(c Config) *settings {
	c.MaxLine = cmp.Or(c.MaxLine, 128<<10)
	c.MaxMessage = cmp.Or(c.MaxMessage, 64<<10)
	c.MaxConnections = cmp.Or(c.MaxConnections, 1024)
	c.Header = cmp.Or(c.Header, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &settings{Config: c}
	for _, token := range c.Tokens {
		s.digests = append(s.digests, sha256.Sum256([]byte(token)))
	}
	return s
}

// guarded tells whether a connection needs a token.
func (s *settings) guarded() bool { return len(s.digests) > 0 }

// admits tells whether a connection that gave the secret of d may go on. It takes as long for every d.
func (s *settings) admits(d digest) bool {
	found := 0
	for i := range s.digests {
		found |= subtle.ConstantTimeCompare(d[:], s.digests[i][:])
	}
	return found == 1 || !s.guarded()
}
