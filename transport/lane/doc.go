// Package lane is the ground that the components which speak HTTP stand on: how a request is refused ([Problem]) and
// answered ([Handler], [WriteJSON]), who may drive the daemon ([Guard], [Guarded]), how bodies are read ([ReadBody]) and what
// updates look like in them ([Rules]), the event loops that serve connections ([Loops], [Port], [Conn], and [Fast] for a
// component's side; [Sockets] is all that they ask of the system), how many connections a port takes ([LimitListener]) and how long each may keep it
// waiting ([NewServer]), and what is counted ([Tally], [Histogram]).
//
// It knows nothing of any one component, and components know each other only through the dispatcher.
//
// # What is promised
//
// Whatever a component refuses is answered as application/problem+json, with the entry, the field and the offset where
// there is one. (net/http answers in plain text what it cannot read as a request at all.) No client holds a connection
// for ever by sending slowly, and none by not reading an answer of this package. A web page gets past no Guard.
package lane
