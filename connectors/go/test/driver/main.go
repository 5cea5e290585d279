// Command driver makes calls of the connector as it is told on standard input, a JSON object a line, and writes what
// came of each to standard output. The tests of all connectors use one such program a language.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math"
	"os"
	"strconv"
	"time"

	rootsd "github.com/rootsd/rootsd/connectors/go"
)

// seconds is a number of seconds in JSON.
type seconds time.Duration

func (s *seconds) UnmarshalJSON(text []byte) error {
	var n float64
	err := json.Unmarshal(text, &n)
	*s = seconds(n * float64(time.Second))
	return err
}

// update is one of the updates of a call.
type update struct {
	Path    string  `json:"path"`
	Message any     `json:"message"`
	Latest  bool    `json:"latest"`
	Except  string  `json:"except"`
	Wait    seconds `json:"wait"`
}

func (u update) real() rootsd.Update {
	message := u.Message
	if special, ok := message.(map[string]any); ok && special["$"] == "nan" {
		message = math.NaN()
	}
	return rootsd.Update{Path: u.Path, Message: message, Latest: u.Latest, Except: u.Except, Wait: time.Duration(u.Wait)}
}

// arguments are those of all methods together.
type arguments struct {
	update
	Updates json.RawMessage `json:"updates"`
	ID      string          `json:"id"`
	Paths   []string        `json:"paths"`
	Rooms   []string        `json:"rooms"`
	Lease   seconds         `json:"lease"`
}

type object map[string]any

func main() {
	config := rootsd.Config{}
	if len(os.Args) > 1 {
		timeout, err := strconv.ParseFloat(os.Args[1], 64)
		if err != nil {
			log.Fatal(err)
		}
		config.Timeout = time.Duration(timeout * float64(time.Second))
	}
	roots := rootsd.New(config)
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var told struct {
			Method string
			Args   json.RawMessage
		}
		if err := in.Decode(&told); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		var args arguments
		if err := decode(told.Args, &args, false); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(outcome(call(roots, told.Method, args))); err != nil {
			log.Fatal(err)
		}
	}
}

// decode keeps numbers as they are written.
func decode(text []byte, into any, strict bool) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if strict {
		decoder.DisallowUnknownFields()
	}
	return decoder.Decode(into)
}

func outcome(result any, err error) object {
	var e *rootsd.Error
	switch {
	case err == nil:
		return object{"result": result}
	case !errors.As(err, &e):
		log.Fatalf("an error of another kind: %v", err)
	}
	return object{"error": object{"text": e.Error(), "status": e.Status, "reason": e.Reason, "detail": e.Detail,
		"entry": e.Entry, "field": e.Field, "uncertain": e.Uncertain}}
}

// call makes a call. What rootsd answers and a method does not return, its success says.
func call(roots *rootsd.Connector, method string, args arguments) (any, error) {
	ctx, lease := context.Background(), time.Duration(args.Lease)
	var paths []string
	var err error
	switch method {
	case "update":
		receipt, err := roots.Update(ctx, args.real())
		if args.Wait != 0 {
			return result(receipt), err
		}
		return object{"accepted": 1}, err
	case "updates":
		return updates(ctx, roots, args.Updates)
	case "join":
		return object{"accepted": 3 * len(args.Rooms)}, roots.Join(ctx, args.ID, args.Rooms...)
	case "kick":
		return object{"id": args.ID}, roots.Kick(ctx, args.ID)
	case "clients":
		return roots.Clients(ctx, args.ID)
	case "connect":
		paths, err = roots.Connect(ctx, args.ID, lease, args.Paths...)
	case "disconnect":
		paths, err = roots.Disconnect(ctx, args.ID, args.Paths...)
	case "permit":
		paths, err = roots.Permit(ctx, args.ID, lease, args.Paths...)
	case "forbid":
		paths, err = roots.Forbid(ctx, args.ID, args.Paths...)
	default:
		log.Fatalf("there is no method %q", method)
	}
	return object{"id": args.ID, "paths": paths}, err
}

// updates sends several updates. What Go's compiler would refuse, such as a misspelt member, goes as it is.
func updates(ctx context.Context, roots *rootsd.Connector, text json.RawMessage) (any, error) {
	var list []update
	if decode(text, &list, true) != nil {
		var answer any
		return answer, roots.Request(ctx, "update", text, &answer)
	}
	all, results, waits := make([]rootsd.Update, len(list)), make([]object, len(list)), false
	for i, u := range list {
		all[i], waits = u.real(), waits || u.Wait != 0
	}
	receipts, err := roots.Updates(ctx, all)
	if !waits {
		return object{"accepted": len(list)}, err
	}
	for i, u := range list {
		if u.Wait != 0 {
			results[i] = result(receipts[i])
		}
	}
	return results, err
}

func result(r rootsd.Receipt) object {
	return object{"matched": r.Matched, "delivered": r.Delivered, "confirmed": r.Confirmed, "gapped": r.Gapped}
}
