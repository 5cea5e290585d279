package lane

import (
	"net/http"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// Rules say what a body of updates may hold.
type Rules struct {
	MaxMessage int           // bytes of one message's JSON text
	MaxWait    time.Duration // the longest "wait"
	Options    bool          // whether "latest", "except" and "wait" are known
	From       dispatch.ID   // the client that publishes them, if it is one
}

// Batch is a body of updates.
type Batch struct {
	Updates  []dispatch.Update
	Receipts []*dispatch.Receipt // as many as Updates, nil where none is waited for; or nil altogether
	Wait     time.Duration       // the longest "wait" of any
	One      bool                // the body was one object, so the answer is one as well
}

// ParseUpdates reads a body of updates: an object {"path","message"}, an array of them, or one after the other with
// white space between (NDJSON). The whole body is read before anything is returned, so that one bad entry refuses all.
func (rules Rules) ParseUpdates(body []byte) (*Batch, error) {
	p := updateParser{rules: rules, scanner: strictjson.NewScanner(body)}
	if p.scanner.AtEnd() {
		return nil, Refuse(http.StatusBadRequest, "empty_body", "the body is empty; send {\"path\":…,\"message\":…} or an array of them")
	}
	kind, err := p.scanner.Peek()
	switch {
	case err != nil:
	case kind == strictjson.Array:
		err = p.array()
	default:
		err = p.lines()
	}
	if err != nil {
		return nil, JSONProblem(err).AtEntry(len(p.batch.Updates))
	}
	return &p.batch, nil
}

type updateParser struct {
	rules   Rules
	scanner strictjson.Scanner
	batch   Batch
}

func (p *updateParser) array() error {
	more, err := p.scanner.EnterArray()
	for ; more && err == nil; more, err = p.scanner.NextElement() {
		if err := p.update(); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return p.scanner.End()
}

func (p *updateParser) lines() error {
	for !p.scanner.AtEnd() {
		if err := p.update(); err != nil {
			return err
		}
	}
	p.batch.One = len(p.batch.Updates) == 1
	return nil
}

// updateMembers are the members of an update. The first two are all that a client may give, and must be there.
var updateMembers = []string{"path", "message", "latest", "except", "wait"}

// entry is one update's object as far as it was read.
type entry struct {
	path    dispatch.Path
	message strictjson.Value
	options dispatch.Options
	wait    time.Duration
}

func (p *updateParser) update() error {
	names := updateMembers
	if !p.rules.Options {
		names = names[:2]
	}
	var e entry
	seen, err := ScanObject(&p.scanner, names, func(name string, value strictjson.Value) error {
		return p.member(&e, name, value)
	})
	if err != nil {
		return err
	}
	for i, name := range names[:2] {
		if seen&(1<<i) == 0 {
			return bad("%q is missing", name).AtField(name).AtOffset(p.scanner.Offset())
		}
	}
	p.add(&e)
	return nil
}

func (p *updateParser) add(e *entry) {
	e.options.From = p.rules.From
	if e.wait > 0 {
		for len(p.batch.Receipts) < len(p.batch.Updates) {
			p.batch.Receipts = append(p.batch.Receipts, nil)
		}
		e.options.Receipt = dispatch.NewReceipt()
		p.batch.Wait = max(p.batch.Wait, e.wait)
	}
	if e.wait > 0 || p.batch.Receipts != nil {
		p.batch.Receipts = append(p.batch.Receipts, e.options.Receipt)
	}
	message := dispatch.NewMessage(e.message, e.options)
	p.batch.Updates = append(p.batch.Updates, dispatch.Update{Path: e.path, Message: message})
}

func (p *updateParser) member(e *entry, name string, value strictjson.Value) (err error) {
	if name == "message" {
		if e.message = value; len(value.Raw) > p.rules.MaxMessage {
			return Refuse(http.StatusRequestEntityTooLarge, "message_size",
				"the message is larger than %d bytes", p.rules.MaxMessage).AtOffset(value.Offset)
		}
		return nil
	}
	text, isText := value.Text()
	switch {
	case name == "latest":
		if value.Kind != strictjson.Bool {
			return bad("\"latest\" must be true or false, not %s", Article(value.Kind)).AtOffset(value.Offset)
		}
		e.options.Latest = value.Raw[0] == 't'
	case !isText:
		return bad("%q must be a string, not %s", name, Article(value.Kind)).AtOffset(value.Offset)
	case name == "path":
		if e.path, err = dispatch.ParsePath(text); err != nil {
			return Refuse(http.StatusBadRequest, "path", "%v", err).AtOffset(value.Offset)
		}
	case name == "except":
		e.options.Except = dispatch.ID(text)
	case name == "wait":
		if e.wait, err = ParseTerm(text, p.rules.MaxWait); err != nil {
			return bad("%v", err).AtOffset(value.Offset)
		}
	}
	return nil
}

// ParseTerm reads a time such as "2s", above 0 and at most max.
func ParseTerm(text string, max time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	switch {
	case err != nil || d <= 0:
		return 0, bad("%q is not a time above 0, such as \"2s\" or \"1h30m\"", text)
	case d > max:
		return 0, bad("%q is longer than the %v that it may be", text, max)
	}
	return d, nil
}
