package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

// maxFile bounds a configuration file, so that a wrong name (a log, a device) is an error and not a full memory.
const maxFile = 1 << 20

// readFile lays a file over the defaults. Only a file that cannot be read at all is returned as an error; what is wrong
// inside it is added to the loader's problems.
func (l *loader) readFile(name string) error {
	data, err := readSome(name)
	if err != nil {
		return fmt.Errorf("config: cannot read %s: %w", name, withoutName(err))
	}
	l.readTOML(name, data)
	return nil
}

func readSome(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if len(data) > maxFile {
		return "", fmt.Errorf("larger than %s; is it a configuration file?", Bytes(maxFile))
	}
	return string(data), err
}

// withoutName takes the file's name off an error, where the text before it has it already.
func withoutName(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// fileReader walks through one parsed file.
type fileReader struct {
	*loader
	name string
	data string // without a byte order mark, so that the parser's offsets fit it
	meta toml.MetaData
}

// readTOML reads the text of a file. The walk is our own, because the library's decoder stops at the first problem.
func (l *loader) readTOML(name, data string) {
	r := &fileReader{loader: l, name: name, data: strings.TrimPrefix(data, "\ufeff")}
	var root map[string]toml.Primitive
	var err error
	if r.meta, err = toml.Decode(r.data, &root); err != nil {
		r.syntax(err)
		return
	}
	r.table(nil, 1, root)
}

// syntax reports what keeps the file from being TOML at all.
func (r *fileReader) syntax(err error) {
	problem := &ConfigError{File: r.name, Line: 1, Reason: err.Error()}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		problem.Line = r.lineAt(parse.Position.Start)
		problem.Key = parse.LastKey
		problem.Reason = syntaxReason(parse)
	}
	r.problems = append(r.problems, problem)
}

// syntaxReason is the parser's message, unless that may quote a secret which was written without its quotes.
func syntaxReason(parse toml.ParseError) string {
	s, known := settingNamed(parse.LastKey)
	inValue := parse.LastKey != "" && !slices.Contains(tableNames(), parse.LastKey)
	switch {
	case inValue && (!known || s.Secret):
		return "not a valid value; text stands in double quotes"
	case strings.HasPrefix(parse.Message, "expected value but found"),
		strings.HasPrefix(parse.Message, "expected a top-level item to end"): // as in hold = 25s
		return parse.Message + "; text stands in double quotes"
	}
	return parse.Message
}

// lineAt returns the line of a byte offset. It stands in for the line that the parser gives with an error, which is 0 or
// one too small where a file ends early.
func (r *fileReader) lineAt(offset int) int {
	offset = min(max(offset, 0), len(r.data))
	return 1 + strings.Count(r.data[:offset], "\n")
}

// table reads the entries of a table that stands at a line; the root has no key.
func (r *fileReader) table(key toml.Key, line int, entries map[string]toml.Primitive) {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		at := append(slices.Clone(key), name)
		place := ConfigError{File: r.name, Line: line, Key: at.String()}
		if own := r.lineOf(entries[name]); own > 0 {
			place.Line = own
		}
		r.entry(at, place, entries[name])
	}
}

// entry reads one key of a table: a setting, a table, or a mistake.
func (r *fileReader) entry(at toml.Key, place ConfigError, value toml.Primitive) {
	var raw any
	if err := r.meta.PrimitiveDecode(value, &raw); err != nil {
		r.problem(place, err.Error())
		return
	}
	_, isTable := raw.(map[string]any)
	setting, known := settingNamed(place.Key)
	switch {
	case isTable && slices.Contains(tableNames(), place.Key):
		r.table(at, place.Line, r.entries(value))
	case !r.concerns(place.Key):
	case known:
		r.value(setting, place, raw)
	case slices.Contains(tableNames(), place.Key):
		r.problem(place, "expected a table, got "+typeName(raw))
	case isTable:
		r.problem(place, "unknown table"+didYouMean(at, tableNames()))
	default:
		r.problem(place, "unknown key"+didYouMean(at, settingKeys()))
	}
}

// entries returns what stands in a table; nothing if value is not one.
func (r *fileReader) entries(value toml.Primitive) map[string]toml.Primitive {
	var entries map[string]toml.Primitive
	if err := r.meta.PrimitiveDecode(value, &entries); err != nil {
		return nil
	}
	return entries
}

// value sets a setting from a value of the file.
func (r *fileReader) value(s Setting, place ConfigError, raw any) {
	texts, ok := textsOf(s, raw)
	switch {
	case !ok:
		r.unreadable(s, place, fmt.Sprintf("expected %s, got %s", s.form().expect, typeName(raw)))
	case s.isList():
		s.setList(r.config, texts)
		r.found(s, place)
	default:
		if err := setScalar(r.config.field(s), texts[0]); err != nil {
			r.unreadable(s, place, err.Error())
			return
		}
		r.found(s, place)
	}
}

// textsOf turns a value of the file into the text of each entry, or of the one value, if its type suits the setting.
func textsOf(s Setting, raw any) (texts []string, ok bool) {
	name := s.form().name
	switch v := raw.(type) {
	case string:
		return []string{v}, name != "int" && !s.isList()
	case int64:
		return []string{fmt.Sprint(v)}, name == "int" || name == "size"
	case []any:
		for _, entry := range v {
			text, isText := entry.(string)
			if !isText {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, s.isList()
	}
	return nil, false
}

// typeName says what a value of the file is, for an error.
func typeName(raw any) string {
	switch v := raw.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or time"
	case map[string]any:
		return "a table"
	case []map[string]any:
		return "an array of tables"
	case []any:
		for _, entry := range v {
			if _, isText := entry.(string); !isText {
				return "an array with " + typeName(entry) + " in it"
			}
		}
		return "an array"
	}
	return fmt.Sprintf("a %T", raw)
}

// lineOf returns the line of a value, or of the first value in a table that has no header of its own; 0 if there is
// none.
func (r *fileReader) lineOf(value toml.Primitive) int {
	var parse toml.ParseError
	if err := r.meta.PrimitiveDecode(value, new(probe)); errors.As(err, &parse) && parse.Position.Line > 0 {
		return r.lineAt(parse.Position.Start)
	}
	first := 0
	for _, entry := range r.entries(value) {
		if line := r.lineOf(entry); line > 0 && (first == 0 || line < first) {
			first = line
		}
	}
	return first
}

// probe makes the library tell where a value stands: it gives positions only with the errors of an Unmarshaler.
type probe struct{}

var errProbe = errors.New("config: asked for a position")

// UnmarshalTOML implements [toml.Unmarshaler]; it always fails.
func (*probe) UnmarshalTOML(any) error { return errProbe }

// didYouMean proposes a name for an unknown one: a slip of a name in the same table, or the same name at the only other
// place that has it (the commonest slip: a key below the wrong header).
func didYouMean(at toml.Key, names []string) string {
	table, last := "", at[len(at)-1]
	if len(at) > 1 {
		table = at[:len(at)-1].String() + "."
	}
	var siblings, namesakes []string
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, table); ok && !strings.Contains(rest, ".") {
			siblings = append(siblings, rest)
		}
		if name[strings.LastIndexByte(name, '.')+1:] == last {
			namesakes = append(namesakes, name)
		}
	}
	found := ""
	if sibling := nearest(last, siblings); sibling != "" {
		found = table + sibling
	} else if len(namesakes) == 1 {
		found = namesakes[0]
	} else if table == "" {
		found = nearest(last, names)
	}
	if found == "" {
		return ""
	}
	return "; did you mean " + found + "?"
}
