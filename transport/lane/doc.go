// Package lane is the ground that the components which speak HTTP stand on: how a request is refused ([Problem]), who
// may drive the daemon ([Guard]), how bodies are read ([ReadBody]) and what updates look like in them ([Rules]), how
// many connections a port takes ([LimitListener]), and what is counted ([Tally], [Histogram]).
//
// It knows nothing of any one component, and components know each other only through the dispatcher.
package lane
