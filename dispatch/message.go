package dispatch

import (
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// Message is one immutable JSON value on its way to components, with the options of its delivery. Many components may
// hold the same Message; none changes it.
type Message struct {
	value    string
	accepted time.Duration // since epoch; 0 for never
	options  *Options      // never nil
	wire     atomic.Pointer[encoding]
}

// epoch is the time from which messages count theirs: a third of a time.Time, of which each has one.
var epoch = time.Now()

// plain are the options of nearly all messages.
var plain = new(Options)

// made makes a message of checked, compact JSON text.
func made(value string, options Options, now time.Time) *Message {
	m := &Message{value: value, accepted: now.Sub(epoch), options: plain}
	if options != *plain {
		own := options // which alone is then allocated
		m.options = &own
	}
	return m
}

// Options say how a message is to be delivered. The zero value is an ordinary message.
type Options struct {
	// Latest lets this message take the place of an earlier Latest one at the same path that a client has not been
	// sent yet, as the steps of a progress bar do.
	Latest bool
	// Except is the one component that is not told.
	Except ID
	// From is the client that published the message; "" for one from a back-end.
	From ID
	// Gap says why earlier messages at the path are missing; such a message is blank.
	Gap string
	// For is how long a connect or permit stands unless it is renewed; 0 is for ever. Other messages ignore it.
	For time.Duration
	// Receipt, if not nil, counts what becomes of the message.
	Receipt *Receipt
}

// encoding is a message as clients see it at one path.
type encoding struct {
	path Path
	json []byte
}

// blankValue is the JSON text of the blank message: "your view of this path starts afresh here; load it".
const blankValue = `""`

// blank confirms every connect; one serves for all.
var blank = &Message{value: blankValue, options: plain}

// NewMessage makes a message of a checked JSON value. It copies the value.
func NewMessage(value strictjson.Value, options Options) *Message {
	return made(string(compact(value)), options, time.Now())
}

// OldMessage makes a message of a checked JSON value that was accepted at another time, maybe by another process; the
// zero time says never, as of the blank message that confirms connects. It copies the value.
func OldMessage(value strictjson.Value, options Options, accepted time.Time) *Message {
	m := made(string(compact(value)), options, accepted)
	switch {
	case accepted.IsZero() && m.Blank() && options == *plain:
		return blank
	case accepted.IsZero():
		m.accepted = 0
	case m.accepted == 0:
		m.accepted = 1
	}
	return m
}

func compact(value strictjson.Value) []byte {
	if value.Spaced {
		return value.AppendCompact(make([]byte, 0, len(value.Raw)))
	}
	return value.Raw
}

// NewUpdate makes an update that was accepted now. It copies path, which [ParsePath] gave, and the checked value together.
func NewUpdate(path Path, value strictjson.Value, options Options, now time.Time) Update {
	text := compact(value)
	both := make([]byte, 0, len(path)+len(text))
	both = append(append(both, path...), text...)
	shared := unsafe.String(unsafe.SliceData(both), len(both)) // nobody writes to it any more
	return Update{Path(shared[:len(path)]), made(shared[len(path):], options, now)}
}

// JSONMessage makes a message of JSON text; the error is a *strictjson.Error.
func JSONMessage(text []byte, options Options) (*Message, error) {
	value, err := strictjson.Parse(text)
	if err != nil {
		return nil, err
	}
	return NewMessage(value, options), nil
}

// TextMessage makes a message of plain text, which clients see as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func TextMessage(text string, options Options) *Message {
	if text == "" && options == (Options{}) {
		return blank
	}
	value := strictjson.AppendString(make([]byte, 0, len(text)+2), text)
	return made(string(value), options, time.Now())
}

// JSON returns the message's value as compact JSON text.
func (m *Message) JSON() string { return m.value }

// Text returns the text of a message that is a JSON string; ok is false for any other.
func (m *Message) Text() (text string, ok bool) {
	if m.value[0] != '"' {
		return "", false
	}
	value, err := strictjson.Parse([]byte(m.value))
	if err != nil {
		return "", false
	}
	return value.Text()
}

// Blank tells whether the message is the empty text, which says that the view of its path starts afresh.
func (m *Message) Blank() bool { return m.value == blankValue }

// Accepted returns when the message was made, or the zero time for the blank one that confirms connects.
func (m *Message) Accepted() time.Time {
	if m.accepted == 0 {
		return time.Time{}
	}
	return epoch.Add(m.accepted)
}

// Options returns how the message is to be delivered.
func (m *Message) Options() Options { return *m.options }

// Latest returns the option of that name. It and the next two are for those who ask once a delivery.
func (m *Message) Latest() bool { return m.options.Latest }

// Gap returns the option of that name.
func (m *Message) Gap() string { return m.options.Gap }

// Receipt returns the option of that name.
func (m *Message) Receipt() *Receipt { return m.options.Receipt }

// Wire returns the update that clients see: {"path":…,"message":…}, with "from" where a client sent the message and
// "gap" where something was missed. The bytes are shared and must not be changed. The first path asked for is encoded
// once and kept; a message goes to one path, so that is all there is.
func (m *Message) Wire(path Path) []byte {
	if kept := m.wire.Load(); kept != nil && kept.path == path {
		return kept.json
	}
	made := &encoding{path: path, json: m.encode(path)}
	// The blank message is shared by every path: keeping one would only make the next ask in vain.
	if m != blank {
		m.wire.CompareAndSwap(nil, made)
	}
	return made.json
}

func (m *Message) encode(path Path) []byte {
	const fixed = len(`{"path":"","message":,"from":"","gap":""}`)
	dst := make([]byte, 0, fixed+len(path)+len(m.value)+len(m.options.From)+len(m.options.Gap)+8)
	dst = append(dst, `{"path":`...)
	dst = strictjson.AppendString(dst, string(path))
	dst = append(dst, `,"message":`...)
	dst = append(dst, m.value...)
	if m.options.From != "" {
		dst = append(dst, `,"from":`...)
		dst = strictjson.AppendString(dst, string(m.options.From))
	}
	if m.options.Gap != "" {
		dst = append(dst, `,"gap":`...)
		dst = strictjson.AppendString(dst, m.options.Gap)
	}
	return slices.Clip(append(dst, '}'))
}

// GapMessage makes the blank message that stands for updates which could not be kept, and says why.
func GapMessage(reason string) *Message {
	return made(blankValue, Options{Gap: reason}, time.Now())
}

// trusted makes a message of JSON text that this package wrote itself.
func trusted(value []byte) *Message {
	return made(string(value), Options{}, time.Now())
}
