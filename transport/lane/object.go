package lane

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/rootsd/rootsd/dispatch/strictjson"
)

// ScanObject reads one JSON object and has take called with each member's value; name is one of names. A member of
// another name is refused, and so is one that is there twice: it is not for us to guess which one was meant. seen has
// the bit 1<<i for each names[i] that was there. Errors are for [JSONProblem].
func ScanObject(scanner *strictjson.Scanner, names []string, take func(name string, value strictjson.Value) error) (seen uint, err error) {
	kind, err := scanner.Peek()
	if err != nil {
		return 0, err
	}
	if kind != strictjson.Object {
		return 0, bad("this must be an object with %s, not %s", strings.Join(names, ", "), Article(kind)).AtOffset(scanner.Offset())
	}
	more, err := scanner.EnterObject()
	for ; more && err == nil; more, err = scanner.NextMember() {
		key, err := scanner.Key()
		if err != nil {
			return seen, err
		}
		name, _ := key.Text()
		i := slices.Index(names, name)
		if i < 0 {
			return seen, bad("%q is not known here; there may be %s", name, strings.Join(names, ", ")).AtField(name).AtOffset(key.Offset)
		}
		if seen&(1<<i) != 0 {
			return seen, bad("%q is there twice", name).AtField(name).AtOffset(key.Offset)
		}
		seen |= 1 << i
		value, err := scanner.Value()
		if err == nil {
			err = take(names[i], value)
		}
		if err != nil {
			return seen, JSONProblem(err).inField(name)
		}
	}
	return seen, err
}

// ScanStrings reads an array of strings.
func ScanStrings(scanner *strictjson.Scanner, what string) (texts []string, err error) {
	kind, err := scanner.Peek()
	if err != nil {
		return nil, err
	}
	if kind != strictjson.Array {
		return nil, bad("this must be an array of %ss, not %s", what, Article(kind)).AtOffset(scanner.Offset())
	}
	texts = []string{}
	more, err := scanner.EnterArray()
	for ; more && err == nil; more, err = scanner.NextElement() {
		value, err := scanner.Value()
		if err != nil {
			return nil, err
		}
		text, ok := value.Text()
		if !ok {
			return nil, bad("a %s must be a string, not %s", what, Article(value.Kind)).AtEntry(len(texts)).AtOffset(value.Offset)
		}
		texts = append(texts, text)
	}
	return texts, err
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
