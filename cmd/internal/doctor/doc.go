// Package doctor looks at a rootsd from where browsers are, through all proxies on the way, and says what is wrong and
// what to do about it.
//
// What flows: [Run] comes to a push URL as a page would. It opens sessions, and listens by long-poll, event stream and
// WebSocket at the same time for as long as rootsd holds them, while it tries what needs no patience: addresses,
// methods, origins, the application's connect endpoint. Each question is one [Check] with a name, a [State], what was
// seen, and the fix in words. A check that another one explains is skipped, so that one mistake of a proxy is one
// failure.
//
// What is promised: no check changes anything but its own sessions, which it leaves in the end. No text holds a token,
// a cookie or a header that was given.
//
// How to test against it: the proxies in the tests (faults_test.go) make one mistake each; cmd/internal/proxytest does
// the same with real ones. Hold and Timeout of a [Config] are short there.
package doctor
