package dispatch

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The paths of commands and of what components are told of them. See the table in docs/protocol.md.
const (
	PathConnect      Path = "::connect"       // "id->pattern": connect that component to the pattern
	PathDisconnect   Path = "::disconnect"    // "id->pattern": undo it
	PathPermit       Path = "::permit"        // "id->pattern": that component may publish there
	PathForbid       Path = "::forbid"        // "id->pattern": undo it
	PathKick         Path = "::kick"          // "id": end that component now
	PathGone         Path = "::gone"          // "id": the Controller says that the component is no more
	PathDisconnected Path = "::+::disconnect" // "pattern": what a component is told that was disconnected

	pathTo      = "::to/"      // before an ID: reaches that one component
	pathMembers = "::members/" // before a path: who is connected to it
)

// Why an update cannot be taken. [UpdateError] says which one of several it was.
var (
	ErrUnknownID    = errors.New("no component has this ID")
	ErrCommand      = errors.New("the message of this command must be the text \"id->pattern\"")
	ErrKick         = errors.New("the message of this command must be the text of an ID")
	ErrReserved     = errors.New("only rootsd itself may publish at this path")
	ErrNoCommand    = errors.New("there is no such command; see the system paths in docs/protocol.md")
	ErrNotPermitted = errors.New("this client is not permitted to publish at this path")
	ErrPaths        = errors.New("the client is connected to as many paths as it may be")
	ErrPermits      = errors.New("the client has as many permits as it may have")

	ErrSubscriptions = errors.New("there are as many connections between clients and paths as there may be; try again soon")
)

// UpdateError says which of several updates could not be taken, and why.
type UpdateError struct {
	Index int // counted from 0
	Path  Path
	Err   error // one of the Err… values of this package, possibly wrapped
}

// Error names the path and the reason; the index is for those who know what it counts.
func (e *UpdateError) Error() string { return fmt.Sprintf("%q: %v", string(e.Path), e.Err) }

// Unwrap returns the reason.
func (e *UpdateError) Unwrap() error { return e.Err }

// PathTo returns the path that reaches the component with this ID alone.
func PathTo(id ID) Path { return Path(pathTo + string(id)) }

// PathMembers returns the path at which is told who is connected to path.
func PathMembers(path Path) Path { return Path(pathMembers + string(path)) }

// Command makes the update that connects, disconnects, permits or forbids: path says which. A term above 0 is how long a
// connect or permit stands unless it is renewed.
func Command(path Path, id ID, pattern Pattern, term time.Duration) Update {
	return Update{path, TextMessage(string(id)+"->"+string(pattern), Options{For: term})}
}

// Kick makes the update that ends the component with this ID.
func Kick(id ID) Update { return Update{PathKick, TextMessage(string(id), Options{})} }

// order is what a command's message says.
type order struct {
	id      ID
	pattern Pattern
}

// parseOrder reads "id->pattern". The first "->" divides, as no ID has one.
func parseOrder(msg *Message) (order, error) {
	text, ok := msg.Text()
	if !ok {
		return order{}, ErrCommand
	}
	id, pattern, ok := strings.Cut(text, "->")
	if !ok || id == "" {
		return order{}, ErrCommand
	}
	p, err := ParsePattern(pattern)
	if err != nil {
		return order{}, err
	}
	return order{ID(id), p}, nil
}
