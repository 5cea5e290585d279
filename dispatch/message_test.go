package dispatch_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
	"github.com/rootsd/rootsd/dispatch/strictjson"
)

func TestTextMessage(t *testing.T) {
	tests := []struct{ text, json, back string }{
		{"", `""`, ""},
		{"hello", `"hello"`, "hello"},
		{"a\"b\\c\n\x00", `"a\"b\\c\n\u0000"`, "a\"b\\c\n\x00"},
		{"é😀", `"é😀"`, "é😀"},
		{"a\xffb", `"a` + "\ufffd" + `b"`, "a\ufffdb"},
	}
	for _, test := range tests {
		msg := dispatch.TextMessage(test.text, dispatch.Options{})
		back, ok := msg.Text()
		if msg.JSON() != test.json || back != test.back || !ok {
			t.Errorf("TextMessage(%q) = %s, %q, %v, want %s, %q", test.text, msg.JSON(), back, ok, test.json, test.back)
		}
		if got, want := msg.Blank(), test.text == ""; got != want {
			t.Errorf("TextMessage(%q) is blank = %v, want %v", test.text, got, want)
		}
	}
}

func TestTextOfJSONMessage(t *testing.T) {
	tests := []struct {
		json, text  string
		ok, isBlank bool
	}{
		{`"hello"`, "hello", true, false},
		{` "\u0061\ud83d\ude00\/" `, "a😀/", true, false},
		{`""`, "", true, true},
		{` "" `, "", true, true},
		{`1`, "", false, false},
		{`null`, "", false, false},
		{`["a"]`, "", false, false},
		{`{}`, "", false, false},
	}
	for _, test := range tests {
		msg := message(test.json, dispatch.Options{})
		text, ok := msg.Text()
		if text != test.text || ok != test.ok || msg.Blank() != test.isBlank {
			t.Errorf("the text of %s is %q, %v, blank %v, want %q, %v, %v",
				test.json, text, ok, msg.Blank(), test.text, test.ok, test.isBlank)
		}
	}
}

func TestJSONMessageErrors(t *testing.T) {
	for _, text := range []string{"", " ", "hello", `"a`, `{"a":1,}`, "1 2", "\xff", strings.Repeat("[", 100_000)} {
		if msg, err := dispatch.JSONMessage([]byte(text), dispatch.Options{}); err == nil {
			t.Errorf("JSONMessage(%.20q) = %s, want an error", text, msg.JSON())
		}
	}
}

// What a receiver reads into is used again for the next request.
func TestMessageKeepsNothingOfItsInput(t *testing.T) {
	for _, text := range []string{`"abc"`, ` [ 1 , "b" ] `} {
		buffer := []byte(text)
		value, err := strictjson.Parse(buffer)
		if err != nil {
			t.Fatal(err)
		}
		msg := dispatch.NewMessage(value, dispatch.Options{})
		want := strings.Clone(msg.JSON())
		clear(buffer)
		if got := msg.JSON(); got != want {
			t.Errorf("got %q after the input has changed, want %q", got, want)
		}
	}
}

func TestMessageOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := dispatch.NewReceipt()
		want := dispatch.Options{Latest: true, Except: "a", From: "b", Gap: "c", For: time.Hour, Receipt: r}
		msg := dispatch.TextMessage("", want)
		if got := msg.Options(); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !msg.Latest() || msg.Gap() != "c" || msg.Receipt() != r || !msg.Blank() {
			t.Errorf("got %v, %q, %v, %v", msg.Latest(), msg.Gap(), msg.Receipt(), msg.Blank())
		}
		if !msg.Accepted().Equal(time.Now()) {
			t.Errorf("accepted at %v, want %v", msg.Accepted(), time.Now())
		}
		gap := dispatch.GapMessage("too old")
		if !gap.Blank() || gap.Gap() != "too old" || !gap.Accepted().Equal(time.Now()) {
			t.Errorf("got the gap message %s, %q, %v", gap.JSON(), gap.Gap(), gap.Accepted())
		}
	})
}

func TestWireIsEncodedOnce(t *testing.T) {
	msg := message(`{"a":1}`, dispatch.Options{})
	var wires [writers][]byte
	each(func(writer int) { wires[writer] = msg.Wire("orders/42") })
	kept := msg.Wire("orders/42")
	for _, wire := range wires {
		if want := `{"path":"orders/42","message":{"a":1}}`; string(wire) != want {
			t.Errorf("got %s, want %s", wire, want)
		}
	}
	if again := msg.Wire("orders/42"); &again[0] != &kept[0] {
		t.Error("the message was encoded once more for the same path")
	}
	if got, want := string(msg.Wire("other")), `{"path":"other","message":{"a":1}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if cap(kept) != len(kept) {
		t.Error("appending to what Wire returned would write behind it")
	}
}
