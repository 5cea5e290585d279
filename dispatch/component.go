package dispatch

// Component is a part of rootsd: whatever can be told of updates. A client's session is one, and so is a log.
//
// Update tells the component that sender gave msg at path. It is called on the timeline, by whichever goroutine gave the
// update or works off what is pending, with the Controller's lock held; calls never overlap. So it must be quick: it does not block, does no network
// I/O, and does not call the Controller or the Dispatcher back, except for [Controller.Post] and [Controller.Find].
// path and msg may be kept; neither may be changed. path is an ordinary path, or:
//
//   - a [Pattern], with the blank message: the component is now connected to it, and its view of it starts afresh;
//   - [PathDisconnected], with a pattern's text: the component is no longer connected to it;
//   - [PathKick], with the component's own ID: it is to end; [PathGone] is said of it next, and it is told of nothing
//     more.
//
// A Component is registered with [Controller.Register] before it is told of anything.
type Component interface {
	Update(sender ID, path Path, msg *Message)
}

// Update is one message for one path.
type Update struct {
	Path    Path
	Message *Message
}
