package rootsd_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	rootsd "github.com/rootsd/rootsd/connectors/go"
)

// A program has one Connector. This one sends nothing, as an application's tests do.
var roots = rootsd.New(rootsd.Config{URL: "null:"})

func ExampleConnector_Update() {
	order := map[string]string{"state": "paid"}
	_, err := roots.Update(context.Background(), rootsd.Update{Path: "orders/42", Message: order})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleConnector_Connect() {
	id := "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17" // a page sends it
	paths, err := roots.Connect(context.Background(), id, time.Hour, "orders/42", "news/*")
	fmt.Println(paths, err)
	// Output: [orders/42 news/*] <nil>
}

func ExampleConnector_Sent() {
	roots := rootsd.New(rootsd.Config{URL: "null:"})
	_, _ = roots.Update(context.Background(), rootsd.Update{Path: "orders/42", Message: "paid", Latest: true})
	for _, sent := range roots.Sent() {
		fmt.Println(sent.Verb, sent.Body)
	}
	// Output: update map[latest:true message:paid path:orders/42]
}

func ExampleEndpoint() {
	mux := http.NewServeMux()
	mux.Handle("/server/", &rootsd.Endpoint{
		Connector: roots,
		MayHear:   func(r *http.Request, path string) bool { return path == "orders/42" }, // asks who is logged in
		Proof:     rootsd.HeaderProof(func(r *http.Request) string { return "the CSRF token of the session" }),
	})

	id := "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17"
	page := httptest.NewRequest("POST", "/server/connect/"+id, strings.NewReader(`["orders/42"]`))
	page.Header.Set("X-CSRF-Token", "the CSRF token of the session")
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, page)
	fmt.Println(answer.Code)
	// Output: 204
}

func ExampleWebhook() {
	webhook := rootsd.Webhook{Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
	http.HandleFunc("POST /hook", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		var event struct{ Path string }
		if err == nil {
			err = webhook.Verify(body, r.Header, &event)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
}
