package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A script of what is published, answered and heard, a step a word:
//
//	+user   an update is published at that path
//	ok      the connect is answered
//	=user   a blank message comes
//	~user   a gap mark comes
//	-group/*  the client is told that a lease has run out
//	3user   the update with that number comes
//	?user/3 it is not known whether the update was taken; it is sent again
//	new     the client has a new session
//
// The last word says what the ledger finds: the first flaw; "missing" if all is quiet and something has not come; "fine".
var ledgerScripts = []string{
	"ok =user +user 1user +user 2user fine",
	"ok =user +user +user 2user hole",
	"ok =user +user 1user +user +user 3user hole",
	"ok =user +user 1user 1user repeated",
	"ok =user +user +user 1user 2user 1user repeated",
	"ok =user +user +user 1user ?user/2 2user 2user fine",
	"ok =user +user +user 1user ?user/2 1user repeated",
	"+user ok =user +user 2user fine",
	"+user ok =user +user 1user 2user fine", // it was on its way
	"+user ok =user +user +user 3user hole",
	"=user +user 1user fine", // heard before the answer came
	"+user 1user missing",    // a mark may come yet
	"+user 1user =user without",
	"+user 1user ~user fine",
	"ok =user +user missing",
	"ok =user +user 1user +user missing",
	"ok +user missing",
	"+user ok =user fine",
	"ok =user +user +user ~user +user 3user fine",
	"ok =user +user +user ~user +user +user 4user hole",
	"ok =user +user +user ~user +user missing",
	"ok =user +user +user ~** +user 3user fine",
	"ok =user +user 1user +user =user 2user fine", // connected again: nothing may be missing
	"ok =user +user 1user +user =user +user 3user hole",
	"ok =user +user 1user new +user ok =user +user 3user fine",
	"ok =user +user 1user new +user 2user =user without",
	"ok =user +user +user 2user hole",
	"ok =group/* +group/a +group/b 1group/b 1group/a fine",
	"ok =group/* +group/a +group/a 2group/a hole",
	"ok =group/* +group/a ~group/* +group/a 2group/a fine",
	"ok =group/* +group/a ~group/a +group/a 2group/a +group/b 1group/b fine",
	"ok =group/* +group/a ~group/b 2group/a hole",
	"ok =group/* -group/* +group/a ok =group/* +group/a 2group/a fine",
	"ok =group/* -group/* +group/a 1group/a =group/* without",
	"ok =group/* -group/* +group/a 1group/a ~group/* fine", // the confirmation has become the mark
	"ok =group/* +group/a ~** fine",                        // the mark may stand for the end of the lease
	"ok =group/* ~::+::disconnect +group/a fine",
	"ok =group/* ~::+::disconnect ok +group/a missing",
	"ok =latest +latest +latest +latest 3latest fine",
	"ok =latest +latest +latest +latest 2latest missing",
	"ok =latest +latest +latest 2latest 1latest repeated",
	"ok =other +user 1user missing", // it says nothing of the client's own paths
}

// verdicts are the flaws by the words of the scripts.
var verdicts = map[flaw]string{"": "fine", flawAgain: "repeated", flawHole: "hole", flawStranger: "without"}

func TestLedger(t *testing.T) {
	for _, script := range ledgerScripts {
		words := strings.Fields(script)
		want := words[len(words)-1]
		got := playLedger(t, words[:len(words)-1])
		if got != want {
			t.Errorf("%q: found %q", script, got)
		}
	}
}

// playLedger plays a script and returns what was found.
func playLedger(t *testing.T, words []string) string {
	w := newWorld()
	user, a, b, latest := w.at("user"), w.at("group/a"), w.at("group/b"), w.at("latest")
	w.paths[latest].latest = true
	l := newLedger(w, []*topic{
		{pattern: "user", paths: []int32{user}},
		{pattern: "group/*", paths: []int32{a, b}, lease: time.Minute},
		{pattern: "latest", paths: []int32{latest}},
	})
	for _, word := range words {
		path := word[1:]
		u := update{path: []byte(path), message: []byte(`""`)}
		switch {
		case word == "ok":
			for i := range l.topics {
				l.stands(i)
			}
			continue
		case word == "new":
			l.forget()
			continue
		case word[0] == '+':
			w.publish(nil, w.at(path), 0, 0)
			continue
		case word[0] == '?':
			path, number, _ := strings.Cut(path, "/")
			w.doubt(note{w.at(path), int32(number[0] - '0')})
			continue
		case word[0] == '~':
			u.gap = []byte("overflow")
		case word[0] == '-':
			u = update{path: []byte(pathDisconnected), message: fmt.Appendf(nil, "%q", path)}
		case word[0] != '=':
			u.message = fmt.Appendf(nil, "[%c,0]", word[0])
		}
		if f, _, _ := l.hear(&u); f != "" {
			return verdicts[f]
		}
	}
	if l.missing() != "" {
		return "missing"
	}
	return "fine"
}

func TestLedgerAsksAgain(t *testing.T) {
	for _, test := range []struct{ path, message, gap, want string }{
		{pathDisconnected, `"group/*"`, "", "[1]"},
		{pathDisconnected, `"other"`, "", "[]"},
		{pathDisconnected, `""`, "overflow", "[1]"},
		{"**", `""`, "age", "[1]"},
		{"user", `""`, "age", "[]"},
		{"user", `""`, "", "[]"},
	} {
		w := newWorld()
		l := newLedger(w, []*topic{{pattern: "user", paths: []int32{w.at("user")}},
			{pattern: "group/*", paths: []int32{w.at("group/a")}, lease: time.Minute}})
		u := update{path: []byte(test.path), message: []byte(test.message)}
		if test.gap != "" {
			u.gap = []byte(test.gap)
		}
		if _, _, again := l.hear(&u); fmt.Sprint(again) != test.want {
			t.Errorf("%s %s %s: asks again for %v, want %s", test.path, test.message, test.gap, again, test.want)
		}
	}
}
