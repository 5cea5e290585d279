package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// The ceiling is the sum of its lines, reckoned here by hand.
func TestCeiling(t *testing.T) {
	b := bounds{sessions: 10, connections: 8, control: 2, subscriptions: 100, paths: 20, queueMessages: 100, queueBytes: 1000,
		queueTotal: 5000, headerSize: 300, publishSize: 200, bodySize: 1000, messageSize: 500, tailBuffer: 3, history: 7}
	want := int64(48<<20) + 4100 + 800 + 30000 + 20000 + 12096 + 4000 + 2*(4000+45056) + 1500 + 2800
	want += want / 4
	if got := b.ceiling(); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

// Whatever is allowed more of raises the ceiling, or bounds something that is bounded otherwise, too.
func TestCeilingGrowsWithItsBounds(t *testing.T) {
	least := soakBounds(1000)
	for i := range reflect.TypeFor[bounds]().NumField() {
		more := least
		field := reflect.ValueOf(&more).Elem().Field(i)
		name := reflect.TypeFor[bounds]().Field(i).Name
		more = raised(more, i, int(field.Int())*2)
		grows := more.ceiling() > least.ceiling()
		if inOthers := name == "paths" || name == "queueMessages"; grows == inOthers {
			t.Errorf("twice %s: the ceiling was %d, and is %d", name, least.ceiling(), more.ceiling())
		}
	}
}

// raised returns b with another value of its field i.
func raised(b bounds, i, value int) bounds {
	fields := []*int{&b.sessions, &b.connections, &b.control, &b.subscriptions, &b.paths, &b.queueMessages, &b.queueBytes,
		&b.queueTotal, &b.headerSize, &b.publishSize, &b.bodySize, &b.messageSize, &b.tailBuffer, &b.history}
	*fields[i] = value
	return b
}

func TestCeilingIsSmallEnoughToMeanSomething(t *testing.T) {
	b := soakBounds(15000)
	if b.ceiling() > 1<<30 {
		t.Errorf("the ceiling of a soak with 15,000 clients is %s", size(b.ceiling()))
	}
	var text bytes.Buffer
	if err := b.write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sessions", "bytes in queues", "ceiling", size(b.ceiling())} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("it is not said what %q is:\n%s", want, text.String())
		}
	}
}
