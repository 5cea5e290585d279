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
	Now        time.Time     // when they were accepted; the zero time is the present
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
	batch := new(Batch)
	if err := rules.ParseInto(batch, body); err != nil {
		return nil, err
	}
	return batch, nil
}

// ParseInto is ParseUpdates for a batch that may have been used before.
func (rules Rules) ParseInto(batch *Batch, body []byte) error {
	if rules.Now.IsZero() {
		rules.Now = time.Now()
	}
	*batch = Batch{}
	batch.Updates = batch.first[:0]
	p := updateParser{rules: rules, scanner: strictjson.NewScanner(body), batch: batch}
	if p.scanner.AtEnd() {
		return Refuse(http.StatusBadRequest, "empty_body", "the body is empty; send {\"path\":…,\"message\":…} or an array of them")
	}
	var err error
	if kind, _ := p.scanner.Peek(); kind == strictjson.Array {
		err = p.array()
	} else {
		err = p.lines()
	}
	if err != nil {
		return JSONProblem(err)
	}
	return nil
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
	var e entry
	if !p.usual(&e) {
		e = entry{}
		if err := p.any(&e); err != nil {
			return JSONProblem(err).AtEntry(len(p.batch.Updates))
		}
	}
	e.options.From = p.rules.From
	p.batch.add(&e, p.rules.Now)
	return nil
}

// usual reads an update as nearly all are: a path, then a message, and nothing else. It reports whether this was one; if
// not, nothing has changed.
func (p *updateParser) usual(e *entry) bool {
	scanner := p.scanner
	more, err := scanner.EnterObject()
	for i := range 2 {
		if !more || err != nil {
			return false
		}
		key, err := scanner.Key()
		if name := updateMembers.Names[i]; err != nil || len(key.Raw) != len(name)+2 || string(key.Raw[1:len(name)+1]) != name {
			return false
		}
		value, err := scanner.Value()
		if err != nil || p.rules.member(e, updateMembers.Names[i], value) != nil {
			return false
		}
		if more, err = scanner.NextMember(); err != nil {
			return false
		}
	}
	if more {
		return false
	}
	p.scanner = scanner
	return true
}

// any reads an update whatever its members are, and says what is wrong with it.
func (p *updateParser) any(e *entry) error {
	members := updateMembers
	if !p.rules.Options {
		members = publishMembers
	}
	return members.Scan(&p.scanner, func(name string, value strictjson.Value) error {
		return p.rules.member(e, name, value)
	})
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

// scanPath reads a path. It may be a part of the body; NewUpdate copies it.
func scanPath(value strictjson.Value) (dispatch.Path, error) {
	var written string
	if value.Kind == strictjson.String && !value.Escaped {
		written = text(value.Raw[1 : len(value.Raw)-1])
	} else if unescaped, err := ScanText("path", value); err == nil {
		written = unescaped
	} else {
		return "", err
	}
	path, err := dispatch.ParsePath(written)
	if err != nil {
		return "", Refuse(http.StatusBadRequest, "path", "%v", err).AtOffset(value.Offset)
	}
	return path, nil
}

func (b *Batch) add(e *entry, now time.Time) {
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
	b.Updates = append(b.Updates, dispatch.NewUpdate(e.path, e.message, e.options, now))
}
