package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestAnswer(t *testing.T) {
	tests := []struct {
		text, want string
		ok         bool
	}{
		{`{"updates":[],"reconnectWith":"a-1/0/s"}` + "\n", "a-1/0/s 0s 0s", true},
		{`{"updates":[],"reconnectWith":"a-1/0/s","pace":1234,"retry":50}`, "a-1/0/s 1.234s 50ms", true},
		{`{"updates":[{"path":"a/b","message":[7,90]},{"path":"c/*","message":"","gap":"age"}],"reconnectWith":"a-1/2/s"}`,
			`a-1/2/s 0s 0s a/b [7,90]; c/* "" age;`, true},
		{`{"updates":[{"path":"a","message":{"x":["}",{"y":"\"]"}]},"from":"a-2"}],"reconnectWith":"t"}`,
			`t 0s 0s a {"x":["}",{"y":"\"]"}]};`, true},
		{`{"updates":[{"path":"a","message":true}],"reconnectWith":"t","later":{"on":1}}`, "t 0s 0s a true;", true},
		{`{"updates":[{"path":"a","message":1}]}`, "", false},
		{`{"updates":[{"path":"a"}],"reconnectWith":"t"}`, "", false},
		{`{"updates":[{"message":1}],"reconnectWith":"t"}`, "", false},
		{`{"updates":[{"path":"a","message":1}`, "", false},
		{`{"updates":[`, "", false},
		{`{"title":"Conflict","status":409}`, "", false},
		{``, "", false},
	}
	for _, test := range tests {
		var a answer
		err := a.parse([]byte(test.text))
		got := ""
		if err == nil {
			got = fmt.Sprintf("%s %v %v", a.token, a.pace, a.retry)
		}
		for _, u := range a.updates {
			if err == nil {
				got += fmt.Sprintf(" %s %s", u.path, u.message)
				if u.gap != nil {
					got += " " + string(u.gap)
				}
				got += ";"
			}
		}
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("%s\n got %q, %v\nwant %q", test.text, got, err, test.want)
		}
	}
}

func TestStamp(t *testing.T) {
	tests := []struct {
		message string
		number  int32
		due     time.Duration
		ok      bool
	}{
		{`[12,345]`, 12, 345, true},
		{`[12,345,"xxx"]`, 12, 345, true},
		{`[12]`, 0, 0, false},
		{`["a",1]`, 0, 1, false},
		{`12`, 0, 0, false},
		{`""`, 0, 0, false},
	}
	for _, test := range tests {
		u := update{message: []byte(test.message)}
		if number, due, ok := u.stamp(); number != test.number || due != test.due || ok != test.ok {
			t.Errorf("%s: got %d, %d, %v", test.message, number, due, ok)
		}
	}
}

// What the world publishes is what a client reads out of it.
func TestPublishedIsRead(t *testing.T) {
	w := newWorld()
	path := w.at("user/1")
	w.publish(nil, path, 1, 0)
	body, n := w.publish(nil, path, 55*time.Second, 10)
	var entry struct {
		Path    string
		Message json.RawMessage
		Latest  bool
	}
	if err := json.Unmarshal(body, &entry); err != nil {
		t.Fatal(err)
	}
	u := update{path: []byte(entry.Path), message: entry.Message}
	number, due, ok := u.stamp()
	if !ok || number != 2 || due != 55*time.Second || entry.Path != "user/1" || entry.Latest || n != (note{path, 2}) {
		t.Errorf("%s: read as number %d due at %v (%v), noted as %v", body, number, due, ok, n)
	}
}

// FuzzAnswer looks for an answer that is read although it is not JSON, or whose token or updates are others than JSON has.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"updates":[{"path":"a","message":[1,2]}],"reconnectWith":"t","pace":5}`))
	f.Add([]byte(`{"updates":[{"path":"a","message":"","gap":"age"},{"path":"b","message":{"x":[]}}],"reconnectWith":"t"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a answer
		if a.parse(text) != nil {
			return
		}
		var want struct{ Updates []struct{ Path string } }
		if json.Unmarshal(text, &want) == nil && len(want.Updates) != len(a.updates) {
			t.Errorf("%q: %d updates, JSON has %d", text, len(a.updates), len(want.Updates))
		}
	})
}
