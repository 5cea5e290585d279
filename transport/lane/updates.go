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

// Batch is a body of updates. It holds nothing of the body's own bytes.
type Batch struct {
	Updates  []dispatch.Update
	Receipts []*dispatch.Receipt // as many as Updates, nil where none is waited for; or nil altogether
	Wait     time.Duration       // the longest "wait" of any
	One      bool                // the body was one object, so the answer is one as well

	first [1]dispatch.Update // what Updates is made of as long as there is but one
}

// ParseUpdates reads a body of updates: an object {"path","message"}, an array of them, or one after the other with
// white space between (NDJSON). The whole body is read before anything is returned, so that one bad entry refuses all.
// The error is a *[Problem] of status 400, or 413 for a message that is too large. It has the entry if the fault is in
// one, and the offset; a fault between the entries of an array has the offset alone.
func (rules Rules) ParseUpdates(body []byte) (*Batch, error) {
	p := updateParser{rules: rules, scanner: strictjson.NewScanner(body), batch: new(Batch)}
	p.batch.Updates = p.batch.first[:0]
	if p.scanner.AtEnd() {
		return nil, Refuse(http.StatusBadRequest, "empty_body", "the body is empty; send {\"path\":…,\"message\":…} or an array of them")
	}
	var err error
	if kind, _ := p.scanner.Peek(); kind == strictjson.Array {
		err = p.array()
	} else {
		err = p.lines()
	}
	if err != nil {
		return nil, JSONProblem(err)
	}
	return p.batch, nil
}

type updateParser struct {
	rules   Rules
	scanner strictjson.Scanner
	batch   *Batch
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

// updateMembers are the members of an update, and publishMembers those that a client may give.
var (
	updateMembers  = Members{[]string{"path", "message", "latest", "except", "wait"}, 2}
	publishMembers = Members{updateMembers.Names[:2], 2}
)

// entry is one update's object as far as it was read.
type entry struct {
	path    dispatch.Path
	message strictjson.Value
	options dispatch.Options
	wait    time.Duration
}

func (p *updateParser) update() error {
	members := updateMembers
	if !p.rules.Options {
		members = publishMembers
	}
	var e entry
	err := members.Scan(&p.scanner, func(name string, value strictjson.Value) error {
		return p.rules.member(&e, name, value)
	})
	if err != nil {
		return JSONProblem(err).AtEntry(len(p.batch.Updates))
	}
	e.options.From = p.rules.From
	p.batch.add(&e)
	return nil
}

func (rules Rules) member(e *entry, name string, value strictjson.Value) (err error) {
	switch name {
	case "path":
		e.path, err = scanPath(value)
	case "message":
		e.message = value
		if len(value.Raw) > rules.MaxMessage {
			err = Refuse(http.StatusRequestEntityTooLarge, "message_size",
				"the message is larger than %d bytes", rules.MaxMessage).AtOffset(value.Offset)
		}
	case "latest":
		e.options.Latest = string(value.Raw) == "true"
		if value.Kind != strictjson.Bool {
			err = bad("%q must be true or false, not %s", name, Article(value.Kind)).AtOffset(value.Offset)
		}
	case "except":
		var text string
		text, err = ScanText(name, value)
		e.options.Except = dispatch.ID(text)
	case "wait":
		e.wait, err = ScanTerm(name, value, rules.MaxWait)
	}
	return err
}

func scanPath(value strictjson.Value) (dispatch.Path, error) {
	text, err := ScanText("path", value)
	if err != nil {
		return "", err
	}
	path, err := dispatch.ParsePath(text)
	if err != nil {
		return "", Refuse(http.StatusBadRequest, "path", "%v", err).AtOffset(value.Offset)
	}
	return path, nil
}

func (b *Batch) add(e *entry) {
	if e.wait > 0 {
		e.options.Receipt = dispatch.NewReceipt()
		b.Wait = max(b.Wait, e.wait)
		for len(b.Receipts) < len(b.Updates) {
			b.Receipts = append(b.Receipts, nil)
		}
	}
	if e.wait > 0 || b.Receipts != nil {
		b.Receipts = append(b.Receipts, e.options.Receipt)
	}
	message := dispatch.NewMessage(e.message, e.options)
	b.Updates = append(b.Updates, dispatch.Update{Path: e.path, Message: message})
}
