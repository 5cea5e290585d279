package lane

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// Members are the names that an object of a body may have. The first Needed of them must be there. There may be 64.
type Members struct {
	Names  []string
	Needed int
}

// Scan reads one JSON object and has take called with each member's value; name is one of the Names. A member of another
// name is refused, and so is one that is there twice: it is not for us to guess which one was meant. Errors, those of
// take among them, are for [JSONProblem]; they name the field and the offset where there is one.
func (m Members) Scan(scanner *strictjson.Scanner, take func(name string, value strictjson.Value) error) error {
	kind, err := scanner.Peek()
	if err != nil {
		return err
	}
	start := scanner.Offset()
	if kind != strictjson.Object {
		return bad("this must be an object with %s, not %s", m.list(), Article(kind)).AtOffset(start)
	}
	var seen uint64 // 1<<i for each of Names that was there
	more, err := scanner.EnterObject()
	for ; more && err == nil; more, err = scanner.NextMember() {
		i, err := m.key(scanner, seen)
		if err != nil {
			return err
		}
		seen |= 1 << i
		value, err := scanner.Value()
		if err == nil {
			err = take(m.Names[i], value)
		}
		if err != nil {
			return JSONProblem(err).inField(m.Names[i])
		}
	}
	if err != nil {
		return err
	}
	return m.missing(seen, start)
}

// key scans a member's name and returns which of Names it is.
func (m Members) key(scanner *strictjson.Scanner, seen uint64) (i int, err error) {
	key, err := scanner.Key()
	if err != nil {
		return 0, err
	}
	if i = m.index(key); i < 0 {
		name, _ := key.Text()
		return 0, bad("%s is not known here; there may be %s", Quote(name), m.list()).AtField(clip(name)).AtOffset(key.Offset)
	}
	if seen&(1<<i) != 0 {
		return 0, bad("%q is there twice", m.Names[i]).AtField(m.Names[i]).AtOffset(key.Offset)
	}
	return i, nil
}

func (m Members) index(key strictjson.Value) int {
	if key.Escaped {
		name, _ := key.Text()
		return slices.Index(m.Names, name)
	}
	inner := key.Raw[1 : len(key.Raw)-1]
	for i, name := range m.Names {
		if string(inner) == name {
			return i
		}
	}
	return -1
}

// missing refuses the object that begins at offset start if one of the needed members was not seen.
func (m Members) missing(seen uint64, start int) error {
	for i, name := range m.Names[:m.Needed] {
		if seen&(1<<i) == 0 {
			return bad("%q is missing", name).AtField(name).AtOffset(start)
		}
	}
	return nil
}

func (m Members) list() string { return strings.Join(m.Names, ", ") }

// ScanStrings reads an array of strings; what is the name of one of them, for error texts. Errors are for [JSONProblem];
// those about an element have its entry and offset.
func ScanStrings(scanner *strictjson.Scanner, what string) (texts []string, err error) {
	texts = []string{}
	err = EachString(scanner, what, func(text string) error {
		texts = append(texts, text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return texts, nil
}

// EachString is [ScanStrings] that hands each string to take. An error of take is about that element.
func EachString(scanner *strictjson.Scanner, what string, take func(text string) error) error {
	kind, err := scanner.Peek()
	if err != nil {
		return err
	}
	if kind != strictjson.Array {
		return bad("this must be an array of %ss, not %s", what, Article(kind)).AtOffset(scanner.Offset())
	}
	n := 0
	more, err := scanner.EnterArray()
	for ; more && err == nil; more, err = scanner.NextElement() {
		value, err := scanner.Value()
		if err != nil {
			return JSONProblem(err).AtEntry(n)
		}
		text, ok := value.Text()
		if !ok {
			err = bad("a %s must be a string, not %s", what, Article(value.Kind))
		} else {
			err = take(text)
		}
		if err != nil {
			return JSONProblem(err).AtEntry(n).AtOffset(value.Offset)
		}
		n++
	}
	return err
}

// ScanText reads the string that is the value of the member called name.
func ScanText(name string, value strictjson.Value) (string, error) {
	text, ok := value.Text()
	if !ok {
		return "", bad("%q must be a string, not %s", name, Article(value.Kind)).AtOffset(value.Offset)
	}
	return text, nil
}

// ScanTerm reads a time such as "2s", above 0 and at most max, that is the value of the member called name.
func ScanTerm(name string, value strictjson.Value, max time.Duration) (time.Duration, error) {
	text, err := ScanText(name, value)
	if err != nil {
		return 0, err
	}
	term, err := time.ParseDuration(text)
	switch {
	case err != nil || term <= 0:
		return 0, bad("%s is not a time above 0, such as \"2s\" or \"1h30m\"", Quote(text)).AtOffset(value.Offset)
	case term > max:
		return 0, bad("%s is longer than the %v that it may be", Quote(text), max).AtOffset(value.Offset)
	}
	return term, nil
}

// JSONProblem refuses a body for err, a *strictjson.Error or a [Problem].
func JSONProblem(err error) *Problem {
	var problem *Problem
	if errors.As(err, &problem) {
		return problem
	}
	var fault *strictjson.Error
	if errors.As(err, &fault) {
		return Refuse(http.StatusBadRequest, "bad_json", "the body is not JSON: %s", fault.Reason).AtOffset(fault.Offset)
	}
	return Refuse(http.StatusBadRequest, "bad_body", "%v", err)
}

// inField is AtField for a problem that names no field yet.
func (p *Problem) inField(name string) *Problem {
	if p.Field == "" {
		p.Field = name
	}
	return p
}

func bad(detail string, args ...any) *Problem {
	return Refuse(http.StatusBadRequest, "bad_body", detail, args...)
}

// Article returns the name of a kind with "a" or "an" before it, for error texts.
func Article(kind strictjson.Kind) string {
	name := kind.String()
	switch {
	case kind == strictjson.Null:
		return name
	case strings.ContainsRune("aeiou", rune(name[0])):
		return "an " + name
	}
	return "a " + name
}
