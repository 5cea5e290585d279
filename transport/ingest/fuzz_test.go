package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/transport/lane"
)

// What parse accepts is what encoding/json reads in the same body, and what it refuses says where the fault is.
func FuzzOrderBody(f *testing.F) {
	for _, tt := range refusedOrders {
		f.Add([]byte(strings.Replace(tt.body, "¦", "", 1)))
	}
	f.Add([]byte(`{"id":"x","paths":["a","b/**"],"for":"1h"}`))
	f.Add([]byte(`{"paths":[],"id":"\u00fc"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, members := range []lane.Members{termMembers, plainMembers, kickMembers} {
			var b orderBody
			if err := b.parse(members, body); err != nil {
				checkRefusal(t, body, err)
				continue
			}
			checkOrder(t, &b, members, body)
		}
	})
}

// checkRefusal wants a problem of a bad request, whose offset is in the body.
func checkRefusal(t *testing.T, body []byte, err error) {
	var p *lane.Problem
	if !errors.As(err, &p) {
		t.Fatalf("%T: %v", err, err)
	}
	if p.Status != 400 || p.Reason == "" || p.Detail == "" || p.Entry != nil && p.Field != "paths" {
		t.Errorf("got %+v", p)
	}
	if p.Offset == nil != (p.Reason == "empty_body") || p.Offset != nil && (*p.Offset < 0 || *p.Offset > len(body)) {
		t.Errorf("offset in %+v", p)
	}
}

func checkOrder(t *testing.T, b *orderBody, members lane.Members, body []byte) {
	var want map[string]any
	if err := json.Unmarshal(body, &want); err != nil {
		t.Fatalf("accepted, but: %v", err)
	}
	got := map[string]any{"id": string(b.id)}
	for name := range want {
		if !slices.Contains(members.Names, name) {
			t.Errorf("accepted with %q", name)
		}
	}
	if b.paths != nil {
		paths := []any{}
		for n, p := range b.paths {
			if parsed, err := dispatch.ParsePattern(string(p)); err != nil || parsed != p {
				t.Errorf("pattern %q: %v", p, err)
			}
			// The slashes at its ends are dropped.
			given := fmt.Sprint(want["paths"].([]any)[n])
			if strings.Trim(given, "/") != string(p) {
				t.Errorf("got %q, want %q", p, given)
			}
			paths = append(paths, given)
		}
		got["paths"] = paths
	}
	if text, ok := want["for"].(string); ok {
		if term, err := time.ParseDuration(text); err != nil || term != b.term || term <= 0 || term > maxTerm {
			t.Errorf("term %v of %q, %v", b.term, text, err)
		}
		got["for"] = text
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The 2009 form means what it meant: parseLegacy is compared with the plain reading of it by encoding/json.
func FuzzLegacyBody(f *testing.F) {
	for _, body := range []string{
		``, `[]`, `null`, `[null]`, `[7]`, `["path",[],{}]`, `[true]`, `{"path":"a","message":"b"}`,
		`[{"path":"a","message":"b"},{"path":"a"},{"message":"\u00fc","path":"/b/","x":[1]}]`,
		`[{"path":"a","message":"b"},{"path":7,"message":"c"}]`, `[{"path":"a","message":"b"}] x`,
		`[{"path":"x","path":"a","message":"b"}]`, `[{"path":"a//b","message":"b"}]`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const maxMessage = 100
		updates, err := parseLegacy(body, maxMessage)
		if err != nil && updates != nil {
			t.Errorf("updates besides %v", err)
		}
		var got []string
		for _, u := range updates {
			text, ok := u.Message.Text()
			if !ok || len(u.Message.JSON()) > maxMessage {
				t.Errorf("message %s", u.Message.JSON())
			}
			got = append(got, string(u.Path)+" "+text)
		}
		want, ok := naiveLegacy(body, maxMessage)
		// encoding/json lets texts pass that are no Unicode, and takes longer ones.
		lenient := !utf8.Valid(body) || strings.Contains(string(body), `\u`) || len(body) > maxMessage
		switch {
		case err == nil && (!ok || !slices.Equal(got, want)):
			t.Errorf("got %q, want %q, %v", got, want, ok)
		case err != nil && ok && !lenient:
			t.Errorf("refused for %v, want %q", err, want)
		}
	})
}

// naiveLegacy is the rule of protocols.md, as plainly as can be.
func naiveLegacy(body []byte, maxMessage int) (updates []string, ok bool) {
	var entries []any
	if err := json.Unmarshal(body, &entries); err != nil || entries == nil {
		return nil, false
	}
	for _, entry := range entries {
		switch entry := entry.(type) {
		case string, []any:
		case map[string]any:
			path, hasPath := entry["path"]
			message, hasMessage := entry["message"]
			if !hasPath || !hasMessage {
				continue
			}
			pathText, ok := path.(string)
			messageText, ok2 := message.(string)
			parsed, err := dispatch.ParsePath(pathText)
			if !ok || !ok2 || err != nil || len(messageText) > maxMessage {
				return nil, false
			}
			updates = append(updates, string(parsed)+" "+messageText)
		default:
			return nil, false
		}
	}
	return updates, true
}
