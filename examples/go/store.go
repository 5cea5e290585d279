package main

import (
	"slices"
	"sync"
)

// item is something to be done.
type item struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
	Done bool   `json:"done"`
	list string // path of its list
}

// list is what several users have to do.
type list struct {
	Path, Name string
	members    []string
}

var lists = []*list{
	{"lists/1", "Groceries", []string{"ada", "grace"}},
	{"lists/2", "Plans", []string{"mallory"}},
}

var (
	mu       sync.Mutex // guards what follows
	items    []item     // in the order of their IDs, from 1
	sessions = make(map[string]session)
)

// listsOf returns the lists that a user is a member of.
func listsOf(user string) []*list {
	return slices.DeleteFunc(slices.Clone(lists), func(l *list) bool { return !slices.Contains(l.members, user) })
}

// listOf returns the list with a path, nil if the user is no member of it.
func listOf(user, path string) *list {
	for _, l := range listsOf(user) {
		if l.Path == path {
			return l
		}
	}
	return nil
}

func itemsOf(l *list) []item {
	mu.Lock()
	defer mu.Unlock()
	return slices.DeleteFunc(append([]item{}, items...), func(i item) bool { return i.list != l.Path })
}

func add(l *list, text string) item {
	mu.Lock()
	defer mu.Unlock()
	items = append(items, item{ID: len(items) + 1, Text: text, list: l.Path})
	return items[len(items)-1]
}

// tick says whether an item is done. It fails if the user has no such item.
func tick(user string, id int, done bool) (item, bool) {
	mu.Lock()
	defer mu.Unlock()
	if id < 1 || id > len(items) || listOf(user, items[id-1].list) == nil {
		return item{}, false
	}
	items[id-1].Done = done
	return items[id-1], true
}
