// Package dispatch is the heart of rootsd: it passes updates between components, in one order that all of them share.
//
// A [Component] is anything with an [ID] and one method, Update(sender, path, msg). The [Controller] gives out the IDs,
// keeps the registry of who has which, and passes every update to its delegates one after the other. That sequence is
// the timeline: if one component hears of a before b, no component hears of b before a. The [Dispatcher] is a delegate
// that knows which component wants which [Path], and tells just those.
//
//	receivers ──▶ Controller ──▶ delegates: a log, a Dispatcher ──▶ components connected to the path
//
// Paths that begin with "::" are commands to the Controller and the Dispatcher (see the constants of this package), and
// take their turn on the same timeline: an update given after a connect reaches the connected component, one given
// before does not.
//
// # What is promised
//
// Each component connected to a path, or to a [Pattern] that matches it, is told of an update exactly once, however many
// of its patterns match. Telling is a method call under the Controller's lock: a component must take note and return,
// and nothing in this package waits, does I/O or starts a goroutine for a component.
//
// # How to test against it
//
// A component needs no daemon: make a Controller, register the component, and give updates.
//
//	controller := dispatch.NewController("test")
//	dispatcher := dispatch.NewDispatcher(controller)
//	id := controller.Register(component)
//	err := dispatcher.Apply("", dispatch.Command(dispatch.PathConnect, id, "orders/*", 0))
//
// Apart from dispatch/strictjson, which reads JSON, the package imports the standard library alone.
package dispatch
