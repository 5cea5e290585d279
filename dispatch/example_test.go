package dispatch_test

import (
	"fmt"

	"github.com/rootsd/rootsd/dispatch"
)

// printer is a component that prints what it is told.
type printer struct{ name string }

func (p printer) Update(_ dispatch.ID, path dispatch.Path, msg *dispatch.Message) {
	fmt.Println(p.name, "hears", path, msg.JSON())
}

// A component is anything with an Update method. It is registered, connected, and told.
func Example() {
	controller := dispatch.NewController("example")
	dispatcher := dispatch.NewDispatcher(controller)
	defer dispatcher.Close()

	ada := controller.Register(printer{"Ada"})
	bob := controller.Register(printer{"Bob"})
	paid := dispatch.TextMessage("paid", dispatch.Options{})
	err := dispatcher.Apply("",
		dispatch.Command(dispatch.PathConnect, ada, "orders/*", 0),
		dispatch.Command(dispatch.PathConnect, bob, "orders/42", 0),
		dispatch.Update{Path: "orders/42", Message: paid},
		dispatch.Update{Path: "orders/43", Message: paid},
	)
	fmt.Println(err)
	// Output:
	// Ada hears orders/* ""
	// Bob hears orders/42 ""
	// Bob hears orders/42 "paid"
	// Ada hears orders/42 "paid"
	// Ada hears orders/43 "paid"
	// <nil>
}

// A batch with a fault changes nothing; the error says where the fault is.
func ExampleDispatcher_Apply() {
	controller := dispatch.NewController("example")
	dispatcher := dispatch.NewDispatcher(controller)
	defer dispatcher.Close()

	ada := controller.Register(printer{"Ada"})
	err := dispatcher.Apply("",
		dispatch.Command(dispatch.PathConnect, ada, "news", 0),
		dispatch.Command(dispatch.PathConnect, ada, "**/news", 0),
	)
	fmt.Println(err)
	// Output:
	// "::connect": pattern has "**" before its last segment
}

// A client publishes where a back-end has permitted it to.
func ExampleDispatcher_Publish() {
	controller := dispatch.NewController("example")
	dispatcher := dispatch.NewDispatcher(controller)
	defer dispatcher.Close()

	ada := controller.Register(printer{"Ada"})
	hello := dispatch.Update{Path: "chat/7", Message: dispatch.TextMessage("hello", dispatch.Options{From: ada})}
	fmt.Println(dispatcher.Publish(ada, hello))
	fmt.Println(dispatcher.Apply("", dispatch.Command(dispatch.PathPermit, ada, "chat/*", 0)))
	fmt.Println(dispatcher.Publish(ada, hello))
	// Output:
	// "chat/7": this client is not permitted to publish at this path
	// <nil>
	// <nil>
}

func ExamplePattern() {
	for _, pattern := range []dispatch.Pattern{"orders/42", "orders/*", "orders/**", "**", "offers/*"} {
		fmt.Println(pattern, pattern.Matches("orders/42"), pattern.Matches("orders/42/lines"))
	}
	// Output:
	// orders/42 true false
	// orders/* true false
	// orders/** true true
	// ** true true
	// offers/* false false
}

func ExampleParsePath() {
	for _, text := range []string{"/orders/42/", "orders//42", "orders/*"} {
		path, err := dispatch.ParsePath(text)
		fmt.Printf("%q %v\n", path, err)
	}
	// Output:
	// "orders/42" <nil>
	// "" path has an empty segment
	// "" path has a wildcard segment; an update goes to one path
}
