//go:build ignore

// Mercure serves the hub of github.com/dunglas/mercure with its transport in memory, as its documentation tells an
// embedding program to: anonymous subscribers, publishers with a token, no logs, time-outs and heartbeat as by default.
//
//	mercure 127.0.0.1:9000 key
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/dunglas/mercure"
	"go.uber.org/zap"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: mercure address:port key")
	}
	key := []byte(os.Args[2])
	hub, err := mercure.NewHub(
		mercure.WithTransport(mercure.NewLocalTransport()),
		mercure.WithAnonymous(),
		mercure.WithPublisherJWT(key, "HS256"),
		mercure.WithSubscriberJWT(key, "HS256"),
		mercure.WithLogger(zap.NewNop()),
	)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(os.Args[1], hub))
}
