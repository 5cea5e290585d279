package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestTodoBounds(t *testing.T) {
	list := newTodo()
	longest := strings.Repeat("ä", maxTodoText)
	for text, part := range map[string]string{
		"": "empty", " \t": "empty", longest + "ä": "201 characters", "a\nb": "control character", "a\u0085b": "control character",
	} {
		if _, err := list.obey(order{Do: "add", Text: text}); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("add %.20q: %v; want %q", text, err, part)
		}
	}
	for len(list.entries) < maxTodos {
		if _, err := list.obey(order{Do: "add", Text: " " + longest + " "}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := list.obey(order{Do: "add", Text: "one more"}); err == nil || len(list.entries) != maxTodos {
		t.Errorf("one more was added: %d entries, %v", len(list.entries), err)
	}
	last := list.entries[maxTodos-1]
	if last.Text != longest {
		t.Errorf("the text was kept as %q", last.Text)
	}
	if _, err := list.obey(order{Do: "remove", ID: last.ID}); err != nil {
		t.Error(err)
	}
	for _, do := range []string{"tick", "remove"} {
		if _, err := list.obey(order{Do: do, ID: last.ID}); err == nil {
			t.Errorf("%s of an entry that is gone is taken", do)
		}
	}
	if message, err := list.obey(order{Do: "add", Text: "again"}); err != nil || message.(entry).ID == last.ID {
		t.Errorf("an ID was given twice: %v, %v", message, err)
	}
}

// TestTodoLargest sends the largest entry as the most bytes that it may be written in.
func TestTodoLargest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := running(t, t.Output())
		body := `{"do":"add","id":0,"done":false,"text":"` + strings.Repeat(`\ud83c\udf33`, maxTodoText) + `"}`
		want(t, request(a, "POST", "/todo", body), http.StatusNoContent, "")
	})
}

func TestTodoTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		in.said("")
		for _, body := range []string{
			`{"do":"add","text":" Dig "}`, `{"do":"tick","id":4,"done":true}`, `{"do":"remove","id":4}`, `{"do":"reset"}`,
		} {
			want(t, request(a, "POST", "/todo", body), http.StatusNoContent, "")
		}
		synctest.Wait()
		got := in.said(todoPath)
		told := []string{
			`{"id":4,"text":"Dig","done":false}`, `{"id":4,"text":"Dig","done":true}`,
			`{"id":4,"text":"Dig","done":true,"gone":true}`, `""`,
		}
		if !slices.Equal(got, told) {
			t.Errorf("told %q; want %q", got, told)
		}
	})
}

// TestTodoOrder changes the list from many sides at once: who applies what is told ends with the list that the
// application has.
func TestTodoOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, in := running(t, t.Output())
		in.said("")
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				request(a, "POST", "/todo", fmt.Sprintf(`{"do":"add","text":"%d"}`, i))
				request(a, "POST", "/todo", fmt.Sprintf(`{"do":"tick","id":2,"done":%v}`, i%2 == 0))
				request(a, "POST", "/todo", fmt.Sprintf(`{"do":"remove","id":%d}`, 4+i/2))
			})
		}
		all.Wait()
		synctest.Wait()
		view := map[int]entry{}
		for _, e := range newTodo().entries {
			view[e.ID] = e
		}
		for _, message := range in.said(todoPath) {
			var e entry
			if err := json.Unmarshal([]byte(message), &e); err != nil {
				t.Fatal(err)
			}
			if view[e.ID] = e; e.Gone {
				delete(view, e.ID)
			}
		}
		var have []entry
		_ = json.Unmarshal(request(a, "GET", "/todo", "").Body.Bytes(), &have)
		for _, e := range have {
			if view[e.ID] != e {
				t.Errorf("the application has %v, the view %v", e, view[e.ID])
			}
		}
		if len(view) != len(have) {
			t.Errorf("the application has %d entries, the view %d", len(have), len(view))
		}
	})
}
