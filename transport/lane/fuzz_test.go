package lane

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// What ParseUpdates accepts is what encoding/json reads in the same body, and what it refuses says where the fault is.
func FuzzParseUpdates(f *testing.F) {
	for _, tt := range refusedUpdates {
		if body, _ := unmark(tt.body); len(body) < 2000 {
			f.Add([]byte(body), true)
		}
	}
	for _, body := range []string{
		`{"path":"a/b","message":{"n": [1, -2.5e3, "\u00e9", null, true]},"latest":true}`,
		`[{"path":"a","message":"1","wait":"2s"},{"message":2,"path":"/b/","except":"x-1"}]`,
		"{\"path\":\"a\",\"message\":1}\n{\"path\":\"::to/x\",\"message\":2}",
		`[]`,
	} {
		f.Add([]byte(body), true)
		f.Add([]byte(body), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, options bool) {
		rules := Rules{MaxMessage: 200, MaxWait: time.Hour, Options: options, From: "c-1"}
		batch, err := rules.ParseUpdates(body)
		if err != nil {
			checkRefusal(t, body, err)
			return
		}
		checkBatch(t, batch, decodeUpdates(t, body), options)
	})
}

// checkRefusal wants a problem of a bad request, whose offset is in the body.
func checkRefusal(t *testing.T, body []byte, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("%T: %v", err, err)
	}
	if p.Status != 400 && p.Status != 413 || p.Reason == "" || p.Detail == "" {
		t.Errorf("got %+v", p)
	}
	if p.Offset == nil != (p.Reason == "empty_body") || p.Offset != nil && (*p.Offset < 0 || *p.Offset > len(body)) {
		t.Errorf("offset in %+v", p)
	}
	if text, err := json.Marshal(p); err != nil || len(text) > 2000 {
		t.Errorf("answer of %d bytes, %v", len(text), err)
	}
}

// checkBatch compares a batch with what encoding/json has read.
func checkBatch(t *testing.T, batch *Batch, want []map[string]any, options bool) {
	if len(batch.Updates) != len(want) || batch.Receipts != nil && len(batch.Receipts) != len(want) {
		t.Fatalf("got %d updates and %d receipts, want %d", len(batch.Updates), len(batch.Receipts), len(want))
	}
	for n, u := range batch.Updates {
		if path, err := dispatch.ParsePath(string(u.Path)); err != nil || path != u.Path {
			t.Errorf("path %q: %v", u.Path, err)
		}
		if given, _ := want[n]["path"].(string); strings.Trim(given, "/") != string(u.Path) {
			t.Errorf("got path %q, want %q", u.Path, given)
		}
		decoder := json.NewDecoder(strings.NewReader(u.Message.JSON()))
		decoder.UseNumber()
		var message any
		if err := decoder.Decode(&message); err != nil || !reflect.DeepEqual(message, want[n]["message"]) {
			t.Errorf("got message %s, %v, want %v", u.Message.JSON(), err, want[n]["message"])
		}
		o := u.Message.Options()
		latest, _ := want[n]["latest"].(bool)
		except, _ := want[n]["except"].(string)
		_, waits := want[n]["wait"]
		if o.From != "c-1" || o.Latest != latest || string(o.Except) != except || (o.Receipt != nil) != waits {
			t.Errorf("got options %+v, want %v", o, want[n])
		}
		if !options && len(want[n]) != 2 {
			t.Errorf("a client gave %v", want[n])
		}
	}
}

// decodeUpdates reads a body by other means. The values of an array, or those that follow one another, are the updates.
func decodeUpdates(t *testing.T, body []byte) (updates []map[string]any) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		if err := decoder.Decode(&updates); err != nil {
			t.Fatalf("accepted, but: %v", err)
		}
		return updates
	}
	for {
		var u map[string]any
		err := decoder.Decode(&u)
		if errors.Is(err, io.EOF) {
			return updates
		}
		if err != nil {
			t.Fatalf("accepted, but: %v", err)
		}
		updates = append(updates, u)
	}
}

// No Host field but those of the table is ours: a page's name can be anything.
func FuzzGuardHost(f *testing.F) {
	for _, host := range []string{"localhost:8004", "[::1]:8004", "127.0.0.1", "127.0.0.1.nip.io", "[fe80::1%eth0]", "localhost.:80", "a:b"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		g := &Guard{Hosts: []string{"roots.internal"}}
		if !g.ourHost(host) || host == "" {
			return
		}
		name := strings.ToLower(host)
		if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, ']') {
			if strings.Trim(name[i+1:], "0123456789") != "" {
				t.Errorf("%q passes with that port", host)
			}
			name = name[:i]
		}
		// Letters in a name, other than those of an IPv6 address in brackets, must spell one of ours.
		if strings.HasPrefix(name, "[") || strings.Trim(name, "0123456789.") == "" && strings.Count(name, ".") == 3 {
			return
		}
		own := ownName()
		for _, ours := range []string{"localhost", "roots.internal", own} {
			if strings.EqualFold(strings.TrimSuffix(name, "."), ours) {
				return
			}
		}
		t.Errorf("%q passes", host)
	})
}
