//go:build ignore

// Golongpoll serves the manager of github.com/jcuga/golongpoll as its examples do, without logs. Events live for a
// minute, as a queue's messages do in rootsd.
//
//	golongpoll 127.0.0.1:9000
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/jcuga/golongpoll"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: golongpoll address:port")
	}
	manager, err := golongpoll.StartLongpoll(golongpoll.Options{EventTimeToLiveSeconds: 60})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/ready", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/events", manager.SubscriptionHandler)
	http.HandleFunc("/publish", manager.PublishHandler)
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
