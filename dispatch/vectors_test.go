package dispatch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rootsd/rootsd/dispatch"
)

// readVectors reads the cases of a file in docs/vectors, the same that the code of other languages runs.
func readVectors[Case any](t *testing.T, file string) []Case {
	t.Helper()
	text, err := os.ReadFile("../docs/vectors/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		About string
		Cases []Case
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors.Cases) == 0 {
		t.Fatal("there are no cases")
	}
	t.Logf("vectors: %s %d", strings.TrimSuffix(file, ".json"), len(vectors.Cases)) // compared with other languages' counts
	return vectors.Cases
}

// title is what every case has.
type title struct{ Name, Why string }

// run runs a case as a subtest and sees to it that it has a name of its own and says why it is there.
func (c title) run(t *testing.T, seen map[string]bool, test func(t *testing.T)) {
	t.Helper()
	if c.Name == "" || c.Why == "" || seen[c.Name] {
		t.Errorf("case %q needs a name of its own and a reason", c.Name)
	}
	seen[c.Name] = true
	t.Run(c.Name, test)
}

// text is a string, or a list of strings and repeated strings that are to be joined.
type text string

func (x *text) UnmarshalJSON(data []byte) error {
	var parts []json.RawMessage
	if data[0] != '[' {
		return json.Unmarshal(data, (*string)(x))
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	for _, part := range parts {
		repeat := struct {
			Repeat string
			Times  int
		}{Times: 1}
		into := any(&repeat)
		if part[0] == '"' {
			into = &repeat.Repeat
		}
		if err := json.Unmarshal(part, into); err != nil {
			return err
		}
		*x += text(strings.Repeat(repeat.Repeat, repeat.Times))
	}
	return nil
}

// outcome is the text that something is made into, or the name of the error.
type outcome struct {
	text
	err string
}

func (o *outcome) UnmarshalJSON(data []byte) error {
	if data[0] != '{' {
		return o.text.UnmarshalJSON(data)
	}
	var fault struct{ Error string }
	err := json.Unmarshal(data, &fault)
	o.err = fault.Error
	return err
}

func (o outcome) String() string {
	if o.err != "" {
		return "error " + o.err
	}
	return "text " + string(o.text)
}

// got makes an outcome of what this package returned.
func got[T ~string](value T, err error) outcome {
	names := map[error]string{
		dispatch.ErrPathEmpty:    "empty",
		dispatch.ErrPathLong:     "long",
		dispatch.ErrPathSegment:  "segment",
		dispatch.ErrPathText:     "text",
		dispatch.ErrPathControl:  "control",
		dispatch.ErrPathWildcard: "wildcard",
		dispatch.ErrPatternTail:  "tail",
		dispatch.ErrPatternDeep:  "deep",
	}
	for fault, name := range names {
		if errors.Is(err, fault) {
			return outcome{err: name}
		}
	}
	if err != nil {
		return outcome{err: err.Error()}
	}
	return outcome{text: text(value)}
}

func TestPathVectors(t *testing.T) {
	type vector struct {
		title
		Text          *text
		Base64        []byte
		Path, Pattern outcome
	}
	seen := make(map[string]bool)
	for _, c := range readVectors[vector](t, "path.json") {
		c.run(t, seen, func(t *testing.T) {
			input := string(c.Base64)
			if c.Text != nil {
				input = string(*c.Text)
			} else if len(c.Base64) == 0 {
				t.Fatal("the case has no input")
			}
			if got := got(dispatch.ParsePath(input)); got != c.Path {
				t.Errorf("ParsePath(%.80q) = %.80q, want %.80q", input, got, c.Path)
			}
			if got := got(dispatch.ParsePattern(input)); got != c.Pattern {
				t.Errorf("ParsePattern(%.80q) = %.80q, want %.80q", input, got, c.Pattern)
			}
		})
	}
}

func TestMatchVectors(t *testing.T) {
	type vector struct {
		title
		Pattern         dispatch.Pattern
		Path            dispatch.Path
		Other           dispatch.Pattern
		Matches, Covers *bool
	}
	seen := make(map[string]bool)
	for _, c := range readVectors[vector](t, "match.json") {
		c.run(t, seen, func(t *testing.T) {
			if (c.Matches == nil) == (c.Covers == nil) {
				t.Fatal("the case wants neither or both of matches and covers")
			}
			if c.Matches != nil {
				if got := c.Pattern.Matches(c.Path); got != *c.Matches {
					t.Errorf("%q matches %q = %v, want %v", c.Pattern, c.Path, got, *c.Matches)
				}
				if got := told(t, c.Pattern, c.Path); got != *c.Matches {
					t.Errorf("the dispatcher's tree: %q matches %q = %v, want %v", c.Pattern, c.Path, got, *c.Matches)
				}
				return
			}
			if got := c.Pattern.Covers(c.Other); got != *c.Covers {
				t.Errorf("%q covers %q = %v, want %v", c.Pattern, c.Other, got, *c.Covers)
			}
		})
	}
}

// told reports whether an update at path would reach a component that is connected to pattern.
func told(t *testing.T, pattern dispatch.Pattern, path dispatch.Path) bool {
	t.Helper()
	c := dispatch.NewController("test")
	d := dispatch.NewDispatcher(c)
	id := c.Register(silent{})
	if err := d.Apply("", dispatch.Command(dispatch.PathConnect, id, pattern, 0)); err != nil {
		t.Fatal(err)
	}
	return d.Path(path, 0).Matched == 1
}

// silent is a component that does nothing with what it is told.
type silent struct{}

func (silent) Update(dispatch.ID, dispatch.Path, *dispatch.Message) {}

func TestMessageVectors(t *testing.T) {
	type vector struct {
		title
		Path    dispatch.Path
		Message string
		From    dispatch.ID
		Gap     string
		Wire    string
	}
	seen := make(map[string]bool)
	for _, c := range readVectors[vector](t, "message.json") {
		c.run(t, seen, func(t *testing.T) {
			msg, err := dispatch.JSONMessage([]byte(c.Message), dispatch.Options{From: c.From, Gap: c.Gap})
			if err != nil {
				t.Fatal(err)
			}
			if got := string(msg.Wire(c.Path)); got != c.Wire {
				t.Errorf("got  %s\nwant %s", got, c.Wire)
			}
		})
	}
}
