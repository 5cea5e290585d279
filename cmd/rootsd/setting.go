package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Setting describes one key of the configuration.
type Setting struct {
	Key     string // with its tables: push.queue.bytes
	Help    string // one line without a full stop
	Default string // as it is written in a file: "256KiB" with its quotes, 1000, []
	Reload  bool   // takes effect without a restart
	Secret  bool   // its value is shown nowhere

	index    []int // of the field, for reflect
	min, max string
}

// Settings lists every key, in the order of the fields of [Config].
var Settings = sync.OnceValue(func() []Setting {
	list := settingsOf(reflect.TypeFor[Config](), "", nil)
	defaults := DefaultConfig()
	for i, s := range list {
		list[i].Default = tomlText(defaults.field(s))
	}
	return list
})

// settingsOf lists the settings of a struct; a field that is a struct itself is a table.
func settingsOf(t reflect.Type, table string, index []int) []Setting {
	var list []Setting
	for i := range t.NumField() {
		field := t.Field(i)
		key, at := table+field.Tag.Get("toml"), append(slices.Clone(index), i)
		if field.Type.Kind() == reflect.Struct {
			list = append(list, settingsOf(field.Type, key+".", at)...)
			continue
		}
		list = append(list, Setting{
			Key:    key,
			Help:   field.Tag.Get("help"),
			Reload: field.Tag.Get("reload") == "yes",
			Secret: field.Type == reflect.TypeFor[Secret]() || field.Type == reflect.TypeFor[[]Secret](),
			index:  at,
			min:    field.Tag.Get("min"),
			max:    field.Tag.Get("max"),
		})
	}
	return list
}

// settingNamed finds a setting by its key.
func settingNamed(key string) (Setting, bool) {
	i := slices.IndexFunc(Settings(), func(s Setting) bool { return s.Key == key })
	if i < 0 {
		return Setting{}, false
	}
	return Settings()[i], true
}

// Env returns the setting's environment variable: ROOTS_PUSH_QUEUE_BYTES.
func (s Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
}

// Flag returns the setting's flag without the hyphens before it: push-queue-bytes.
func (s Setting) Flag() string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.Key)
}

// form is how a setting is written.
type form struct {
	name   string // for the help of its flag
	expect string // for errors
}

var forms = map[reflect.Type]form{
	reflect.TypeFor[string]():        {"string", "a string"},
	reflect.TypeFor[Secret]():        {"token", "a string"},
	reflect.TypeFor[int]():           {"int", "an integer"},
	reflect.TypeFor[Bytes]():         {"size", `a size such as "64KiB"`},
	reflect.TypeFor[time.Duration](): {"duration", `a duration such as "25s"`},
	reflect.TypeFor[[]string]():      {"list", "an array of strings"},
	reflect.TypeFor[[]Secret]():      {"list", "an array of strings"},
}

func (s Setting) form() form { return forms[s.typ()] }

func (s Setting) typ() reflect.Type { return reflect.TypeFor[Config]().FieldByIndex(s.index).Type }

func (s Setting) isList() bool { return s.typ().Kind() == reflect.Slice }

func (s Setting) copy(to, from *Config) {
	value := from.field(s)
	if s.isList() {
		list := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
		reflect.Copy(list, value)
		value = list
	}
	to.field(s).Set(value)
}

// equal compares a setting of two configurations; a nil list equals an empty one.
func (s Setting) equal(a, b *Config) bool {
	x, y := a.field(s), b.field(s)
	if s.isList() && x.Len() == 0 && y.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(x.Interface(), y.Interface())
}

// reloads tells whether a change of the setting takes effect without a restart. A certificate can be replaced by another,
// but a port does not begin or cease to speak TLS.
func (s Setting) reloads(running, next *Config) bool {
	if strings.HasPrefix(s.Key, "push.tls.") && (running.Push.TLS.Cert == "" || next.Push.TLS.Cert == "") {
		return false
	}
	return s.Reload
}

// setText sets a setting as the environment and flags write it; a list's entries are separated by commas.
func (s Setting) setText(c *Config, text string) error {
	if s.isList() {
		s.setList(c, splitList(text))
		return nil
	}
	return setScalar(c.field(s), text)
}

func (s Setting) setList(c *Config, entries []string) {
	list := reflect.MakeSlice(s.typ(), len(entries), len(entries))
	for i, entry := range entries {
		list.Index(i).SetString(entry)
	}
	c.field(s).Set(list)
}

// splitList cuts at commas and trims each entry. An empty text is an empty list.
func splitList(text string) []string {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	entries := strings.Split(text, ",")
	for i, entry := range entries {
		entries[i] = strings.TrimSpace(entry)
	}
	return entries
}

// setScalar reads text into a field of any type but a list.
func setScalar(field reflect.Value, text string) (err error) {
	var n int64
	switch field.Type() {
	case reflect.TypeFor[int]():
		if n, err = strconv.ParseInt(text, 10, strconv.IntSize); err != nil {
			err = fmt.Errorf("expected an integer, got %q", text)
		}
	case reflect.TypeFor[Bytes]():
		var size Bytes
		size, err = ParseBytes(text)
		n = int64(size)
	case reflect.TypeFor[time.Duration]():
		var d time.Duration
		d, err = parseDuration(text)
		n = int64(d)
	default:
		field.SetString(text)
		return nil
	}
	if err == nil {
		field.SetInt(n)
	}
	return err
}

// outOfRange tells how a number, size or duration of c breaks the bounds of its setting; "" if it does not.
func (s Setting) outOfRange(c *Config) string {
	if s.min == "" {
		return ""
	}
	value, low, high := c.field(s), reflect.New(s.typ()).Elem(), reflect.New(s.typ()).Elem()
	if err := setScalar(low, s.min); err != nil {
		panic("config: bad min tag of " + s.Key)
	}
	if err := setScalar(high, s.max); err != nil {
		panic("config: bad max tag of " + s.Key)
	}
	if value.Int() >= low.Int() && value.Int() <= high.Int() {
		return ""
	}
	return fmt.Sprintf("must be between %s and %s, got %s", s.min, s.max, plainText(value))
}

// plainText writes a number, size, duration or string without quotes.
func plainText(value reflect.Value) string {
	if d, ok := value.Interface().(time.Duration); ok {
		return durationText(d)
	}
	return fmt.Sprint(value.Interface())
}

// tomlText writes a value as a file would.
func tomlText(value reflect.Value) string {
	switch value.Kind() {
	case reflect.Int:
		return plainText(value)
	case reflect.Slice:
		entries := make([]string, value.Len())
		for i := range entries {
			entries[i] = tomlText(value.Index(i))
		}
		return "[" + strings.Join(entries, ", ") + "]"
	default:
		return strconv.Quote(plainText(value))
	}
}

// settingKeys lists the keys of all settings.
var settingKeys = sync.OnceValue(func() []string {
	var keys []string
	for _, s := range Settings() {
		keys = append(keys, s.Key)
	}
	return keys
})

// tableNames lists the tables of a file, such as push and push.queue.
var tableNames = sync.OnceValue(func() []string {
	var names []string
	for _, s := range Settings() {
		if dot := strings.LastIndexByte(s.Key, '.'); dot > 0 && !slices.Contains(names, s.Key[:dot]) {
			names = append(names, s.Key[:dot])
		}
	}
	return names
})
