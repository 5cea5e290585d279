package demo

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	todoPath = "demo/todo"
	// maxTodos and maxTodoText keep the list to what a page shows well, and its memory to some 80 KiB.
	maxTodos    = 100
	maxTodoText = 200 // characters
)

// entry is one line of the to-do list, and the message that tells of its change. A message holds all of the entry, so
// that it does no harm to a page that has loaded the change already.
type entry struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
	Done bool   `json:"done"`
	Gone bool   `json:"gone,omitempty"` // only in messages: it has been removed
}

// order is the body of POST todo: what is to be done, and with which entry.
type order struct {
	Do   string `json:"do"` // add, tick, remove or reset
	ID   int    `json:"id"`
	Text string `json:"text"`
	Done bool   `json:"done"`
}

// todo is the list, in order of its IDs. Its owner locks.
type todo struct {
	entries []entry
	lastID  int // never given twice, so that a late request cannot hit another entry
}

func newTodo() *todo {
	t := new(todo)
	t.reset()
	return t
}

// reset makes it the first list again.
func (t *todo) reset() {
	t.entries = nil
	for _, text := range []string{"Water the roots", "Tick me, and look next door", "Open this page in a second tab"} {
		t.put(text)
	}
}

func (t *todo) put(text string) entry {
	t.lastID++
	e := entry{ID: t.lastID, Text: text}
	t.entries = append(t.entries, e)
	return e
}

// obey carries out o and returns the message that tells of it.
func (t *todo) obey(o order) (any, error) {
	switch o.Do {
	case "add":
		return t.add(o.Text)
	case "tick":
		return t.tick(o.ID, o.Done)
	case "remove":
		return t.remove(o.ID)
	case "reset":
		t.reset()
		return "", nil // a blank message: load afresh
	}
	return nil, refuse(http.StatusBadRequest, "do is %.20q; it should be add, tick, remove or reset", o.Do)
}

func (t *todo) add(text string) (any, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return nil, refuse(http.StatusBadRequest, "text is empty; say what is to be done")
	case utf8.RuneCountInString(text) > maxTodoText:
		return nil, refuse(http.StatusBadRequest, "text has %d characters; it may have %d", utf8.RuneCountInString(text), maxTodoText)
	case strings.ContainsFunc(text, unicode.IsControl):
		return nil, refuse(http.StatusBadRequest, "text has a control character, such as a new line, in it")
	case len(t.entries) >= maxTodos:
		return nil, refuse(http.StatusConflict, "the list is full: it has %d entries; remove one first", maxTodos)
	}
	return t.put(text), nil
}

func (t *todo) tick(id int, done bool) (any, error) {
	i, err := t.find(id)
	if err != nil {
		return nil, err
	}
	t.entries[i].Done = done
	return t.entries[i], nil
}

func (t *todo) remove(id int) (any, error) {
	i, err := t.find(id)
	if err != nil {
		return nil, err
	}
	gone := t.entries[i]
	gone.Gone = true
	t.entries = slices.Delete(t.entries, i, i+1)
	return gone, nil
}

func (t *todo) find(id int) (int, error) {
	i := slices.IndexFunc(t.entries, func(e entry) bool { return e.ID == id })
	if i < 0 {
		return 0, refuse(http.StatusNotFound, "there is no entry %d on the list; it may have been removed meanwhile", id)
	}
	return i, nil
}
