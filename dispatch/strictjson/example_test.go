package strictjson_test

import (
	"fmt"

	"github.com/rootsd/rootsd/dispatch/strictjson"
)

func ExampleScanner() {
	s := strictjson.NewScanner([]byte(`{"path": "news", "message": [1, "two"]}`))
	more, err := s.EnterObject()
	for ; more; more, err = s.NextMember() {
		key, err := s.Key()
		if err != nil {
			fmt.Println(err)
			return
		}
		value, err := s.Value()
		if err != nil {
			fmt.Println(err)
			return
		}
		name, _ := key.Text()
		fmt.Printf("%s at %d: %s %s\n", name, value.Offset, value.Kind, value.AppendCompact(nil))
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("error:", s.End())
	// Output:
	// path at 9: string "news"
	// message at 28: array [1,"two"]
	// error: <nil>
}

func ExampleParse() {
	_, err := strictjson.Parse([]byte(`{"path": "news",}`))
	fmt.Println(err)
	// Output: offset 16: expected a key in double quotes
}

func ExampleAppendString() {
	fmt.Printf("%s\n", strictjson.AppendString(nil, "say \"hi\"\n"))
	// Output: "say \"hi\"\n"
}
